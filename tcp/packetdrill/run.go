package packetdrill

import "errors"

// RunScript runs the script in text. file is for messages.
func RunScript(file string, text []byte, o Options) Result {
	_, err := Parse(file, text)
	if err != nil {
		return failure(file, err)
	}
	return Result{File: file, Outcome: Skipped, Reason: "there is no TCP yet"}
}

// failure is the result of a script that ends with err.
func failure(file string, err error) Result {
	r := Result{File: file, Outcome: Failed, Reason: err.Error()}
	var e *Error
	if errors.As(err, &e) {
		r.Line, r.Reason = e.Line, e.Reason
		if e.Unsupported {
			r.Outcome = Skipped
		}
	}
	return r
}

package edge

import "waypost/http/field"

// What every response has in common, wherever it comes from: its fields with
// what this edge adds to them, and the account of what was sent (record.go).

// respond sends the head and keeps the account.
func (r *request) respond(status int, f field.Fields, length int64) error {
	r.sent.status = status
	return r.x.Respond(status, f, length)
}

// write sends body bytes and keeps the account.
func (r *request) write(p []byte) error {
	n, err := r.x.Write(p)
	r.sent.bytes += int64(n)
	return err
}

// fields are those of a response with what this edge has to say about it.
// age is the age of a stored response, or -1 for one that comes from the
// origin. They are valid until the request ends.
func (r *request) fields(from field.Fields, age int64) field.Fields {
	r.out = r.ownFields(from, age)
	if r.ruled.by != nil {
		r.decorate(from != nil)
	}
	return r.out
}

// ownFields is fields before the site's rules have changed them.
func (r *request) ownFields(from field.Fields, age int64) field.Fields {
	out := r.out[:0]
	for i := range from {
		if age >= 0 && len(from[i].Name) == len("Age") && field.Is(from[i].Name, "Age") {
			continue // ours takes its place (RFC 9111 §4)
		}
		out = append(out, from[i])
	}
	if age >= 0 {
		out = append(out, field.Line{Name: "Age", Value: r.number(age)})
	}
	mark := r.begin()
	r.text = r.status.append(r.text, r.edge.name)
	out = append(out, field.Line{Name: "Cache-Status", Value: r.value(mark)})
	if r.span.On() {
		out = append(out, r.timing())
	}
	return out
}

package rules

import "waypost/http/field"

// DropLines takes the lines with that name off f, which is the caller's own,
// and returns how many bytes they had on an HTTP/1.1 connection.
func DropLines(f *field.Fields, name string) (bytes int) {
	kept := (*f)[:0]
	for _, l := range *f {
		if field.Is(l.Name, name) {
			bytes += len(l.Name) + len(": ") + len(l.Value) + len("\r\n")
			continue
		}
		kept = append(kept, l)
	}
	*f = kept
	return bytes
}

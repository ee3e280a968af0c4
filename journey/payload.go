package journey

// payload is bytes that a script names: body "text", file NAME, size 100KiB.
type payload struct {
	given bool
	text  string
	file  string
	size  int64 // of the pattern
}

// payload takes one, if one is there.
func (a *args) payload(p *payload) bool {
	switch {
	case a.keyword("body"):
		p.text = a.want("the body").text
	case a.keyword("file"):
		p.file = a.file("the name of a file")
	case a.keyword("size"):
		p.size = a.size("the size")
	default:
		return false
	}
	p.given = true
	return true
}

// bytes makes the payload.
func (p *payload) bytes(w *world) []byte {
	switch {
	case p.file != "":
		text, _ := w.file(p.file) // it is there: the parser has looked
		return text
	case p.size > 0:
		return pattern(0, int(p.size))
	}
	return []byte(p.text)
}

// pattern is what size sends: text in lines of 16 bytes that say where they
// stand, so that a byte in the wrong place is seen. It returns n bytes from
// offset on.
func pattern(offset int64, n int) []byte {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		at := offset + int64(i)
		if column := at % 16; column < 15 {
			b[i] = digits[at>>4>>(4*(14-column))&15]
		} else {
			b[i] = '\n'
		}
	}
	return b
}

package origin

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"

	"waypost/http/cache"
)

// parts are the ranges of a representation that a request is answered with.
type parts struct {
	ranges        []cache.Range
	unsatisfiable bool
}

// ranges returns what the request's Range field asks for; nil means the
// whole (RFC 9110 §14.2: only for GET, and only if If-Range agrees).
func (f *Files) ranges(w *Response, r *Request, rep representation, current cache.Validator) *parts {
	value, ok := r.Fields.Lookup("Range")
	if !ok || r.Method != "GET" || r.Fields.Count("Range") != 1 {
		return nil
	}
	if !cache.IfRange(r.Fields, current) {
		w.Decide("range-ignored", "The client's part is of another representation, so it gets the whole.", "RFC 9110 §13.1.5", "If-Range: "+r.Fields.Get("If-Range"))
		return nil
	}
	ranges, err := cache.ParseRange(value, rep.info.Size())
	switch {
	case errors.Is(err, cache.ErrUnsatisfiable):
		w.Decide("range-unsatisfiable", "No range lies within the representation.", "RFC 9110 §15.5.17", "Range: "+value)
		return &parts{unsatisfiable: true}
	case err != nil:
		return nil
	}
	w.Decide("partial", "The client asked for a part.", "RFC 9110 §14.2", "Range: "+value)
	return &parts{ranges: ranges}
}

// send answers with 206: one range as it is, several as multipart/byteranges
// (RFC 9110 §14.6).
func (p *parts) send(w *Response, file fs.File, rep representation) {
	size := rep.info.Size()
	if len(p.ranges) == 1 {
		w.Fields.Set("Content-Range", p.ranges[0].ContentRange(size))
		w.Respond(206, p.ranges[0].Length)
		p.copy(w, file, p.ranges[0])
		return
	}
	contentType := w.Fields.Get("Content-Type")
	boundary := boundaryOf(rep.tag)
	end := "\r\n--" + boundary + "--\r\n"
	heads := make([]string, len(p.ranges))
	length := int64(len(end))
	for i, r := range p.ranges {
		heads[i] = "\r\n--" + boundary + "\r\nContent-Type: " + contentType + "\r\nContent-Range: " + r.ContentRange(size) + "\r\n\r\n"
		length += int64(len(heads[i])) + r.Length
	}
	w.Fields.Set("Content-Type", "multipart/byteranges; boundary="+boundary)
	w.Respond(206, length)
	for i, r := range p.ranges {
		w.put([]byte(heads[i]))
		if !p.copy(w, file, r) {
			return
		}
	}
	w.put([]byte(end))
}

// boundaryOf makes a boundary that content would have to be made for to
// hold: the hash of its own hash.
func boundaryOf(tag string) string {
	sum := sha256.Sum256([]byte("boundary " + tag))
	return hex.EncodeToString(sum[:16])
}

// copy sends one range and reports whether it could. A file that cannot be
// positioned is read from its beginning, which only a single range allows.
func (p *parts) copy(w *Response, file fs.File, r cache.Range) bool {
	if s, ok := file.(io.Seeker); ok {
		if _, err := s.Seek(r.Start, io.SeekStart); err != nil {
			return false
		}
	} else if _, err := io.CopyN(io.Discard, file, r.Start); err != nil || len(p.ranges) > 1 {
		return false
	}
	before := w.written
	copyPart(w, file, r.Length)
	return w.written-before == r.Length
}

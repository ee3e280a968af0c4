package edge

import (
	"errors"
	"math/rand/v2"
	"strconv"

	"waypost/edge/store"
	"waypost/http/cache"
	"waypost/http/field"
)

// deliverPart answers a Range from an object (RFC 9110 §14). It reports
// false when the whole is to be sent: the size is not known yet, If-Range
// does not hold, or the Range is not one to honour.
func (r *request) deliverPart(o *store.Object, age int64) (stage, bool) {
	size := o.Size()
	if size < 0 || !cache.IfRange(r.in.Fields, cache.ValidatorOf(&o.Response)) {
		return 0, false
	}
	parts, err := cache.ParseRange(r.in.Fields.Get("Range"), size)
	switch {
	case errors.Is(err, cache.ErrUnsatisfiable):
		return r.unsatisfied(size, age), true
	case err != nil || len(parts) == 0:
		return 0, false
	case len(parts) > 1 && !o.Complete():
		return 0, false // the parts may be anywhere in what is still to come
	case len(parts) > 1:
		return r.deliverParts(o, parts, age), true
	}
	p := parts[0]
	body, err := r.open(o, p.Start, p.Length)
	if err != nil {
		return 0, false
	}
	f := r.fields(withoutRange(o.Fields), age)
	f = append(f, field.Line{Name: "Content-Range", Value: p.ContentRange(size)})
	r.out = f
	if err := r.respond(206, f, p.Length); err != nil {
		return r.lost(err), true
	}
	if body != nil {
		return r.stream(body), true
	}
	return r.sendPart(o, p), true
}

// withoutRange is here for what a stored 200 should not have but may: its
// Content-Range would contradict ours.
func withoutRange(f field.Fields) field.Fields {
	if !f.Has("Content-Range") {
		return f
	}
	f = f.Clone()
	f.Del("Content-Range")
	return f
}

// sendPart sends one part of a complete object.
func (r *request) sendPart(o *store.Object, p cache.Range) stage {
	at, end := int64(0), p.Start+p.Length
	for _, chunk := range o.Chunks() {
		next := at + int64(len(chunk))
		if next > p.Start && at < end {
			if err := r.write(chunk[max(p.Start-at, 0):min(end-at, int64(len(chunk)))]); err != nil {
				return r.lost(err)
			}
		}
		at = next
	}
	return done
}

// deliverParts sends several parts as multipart/byteranges (RFC 9110 §14.6).
// The boundary is random, so that no content can be made to hold it.
func (r *request) deliverParts(o *store.Object, parts []cache.Range, age int64) stage {
	size, media := o.Size(), o.Fields.Get("Content-Type")
	boundary := strconv.FormatUint(rand.Uint64(), 36) + strconv.FormatUint(rand.Uint64(), 36)
	heads, length := make([]string, len(parts)), int64(0)
	for i, p := range parts {
		h := "\r\n--" + boundary + "\r\n"
		if media != "" {
			h += "Content-Type: " + media + "\r\n"
		}
		heads[i] = h + "Content-Range: " + p.ContentRange(size) + "\r\n\r\n"
		length += int64(len(heads[i])) + p.Length
	}
	tail := "\r\n--" + boundary + "--\r\n"
	f := r.fields(withoutRange(o.Fields), age)
	f.Set("Content-Type", "multipart/byteranges; boundary="+boundary)
	r.out = f
	if err := r.respond(206, f, length+int64(len(tail))); err != nil {
		return r.lost(err)
	}
	for i, p := range parts {
		if err := r.write([]byte(heads[i])); err != nil {
			return r.lost(err)
		}
		r.sendPart(o, p)
		if r.sent.fault != "" {
			return done
		}
	}
	if err := r.write([]byte(tail)); err != nil {
		return r.lost(err)
	}
	return done
}

// unsatisfied says that there is no such part (RFC 9110 §15.5.17).
func (r *request) unsatisfied(size, age int64) stage {
	f := r.fields(nil, age)
	f = append(f, field.Line{Name: "Content-Range", Value: cache.UnsatisfiedRange(size)},
		field.Line{Name: "Content-Type", Value: "text/plain; charset=utf-8"})
	r.out = f
	text := "The representation has " + strconv.FormatInt(size, 10) + " bytes; the range asked for is not in it.\n"
	if err := r.respond(416, f, int64(len(text))); err != nil {
		return r.lost(err)
	}
	if err := r.write([]byte(text)); err != nil {
		return r.lost(err)
	}
	return done
}

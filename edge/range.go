package edge

import (
	"errors"
	"math/rand/v2"
	"strconv"

	"waypost/edge/store"
	"waypost/http/cache"
	"waypost/http/field"
)

// deliverPart answers a Range from an object that holds, or will hold, the
// whole (RFC 9110 §14). It reports false when the whole is to be sent: the
// size is not known yet, If-Range does not hold, or the Range is not one to
// honour.
func (r *request) deliverPart(o *store.Object, age int64) (stage, bool) {
	size := o.Size()
	if size < 0 || !cache.IfRange(r.in.Fields, cache.ValidatorOf(&o.Response)) {
		return 0, false
	}
	ranges, err := cache.ParseRange(r.in.Fields.Get("Range"), size)
	switch {
	case errors.Is(err, cache.ErrUnsatisfiable):
		return r.unsatisfied(size, age), true
	case err != nil || len(ranges) == 0:
		return 0, false
	case o.Complete():
		return r.deliverRanges(o.Fields, size, ranges, age, func(p cache.Range) bool { return r.sendPart(o, p) }), true
	case len(ranges) > 1:
		return 0, false // the parts may be anywhere in what is still to come
	}
	p := ranges[0]
	body, err := r.open(o, p.Start, p.Length)
	if err != nil {
		return 0, false
	}
	return r.deliverRanges(o.Fields, size, ranges, age, func(p cache.Range) bool {
		if body == nil {
			return r.sendPart(o, p) // has come to its end meanwhile
		}
		return r.stream(body)
	}), true
}

// deliverRanges sends a 206 with ranges of a representation of size bytes, or
// -1 where that is not known: one as it is, several as multipart/byteranges
// (RFC 9110 §14.6). send sends the bytes of one range, and reports false when
// it could not.
func (r *request) deliverRanges(fields field.Fields, size int64, ranges []cache.Range, age int64, send func(cache.Range) bool) stage {
	fields = withoutRange(fields)
	if len(ranges) > 1 {
		return r.deliverMultipart(fields, size, ranges, age, send)
	}
	p := cache.Part{Range: ranges[0], Size: size}
	r.out = append(r.fields(fields, age), field.Line{Name: "Content-Range", Value: p.ContentRange()})
	if err := r.respond(206, r.out, p.Length); err != nil {
		return r.lost(err)
	}
	send(p.Range)
	return done
}

// deliverMultipart sends several ranges. The boundary is random, so that no
// content can be made to hold it.
func (r *request) deliverMultipart(fields field.Fields, size int64, ranges []cache.Range, age int64, send func(cache.Range) bool) stage {
	media := fields.Get("Content-Type")
	boundary := strconv.FormatUint(rand.Uint64(), 36) + strconv.FormatUint(rand.Uint64(), 36)
	heads, length := make([]string, len(ranges)), int64(0)
	for i, p := range ranges {
		h := "\r\n--" + boundary + "\r\n"
		if media != "" {
			h += "Content-Type: " + media + "\r\n"
		}
		heads[i] = h + "Content-Range: " + cache.Part{Range: p, Size: size}.ContentRange() + "\r\n\r\n"
		length += int64(len(heads[i])) + p.Length
	}
	tail := "\r\n--" + boundary + "--\r\n"
	f := r.fields(fields, age)
	f.Set("Content-Type", "multipart/byteranges; boundary="+boundary)
	r.out = f
	if err := r.respond(206, f, length+int64(len(tail))); err != nil {
		return r.lost(err)
	}
	for i, p := range ranges {
		if err := r.write([]byte(heads[i])); err != nil {
			return r.lost(err)
		}
		if !send(p) {
			return done
		}
	}
	if err := r.write([]byte(tail)); err != nil {
		return r.lost(err)
	}
	return done
}

// withoutRange is here for what a stored response says of the part that it
// holds: it would contradict what is sent of it.
func withoutRange(f field.Fields) field.Fields {
	if !f.Has("Content-Range") {
		return f
	}
	f = f.Clone()
	f.Del("Content-Range")
	return f
}

// sendPart sends bytes of a complete object. It reports false when the client
// could not be written to.
func (r *request) sendPart(o *store.Object, p cache.Range) bool {
	at, end := int64(0), p.Start+p.Length
	for _, chunk := range o.Chunks() {
		next := at + int64(len(chunk))
		if next > p.Start && at < end {
			if err := r.write(chunk[max(p.Start-at, 0):min(end-at, int64(len(chunk)))]); err != nil {
				r.lost(err)
				return false
			}
		}
		at = next
	}
	return true
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

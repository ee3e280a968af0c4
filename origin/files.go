package origin

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"

	"waypost/http/cache"
	"waypost/http/field"
)

// indexName is the file that stands for a directory.
const indexName = "index.html"

// Files serves a tree of files. Its fields must not change while in use.
//
// A path names a file only when it is in normal form: one with empty, "." or
// ".." segments, with a backslash or a NUL, names nothing, nor does one with
// a segment that begins with a dot (other than .well-known). For a directory
// of the operating system use os.Root.FS, which symbolic links cannot leave.
type Files struct {
	FS fs.FS
	// Cache gives each file its Cache-Control: the first rule that takes the
	// file counts. Without one the field is left out.
	Cache []CacheRule
	// NotFound is the file sent with a 404, e.g. "404.html"; "" sends a
	// problem in JSON.
	NotFound string
	// Fields go along with every file and every 404 page.
	Fields field.Fields
	// Modified stands in for the modification time of files that have none,
	// such as embedded ones. Zero: they have no Last-Modified.
	Modified time.Time

	known known
}

// representation is one form of a file: itself or a packed variant.
type representation struct {
	name     string // in the tree
	coding   string // "" for the file itself
	info     fs.FileInfo
	tag      string // strong entity tag
	modified time.Time
}

// Serve answers a GET or HEAD with the file that the request names.
func (f *Files) Serve(w *Response, r *Request) {
	name, ok := fileName(r.Resource)
	if !ok {
		f.notFound(w, r)
		return
	}
	info, err := fs.Stat(f.FS, name)
	switch {
	case err == nil && info.IsDir() && !strings.HasSuffix(r.Resource, "/"):
		f.toDirectory(w, r, name)
		return
	case err == nil && info.IsDir():
		name = path.Join(name, indexName)
		info, err = fs.Stat(f.FS, name)
	case err == nil && strings.HasSuffix(r.Resource, "/"):
		err = fs.ErrNotExist // a file is no directory
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !info.Mode().IsRegular():
		f.notFound(w, r)
	case err != nil:
		w.Fail(err)
	default:
		f.send(w, r, name, info, 200)
	}
}

// fileName turns a decoded path into a name in the tree.
func fileName(resource string) (name string, ok bool) {
	name = strings.Trim(resource, "/")
	if name == "" {
		return ".", resource == "/"
	}
	// Only one slash before and at most one behind.
	if len(resource)-len(name) > 2 || !strings.HasPrefix(resource, "/"+name) {
		return "", false
	}
	if !fs.ValidPath(name) || strings.ContainsAny(name, "\\\x00") {
		return "", false
	}
	for segment := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(segment, ".") && segment != ".well-known" {
			return "", false
		}
	}
	return name, true
}

// toDirectory adds the slash without which relative links would miss. The
// location is made of the name, not of what was sent: it cannot lead away.
func (f *Files) toDirectory(w *Response, r *Request, name string) {
	location := "/" + encodePath(name) + "/"
	if r.Query != "" {
		location += "?" + r.Query
	}
	f.cacheControl(w, path.Join(name, indexName))
	w.Redirect(301, location)
}

func (f *Files) notFound(w *Response, r *Request) {
	if f.NotFound != "" {
		if info, err := fs.Stat(f.FS, f.NotFound); err == nil {
			w.Decide("not-found", "No file has this name.", "RFC 9110 §15.5.5", "")
			f.send(w, r, f.NotFound, info, 404)
			return
		}
	}
	w.Refuse(&Problem{Status: 404, Detail: "no file has this name", Clause: "RFC 9110 §15.5.5"})
}

// send answers with the best representation of a file.
func (f *Files) send(w *Response, r *Request, name string, info fs.FileInfo, status int) {
	rep, varies, err := f.choose(r, name, info)
	if err != nil {
		w.Fail(err)
		return
	}
	w.Fields = append(w.Fields, f.Fields...)
	f.cacheControl(w, name)
	if varies {
		w.Fields.Add("Vary", "Accept-Encoding")
	}
	if status != 200 {
		f.describe(w, name, rep)
		f.body(w, rep, status, nil)
		return
	}
	w.Fields.Add("ETag", rep.tag)
	if !rep.modified.IsZero() {
		w.Fields.Add("Last-Modified", string(cache.AppendDate(nil, rep.modified)))
	}
	current := cache.Validator{ETag: rep.tag, LastModified: rep.modified, Exists: true, Date: time.Now()}
	if status, clause, because := cache.Precondition(r.Method, r.Fields, current); status != 0 {
		because += ": " + r.Fields.Join(because)
		if status == 304 {
			w.Decide("not-modified", "The client has the current representation.", clause, because)
			w.Respond(304, rep.info.Size())
			return
		}
		w.Decide("precondition-failed", "The representation is not the one that the client means.", clause, because)
		w.Respond(412, 0)
		return
	}
	f.describe(w, name, rep)
	w.Fields.Add("Accept-Ranges", "bytes")
	f.body(w, rep, 200, f.ranges(w, r, rep, current))
}

// describe adds the fields that say what the content is. They belong to an
// answer that has content: a 304 leaves them out (RFC 9110 §15.4.5).
func (f *Files) describe(w *Response, name string, rep representation) {
	w.Fields.Add("Content-Type", TypeOf(name))
	w.Fields.Add("X-Content-Type-Options", "nosniff")
	if rep.coding != "" {
		w.Fields.Add("Content-Encoding", rep.coding)
	}
}

// body sends the representation, or the parts of it that are wanted.
func (f *Files) body(w *Response, rep representation, status int, want *parts) {
	if want != nil && want.unsatisfiable {
		w.Fields.Set("Content-Range", cache.UnsatisfiedRange(rep.info.Size()))
		w.Respond(416, 0)
		return
	}
	if w.x.Request().Method == "HEAD" {
		w.Respond(status, rep.info.Size())
		return
	}
	file, err := f.FS.Open(rep.name)
	if err != nil {
		w.Fields = nil
		w.Fail(err)
		return
	}
	defer func() { _ = file.Close() }()
	if want == nil {
		w.Respond(status, rep.info.Size())
		copyPart(w, file, rep.info.Size())
		return
	}
	want.send(w, file, rep)
}

// chunkSize is how much of a file is read at once.
const chunkSize = 32 << 10

var chunks = sync.Pool{New: func() any { b := make([]byte, chunkSize); return &b }}

// copyPart sends the next n bytes of r. It stops when the client has left:
// a file has no end that would be worth reaching for its own sake. A file
// that is shorter than it was makes a body shorter than announced, which the
// codec breaks off.
func copyPart(w *Response, r io.Reader, n int64) {
	buf := chunks.Get().(*[]byte)
	defer chunks.Put(buf)
	for n > 0 && !w.Lost() {
		k, err := r.Read((*buf)[:min(n, chunkSize)])
		w.put((*buf)[:k])
		n -= int64(k)
		if err != nil {
			return
		}
	}
}

// encodePath encodes a name for use as a path (RFC 3986 §3.3).
func encodePath(name string) string {
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, len(name)+8)
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~!$&'()*+,;=:@/", c) >= 0:
			out = append(out, c)
		default:
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(out)
}

package tcp

import "sync"

// pageSize is the grain of the buffers. One segment in eleven of 1,460 bytes
// crosses a page and is copied once more; an idle connection holds none.
const pageSize = 16 << 10

type page [pageSize]byte

// pages keeps pages that are free, for all connections.
var pages = sync.Pool{New: func() any { return new(page) }}

// buffer holds the bytes of one direction by their distance from the first
// one that is still needed. It does not know which of them are set: its owner
// does. Pages are taken when something is put there. The zero value is empty.
type buffer struct {
	pages []*page // nil where nothing was put yet
	first int     // where byte 0 lies in pages[0]
	seam  *page   // bytes of a view that crosses pages
}

// put copies p to the bytes from at on.
func (b *buffer) put(at int, p []byte) {
	at += b.first
	for len(p) > 0 {
		i := at / pageSize
		for i >= len(b.pages) {
			b.pages = append(b.pages, nil)
		}
		if b.pages[i] == nil {
			b.pages[i] = pages.Get().(*page)
		}
		n := copy(b.pages[i][at%pageSize:], p)
		p, at = p[n:], at+n
	}
}

// get copies the bytes from at on to p; all of them have been put.
func (b *buffer) get(at int, p []byte) {
	at += b.first
	for len(p) > 0 {
		n := copy(p, b.pages[at/pageSize][at%pageSize:])
		p, at = p[n:], at+n
	}
}

// view returns the n bytes from at on, at most pageSize. They are valid until
// the buffer changes or is viewed again.
func (b *buffer) view(at, n int) []byte {
	if n == 0 {
		return nil
	}
	from := (b.first + at) % pageSize
	if from+n <= pageSize {
		return b.pages[(b.first+at)/pageSize][from : from+n : from+n]
	}
	if b.seam == nil {
		b.seam = pages.Get().(*page)
	}
	b.get(at, b.seam[:n])
	return b.seam[:n:n]
}

// drop forgets the first n bytes.
func (b *buffer) drop(n int) {
	b.first += n
	gone := min(b.first/pageSize, len(b.pages))
	if gone == 0 {
		return
	}
	for _, p := range b.pages[:gone] {
		if p != nil {
			pages.Put(p)
		}
	}
	kept := copy(b.pages, b.pages[gone:])
	clear(b.pages[kept:])
	b.pages = b.pages[:kept]
	b.first -= gone * pageSize
}

// reset forgets everything and gives the memory back.
func (b *buffer) reset() {
	for i, p := range b.pages {
		if p != nil {
			pages.Put(p)
			b.pages[i] = nil
		}
	}
	b.pages, b.first = b.pages[:0], 0
	if b.seam != nil {
		pages.Put(b.seam)
		b.seam = nil
	}
}

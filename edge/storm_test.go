package edge

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"waypost/cdn"
	"waypost/http/field"
	"waypost/http/wire"
)

// content is what the storm's origin says for a path in one of its versions:
// whoever has a part of it can tell what it is a part of.
func content(path string, version int) string {
	line := fmt.Sprintf("%s v%d|", path, version)
	return strings.Repeat(line, 1+len(path)*version*997%4000)
}

// stormy is an origin in all its moods.
func stormy(rnd func(int) int) func(x wire.Exchange) {
	return func(x wire.Exchange) {
		r := x.Request()
		version := rnd(3)
		body := content(r.Path, version)
		f := field.Fields{{Name: "ETag", Value: fmt.Sprintf(`"%d"`, version)}}
		f.Add("Cache-Control", []string{"max-age=1", "max-age=5, stale-while-revalidate=5", "no-store", "no-cache", "max-age=2, stale-if-error=10", "private"}[rnd(6)])
		if rnd(4) == 0 {
			f.Add("Vary", "Accept-Language")
		}
		time.Sleep(time.Duration(rnd(1500)) * time.Millisecond)
		if r.Fields.Get("If-None-Match") == f.Get("ETag") {
			x.Respond(304, f, 0)
			return
		}
		switch rnd(12) {
		case 0:
			x.Abort()
			return
		case 1:
			reply(x, 503, "busy")
			return
		}
		length := int64(len(body))
		if rnd(2) == 0 {
			length = -1
		}
		x.Respond(200, f, length)
		half := len(body) / 2
		io.WriteString(writer{x}, body[:half])
		x.Flush()
		time.Sleep(time.Duration(rnd(1000)) * time.Millisecond)
		if rnd(10) == 0 {
			x.Abort()
			return
		}
		io.WriteString(writer{x}, body[half:])
	}
}

// TestStorm: whatever happens, nobody hangs, and nobody gets anything that is
// not the right thing, whole or visibly broken off.
func TestStorm(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	source := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	rnd := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return source.IntN(n)
	}
	inWorld(t, stormy(rnd), func(w *world) {
		site := w.edge.sites.Load().all[0].Site
		var clients sync.WaitGroup
		for range 40 {
			clients.Go(func() {
				for range 40 {
					w.stormRequest(rnd, seed)
				}
			})
		}
		clients.Go(func() {
			for i := range 60 {
				time.Sleep(time.Duration(rnd(1000)) * time.Millisecond)
				w.edge.Purge(Purge{URL: fmt.Sprintf("http://www.shop.test/%d", rnd(6))})
				if i%20 == 0 {
					site.Policy.IdleTimeout = time.Duration(10+i) * time.Second // a new way to the origin
					w.edge.SetSites([]cdn.Site{site})
				}
			}
		})
		clients.Wait()
		time.Sleep(5 * time.Minute)
		if n := w.edge.background.Load() + w.edge.abandoned.Load(); n != 0 {
			t.Errorf("%d fills are still counted", n)
		}
	})
}

// stormRequest is one client's request and its judgement.
func (w *world) stormRequest(rnd func(int) int, seed uint64) {
	path := fmt.Sprintf("/%d", rnd(6))
	r := &wire.Request{Path: path, Method: []string{"GET", "GET", "GET", "GET", "HEAD", "POST"}[rnd(6)]}
	r.Fields.Add("Accept-Language", []string{"de", "fr"}[rnd(2)])
	if rnd(5) == 0 {
		r.Fields.Add("Range", fmt.Sprintf("bytes=%d-%d", rnd(100), 100+rnd(1000)))
	}
	if rnd(8) == 0 {
		r.Fields.Add("If-None-Match", fmt.Sprintf(`"%d"`, rnd(3)))
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+rnd(60_000))*time.Millisecond)
	defer cancel()
	time.Sleep(time.Duration(rnd(300)) * time.Millisecond)
	resp, err := w.open(ctx, r)
	if err != nil {
		if ctx.Err() == nil {
			w.t.Errorf("seed %d: %s %s: %v", seed, r.Method, path, err)
		}
		return
	}
	g := read(resp)
	if g.err != nil || r.Method == "HEAD" || g.status == 304 {
		return
	}
	whole := false
	for version := range 3 {
		want := content(path, version)
		if g.status == 200 && g.body == want || g.status == 206 && strings.Contains(want, g.body) {
			whole = true
		}
	}
	switch {
	case g.status == 200 || g.status == 206:
		if !whole {
			w.t.Errorf("seed %d: %s: %d with %d bytes that are no version of it: %.40q", seed, path, g.status, len(g.body), g.body)
		}
	case g.status != 502 && g.status != 503 && g.status != 416:
		w.t.Errorf("seed %d: %s %s: %v", seed, r.Method, path, g)
	}
}

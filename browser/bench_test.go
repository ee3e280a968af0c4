package browser

import (
	"context"
	"testing"
)

// BenchmarkLoad loads a page of ten subresources over TLS: cold, with new
// connections for every load, and with everything that can be in the cache.
func BenchmarkLoad(b *testing.B) {
	for _, warm := range []bool{false, true} {
		name := "cold"
		if warm {
			name = "warm"
		}
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, shop())
			w.net.Delay = 0
			defer w.close()
			b.ReportAllocs()
			for b.Loop() {
				if !warm {
					w.browser.Profile = NewProfile(0)
				}
				if r, err := w.browser.Load(context.Background(), "www.shop.test", Options{}); err != nil || r.Failed > 0 {
					b.Fatal(err, r.Failed)
				}
			}
		})
	}
}

func BenchmarkScanSheet(b *testing.B) {
	css := shop()["https://www.shop.test/style.css"].body
	for len(css) < 64<<10 {
		css += ".a > .b:hover { color: #123456; margin: 0 auto; transition: all .2s } /* comment */\n"
	}
	b.SetBytes(int64(len(css)))
	b.ReportAllocs()
	for b.Loop() {
		scanSheet(css)
	}
}

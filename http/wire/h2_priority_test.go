package wire

import (
	"slices"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"
)

// TestH2Priority: of two long responses the more urgent one comes first, as
// far as what waits already allows.
func TestH2Priority(t *testing.T) {
	const size = 4 << 20
	for _, tt := range []struct {
		name          string
		first, second string
		most          int // bytes of the first response before the end of the second
		least         int
	}{
		{"urgent second", "u=7", "u=0", 1 << 20, 0},
		{"urgent first", "u=1", "u=6", size, size},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := dialH2(t, &Server{Handler: HandlerFunc(func(x Exchange) {
					if x.Respond(200, nil, size) == nil {
						_, _ = x.Write(make([]byte, size))
					}
				})}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
				p.must(p.fr.WriteWindowUpdate(0, 1<<30))
				for i, priority := range []string{tt.first, tt.second} {
					fields := slices.Clone(h2Get)
					if priority != "" {
						fields = append(fields, "priority: "+priority)
					}
					p.headers(uint32(2*i+1), true, fields...)
					synctest.Wait() // its response fills what there is to fill
				}
				got := map[uint32]int{}
				for {
					f, err := p.fr.ReadFrame()
					if err != nil {
						t.Fatal(err)
					}
					d, ok := f.(*http2.DataFrame)
					if !ok {
						continue
					}
					got[d.StreamID] += len(d.Data())
					if d.StreamID == 3 && d.StreamEnded() {
						break
					}
				}
				if got[1] > tt.most || got[1] < tt.least {
					t.Errorf("%d bytes of the first response came before the end of the second, want %d to %d", got[1], tt.least, tt.most)
				}
			})
		})
	}
}

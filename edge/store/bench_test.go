package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func BenchmarkGet(b *testing.B) {
	m := NewMemory(64 << 20)
	keys := make([][]byte, 10000)
	for i := range keys {
		keys[i] = key(i)
		keep(b, m, string(keys[i]), 1024)
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if m.Get(keys[i%len(keys)]).Select(rules, nil) == nil {
				b.Fatal("not there")
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := rand.IntN(len(keys)); pb.Next(); i++ {
				if m.Get(keys[i%len(keys)]).Select(rules, nil) == nil {
					b.Fatal("not there")
				}
			}
		})
	})
}

// BenchmarkChurn stores what is not there yet into a full store, so that
// each operation evicts.
func BenchmarkChurn(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size>>10, "KiB"), func(b *testing.B) {
			m := NewMemory(32 << 20)
			head, body := response(nil), make([]byte, size)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			b.RunParallel(func(pb *testing.PB) {
				for i := rand.IntN(1 << 40); pb.Next(); i++ {
					f, _ := m.Begin(key(i))
					f.Start(head, int64(size), true, nil)
					f.Write(body)
					if !f.Commit() {
						b.Error("not stored")
					}
				}
			})
		})
	}
}

// BenchmarkJoined is the way of 1 MiB from one writer to four readers.
func BenchmarkJoined(b *testing.B) {
	m := NewMemory(64 << 20)
	head, part := response(nil), make([]byte, 32<<10)
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	for b.Loop() {
		f := m.BeginAlone([]byte("k"))
		o := f.Start(head, 1<<20, true, nil)
		done := make(chan int)
		for range 4 {
			r, err := o.Reader(0, -1)
			if err != nil {
				b.Fatal(err)
			}
			go func() {
				defer r.Close()
				n := 0
				for {
					p, err := r.Next(b.Context())
					if err != nil {
						done <- n
						return
					}
					n += len(p)
				}
			}()
		}
		for range 32 {
			f.Write(part)
		}
		f.Commit()
		for range 4 {
			if n := <-done; n != 1<<20 {
				b.Fatal(n)
			}
		}
	}
}

// BenchmarkHitRatio reports how many of the requests of a skewed, scanned
// workload are hits; the time is beside the point.
func BenchmarkHitRatio(b *testing.B) {
	m := NewMemorySeeded(8<<20, 1)
	rnd := rand.New(rand.NewPCG(1, 1))
	zipf := rand.NewZipf(rnd, 1.1, 10, 100000)
	hits, scan := 0, 1<<30
	for b.Loop() {
		k := key(int(zipf.Uint64()))
		if rnd.IntN(10) == 0 {
			scan++
			k = key(scan)
		}
		if m.Get(k).Select(rules, nil) != nil {
			hits++
			continue
		}
		keep(b, m, string(k), 2<<10)
	}
	b.ReportMetric(float64(hits)/float64(b.N), "hits/op")
}

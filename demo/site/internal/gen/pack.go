package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"path"
	"slices"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// packer is a content coding, by the ending that its files have.
type packer struct {
	ending string
	pack   func(w io.Writer) (io.WriteCloser, error)
	unpack func(r io.Reader) (io.Reader, error)
}

// packers are the codings that browsers take. Window and level are fixed:
// the sources are small and packed once.
var packers = []packer{
	{
		".br",
		func(w io.Writer) (io.WriteCloser, error) {
			return brotli.NewWriterLevel(w, brotli.BestCompression), nil
		},
		func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil },
	},
	{
		".gz",
		func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, gzip.BestCompression) },
		func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	},
	{
		".zst",
		func(w io.Writer) (io.WriteCloser, error) {
			return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
		},
		func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	},
}

// packed tells which files gain by packing: text and the font. Pictures are
// packed by their format.
func packed(name string) bool {
	switch path.Ext(name) {
	case ".html", ".css", ".js", ".svg", ".ttf":
		return true
	}
	return false
}

// minPacked is the size from which packing pays: what fits into one segment
// arrives no sooner for being smaller.
const minPacked = 1200

// pack adds the packed variants of each file that becomes smaller by it.
func pack(files map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content := files[name]
		if !packed(name) || len(content) < minPacked {
			continue
		}
		for _, p := range packers {
			var b bytes.Buffer
			w, err := p.pack(&b)
			if err != nil {
				return err
			}
			if _, err := w.Write(content); err != nil {
				return err
			}
			if err := w.Close(); err != nil {
				return err
			}
			if b.Len() < len(content) {
				files[name+p.ending] = b.Bytes()
			}
		}
	}
	return nil
}

package main

import (
	"encoding/binary"
	"math"
	"slices"
	"unicode/utf16"
)

// The typeface's measures in font units (OpenType 1.9, "head" and "hhea").
const (
	unitsPerPixel = 100
	unitsPerEm    = 1000 // ten pixels: seven above, two below, one of air
	ascent        = 800
	descent       = -200
	blankWidth    = 2 // pixels of a blank, before the pixel that follows each glyph
)

// Bits of a TrueType point's flag (OpenType 1.9, "glyf", simple glyph).
const (
	onCurve     = 1 << 0
	xShort      = 1 << 1
	yShort      = 1 << 2
	xSameOrPlus = 1 << 4
	ySameOrPlus = 1 << 5
)

// table is one table of a font file under construction, big endian.
type table []byte

func (t *table) u8(v uint8)   { *t = append(*t, v) }
func (t *table) u16(v uint16) { *t = binary.BigEndian.AppendUint16(*t, v) }
func (t *table) i16(v int)    { t.u16(uint16(int16(v))) }
func (t *table) u32(v uint32) { *t = binary.BigEndian.AppendUint32(*t, v) }
func (t *table) u64(v uint64) { *t = binary.BigEndian.AppendUint64(*t, v) }

// trueType returns the glyphs as a TrueType font file.
func trueType(family string, glyphs []glyph) []byte {
	glyphs = slices.Clone(glyphs)
	slices.SortFunc(glyphs, func(a, b glyph) int { return int(a.char - b.char) })
	blank := glyph{char: ' ', width: blankWidth}
	wide := glyph{char: '\u00a0', width: blankWidth} // no-break space
	at, _ := slices.BinarySearchFunc(glyphs, wide.char, func(g glyph, c rune) int { return int(g.char - c) })
	glyphs = slices.Insert(glyphs, at, wide)
	glyphs = append([]glyph{notdef(), blank}, glyphs...)

	var glyf, loca, hmtx table
	var b fontBounds
	for i := range glyphs {
		loca.u32(uint32(len(glyf)))
		left := b.add(&glyf, &glyphs[i])
		hmtx.u16(uint16(advance(&glyphs[i])))
		hmtx.i16(left)
	}
	loca.u32(uint32(len(glyf)))

	return assemble(map[string]table{
		"OS/2": os2(glyphs), "cmap": cmap(glyphs), "glyf": glyf, "head": head(b), "hhea": hhea(b, len(glyphs)),
		"hmtx": hmtx, "loca": loca, "maxp": maxp(b, len(glyphs)), "name": names(family), "post": post(),
	})
}

// notdef is drawn for what the font does not have: an empty box.
func notdef() glyph {
	g := glyph{width: 4}
	for row := range g.ink {
		g.ink[row] = make([]bool, g.width)
		for x := range g.width {
			g.ink[row][x] = row < rowsAbove && (row == 0 || row == rowsAbove-1 || x == 0 || x == g.width-1)
		}
	}
	return g
}

func advance(g *glyph) int { return (g.width + 1) * unitsPerPixel }

// fontBounds gathers what "head", "hhea" and "maxp" say about all glyphs.
type fontBounds struct {
	xMin, yMin, xMax, yMax int
	advance                int
	points, contours       int
}

// add appends g to glyf and returns its left side bearing.
func (b *fontBounds) add(glyf *table, g *glyph) (left int) {
	b.advance = max(b.advance, advance(g))
	outlines := g.outlines()
	if len(outlines) == 0 {
		return 0 // an empty glyph has no data at all
	}
	var xs, ys []int
	var ends []uint16
	for _, contour := range outlines {
		for _, p := range contour {
			xs = append(xs, int(math.Round(p.x*unitsPerPixel)))
			ys = append(ys, int(math.Round(p.y*unitsPerPixel)))
		}
		ends = append(ends, uint16(len(xs)-1))
	}
	xMin, yMin, xMax, yMax := slices.Min(xs), slices.Min(ys), slices.Max(xs), slices.Max(ys)
	b.xMin, b.yMin = min(b.xMin, xMin), min(b.yMin, yMin)
	b.xMax, b.yMax = max(b.xMax, xMax), max(b.yMax, yMax)
	b.points, b.contours = max(b.points, len(xs)), max(b.contours, len(ends))

	glyf.i16(len(ends))
	glyf.i16(xMin)
	glyf.i16(yMin)
	glyf.i16(xMax)
	glyf.i16(yMax)
	for _, e := range ends {
		glyf.u16(e)
	}
	glyf.u16(0) // no instructions
	flags := make([]uint8, len(xs))
	var data table
	for _, axis := range []struct {
		values      []int
		short, plus uint8
	}{{xs, xShort, xSameOrPlus}, {ys, yShort, ySameOrPlus}} {
		last := 0
		for i, v := range axis.values {
			flags[i] |= data.delta(v-last, axis.short, axis.plus)
			last = v
		}
	}
	for _, f := range flags {
		glyf.u8(onCurve | f)
	}
	*glyf = append(*glyf, data...)
	for len(*glyf)%4 != 0 {
		glyf.u8(0)
	}
	return xMin
}

// delta appends a coordinate's step in its shortest form and returns the
// flag bits that say which form it is.
func (t *table) delta(d int, short, plus uint8) (flag uint8) {
	switch {
	case d == 0:
		return plus
	case d > 0 && d < 256:
		t.u8(uint8(d))
		return short | plus
	case d < 0 && d > -256:
		t.u8(uint8(-d))
		return short
	}
	t.i16(d)
	return 0
}

func head(b fontBounds) table {
	var t table
	t.u32(0x00010000) // version
	t.u32(0x00010000) // revision 1.0
	t.u32(0)          // checksum adjustment, set by assemble
	t.u32(0x5F0F3CF5) // magic
	t.u16(0b11)       // baseline at y 0, left side bearing at x 0
	t.u16(unitsPerEm)
	t.u64(0xE0000000) // created and modified: the same file on every run
	t.u64(0xE0000000)
	t.i16(b.xMin)
	t.i16(b.yMin)
	t.i16(b.xMax)
	t.i16(b.yMax)
	t.u16(0) // regular
	t.u16(7) // smallest readable size in pixels
	t.i16(2) // direction hint, deprecated
	t.i16(1) // long offsets in loca
	t.i16(0)
	return t
}

func hhea(b fontBounds, glyphs int) table {
	var t table
	t.u32(0x00010000)
	t.i16(ascent)
	t.i16(descent)
	t.i16(0) // line gap
	t.u16(uint16(b.advance))
	t.i16(b.xMin)                       // smallest left side bearing
	t.i16(0)                            // smallest right side bearing
	t.i16(b.xMax)                       // largest extent
	t.i16(1)                            // caret: upright
	t = append(t, make([]byte, 7*2)...) // caret run and offset, reserved, metric format
	t.u16(uint16(glyphs))
	return t
}

func maxp(b fontBounds, glyphs int) table {
	var t table
	t.u32(0x00010000)
	t.u16(uint16(glyphs))
	t.u16(uint16(b.points))
	t.u16(uint16(b.contours))
	t.u16(0) // composite points
	t.u16(0) // composite contours
	t.u16(1) // zones
	t = append(t, make([]byte, 8*2)...)
	return t
}

func os2(glyphs []glyph) table {
	sum := 0
	for i := range glyphs {
		sum += advance(&glyphs[i])
	}
	var t table
	t.u16(4) // version
	t.i16(sum / len(glyphs))
	t.u16(500) // weight: medium
	t.u16(5)   // width: medium
	t.u16(0)   // embedding: installable
	for _, v := range []int{600, 600, 0, 100, 600, 600, 0, 400, 100, 300} {
		t.i16(v) // subscript, superscript, strikeout: sizes and offsets
	}
	t.i16(0)                           // family class
	t = append(t, make([]byte, 10)...) // panose: any
	t.u32(0b11)                        // Basic Latin, Latin-1
	t.u32(0)
	t.u32(0)
	t.u32(0)
	t = append(t, "SEAM"...) // vendor
	t.u16(1 << 6)            // regular
	t.u16(uint16(glyphs[1].char))
	t.u16(uint16(glyphs[len(glyphs)-1].char))
	t.i16(ascent)
	t.i16(descent)
	t.i16(0)
	t.u16(ascent)
	t.u16(-descent)
	t.u32(1) // code page: Latin 1
	t.u32(0)
	t.i16(5 * unitsPerPixel) // height of x
	t.i16(rowsAbove * unitsPerPixel)
	t.u16(0)
	t.u16(' ')
	t.u16(1)
	return t
}

// cmap is one format 4 subtable: a segment for each run of characters.
func cmap(glyphs []glyph) table {
	type segment struct{ first, last, glyph int }
	var segs []segment
	for i := 1; i < len(glyphs); i++ {
		c := int(glyphs[i].char)
		if n := len(segs); n > 0 && segs[n-1].last == c-1 {
			segs[n-1].last = c
			continue
		}
		segs = append(segs, segment{c, c, i})
	}
	segs = append(segs, segment{0xffff, 0xffff, 0})
	n := len(segs)
	pow := 1
	for pow*2 <= n {
		pow *= 2
	}
	var t table
	t.u16(0) // version
	t.u16(1) // one encoding
	t.u16(3) // Windows
	t.u16(1) // Unicode BMP
	t.u32(12)
	t.u16(4)
	t.u16(uint16(16 + 8*n))
	t.u16(0)
	t.u16(uint16(2 * n))
	t.u16(uint16(2 * pow))
	t.u16(uint16(math.Log2(float64(pow))))
	t.u16(uint16(2*n - 2*pow))
	for _, s := range segs {
		t.u16(uint16(s.last))
	}
	t.u16(0)
	for _, s := range segs {
		t.u16(uint16(s.first))
	}
	for _, s := range segs {
		t.u16(uint16(s.glyph - s.first)) // delta, modulo 65536
	}
	for range segs {
		t.u16(0)
	}
	return t
}

func names(family string) table {
	records := []struct {
		id   uint16
		text string
	}{
		{0, "Made by the waypost demo"}, {1, family}, {2, "Regular"}, {3, family + " 1.0"},
		{4, family}, {5, "Version 1.0"}, {6, family + "-Regular"},
	}
	var t, text table
	t.u16(0)
	t.u16(uint16(len(records)))
	t.u16(uint16(6 + 12*len(records)))
	for _, r := range records {
		units := utf16.Encode([]rune(r.text))
		t.u16(3)      // Windows
		t.u16(1)      // Unicode BMP
		t.u16(0x0409) // English
		t.u16(r.id)
		t.u16(uint16(2 * len(units)))
		t.u16(uint16(len(text)))
		for _, u := range units {
			text.u16(u)
		}
	}
	return append(t, text...)
}

func post() table {
	var t table
	t.u32(0x00030000) // no glyph names
	t.u32(0)          // upright
	t.i16(-100)       // underline position
	t.i16(100)        // underline thickness
	return append(t, make([]byte, 5*4)...)
}

// assemble writes the table directory, the tables and the checksums
// (OpenType 1.9, "Organization of an OpenType font").
func assemble(tables map[string]table) []byte {
	tags := make([]string, 0, len(tables))
	for tag := range tables {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	n := len(tags)
	pow, log := 1, 0
	for pow*2 <= n {
		pow, log = pow*2, log+1
	}
	var dir, body table
	dir.u32(0x00010000)
	dir.u16(uint16(n))
	dir.u16(uint16(16 * pow))
	dir.u16(uint16(log))
	dir.u16(uint16(16*n - 16*pow))
	headAt := 0
	for _, tag := range tags {
		at := 12 + 16*n + len(body)
		if tag == "head" {
			headAt = at
		}
		dir = append(dir, tag...)
		dir.u32(checksum(tables[tag]))
		dir.u32(uint32(at))
		dir.u32(uint32(len(tables[tag])))
		body = append(body, tables[tag]...)
		for len(body)%4 != 0 {
			body.u8(0)
		}
	}
	file := slices.Concat(dir, body)
	binary.BigEndian.PutUint32(file[headAt+8:], 0xB1B0AFBA-checksum(file))
	return file
}

func checksum(t []byte) uint32 {
	var sum uint32
	for i := 0; i < len(t); i += 4 {
		var word [4]byte
		copy(word[:], t[i:])
		sum += binary.BigEndian.Uint32(word[:])
	}
	return sum
}

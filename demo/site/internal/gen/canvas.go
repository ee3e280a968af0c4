package main

import (
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/image/vector"
)

// canvas is a picture under construction. Shapes are given in drawing units;
// scale turns them into pixels.
type canvas struct {
	img   *image.RGBA
	scale float64
}

// newCanvas returns a canvas of w by h units, filled with one colour.
func newCanvas(w, h int, scale float64, paper color.Color) *canvas {
	c := &canvas{scale: scale, img: image.NewRGBA(image.Rect(0, 0, int(float64(w)*scale), int(float64(h)*scale)))}
	draw.Draw(c.img, c.img.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	return c
}

// outline is a list of polylines; curves are flattened as they are added.
type outline struct {
	lines  [][]point
	closed []bool
}

// curveSteps is how many straight pieces stand for a curve: at these sizes
// none of them shows.
const curveSteps = 28

// shape reads the path language of SVG 2 §9.3: M L H V C Q Z, absolute and
// relative. It panics on anything else: the shapes are part of this program.
func shape(d string) *outline {
	p := &outline{}
	var at, start point
	toks := tokens(d)
	num := func() float64 {
		v, err := strconv.ParseFloat(toks[0], 64)
		if err != nil {
			panic("shape " + d + ": " + err.Error())
		}
		toks = toks[1:]
		return v
	}
	var op byte
	for len(toks) > 0 {
		if c := toks[0][0]; c >= 'A' && c != 'e' && c != 'E' {
			op, toks = c, toks[1:]
		}
		var base point
		if op >= 'a' {
			base = at
		}
		pair := func() point { return point{base.x + num(), base.y + num()} }
		switch op &^ 0x20 {
		case 'M':
			at = pair()
			start = at
			p.lines, p.closed = append(p.lines, []point{at}), append(p.closed, false)
			op = op - 'M' + 'L'
		case 'L':
			at = pair()
			p.to(at)
		case 'H':
			at.x = base.x + num()
			p.to(at)
		case 'V':
			at.y = base.y + num()
			p.to(at)
		case 'C':
			a, b, c := pair(), pair(), pair()
			p.cubic(at, a, b, c)
			at = c
		case 'Q':
			q, c := pair(), pair()
			a := point{at.x + (q.x-at.x)*2/3, at.y + (q.y-at.y)*2/3}
			b := point{c.x + (q.x-c.x)*2/3, c.y + (q.y-c.y)*2/3}
			p.cubic(at, a, b, c)
			at = c
		case 'Z':
			p.closed[len(p.closed)-1] = true
			at = start
		default:
			panic("shape " + d + ": unknown command " + string(op))
		}
	}
	return p
}

// tokens divides a path into commands and numbers.
func tokens(d string) []string {
	var spaced strings.Builder
	for i := range len(d) {
		switch c := d[i]; {
		case c == ',':
			spaced.WriteByte(' ')
		case c >= 'A':
			spaced.WriteString(" " + string(c) + " ")
		case c == '-':
			spaced.WriteString(" -")
		default:
			spaced.WriteByte(c)
		}
	}
	return strings.Fields(spaced.String())
}

func (p *outline) to(a point) {
	i := len(p.lines) - 1
	p.lines[i] = append(p.lines[i], a)
}

func (p *outline) cubic(a, b, c, d point) {
	for i := 1; i <= curveSteps; i++ {
		t := float64(i) / curveSteps
		u := 1 - t
		k := [4]float64{u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t}
		p.to(point{
			k[0]*a.x + k[1]*b.x + k[2]*c.x + k[3]*d.x,
			k[0]*a.y + k[1]*b.y + k[2]*c.y + k[3]*d.y,
		})
	}
}

// ellipse is a closed ellipse around (x, y).
func ellipse(x, y, rx, ry float64) *outline {
	const steps = 96
	line := make([]point, steps)
	for i := range line {
		s, c := math.Sincos(2 * math.Pi * float64(i) / steps)
		line[i] = point{x + rx*c, y + ry*s}
	}
	return &outline{lines: [][]point{line}, closed: []bool{true}}
}

func circle(x, y, r float64) *outline { return ellipse(x, y, r, r) }

// box is a rectangle with corners rounded by r.
func box(x, y, w, h, r float64) *outline {
	var line []point
	for corner, at := range []point{{x + w - r, y + r}, {x + w - r, y + h - r}, {x + r, y + h - r}, {x + r, y + r}} {
		for i := range 9 {
			s, c := math.Sincos(math.Pi / 2 * (float64(corner-1) + float64(i)/8))
			line = append(line, point{at.x + r*c, at.y + r*s})
		}
	}
	return &outline{lines: [][]point{line}, closed: []bool{true}}
}

// fill paints the inside of p (nonzero rule).
func (c *canvas) fill(p *outline, ink color.Color) { c.paint(p.lines, ink) }

// stroke paints a line of the given width along p, with round ends and joins.
func (c *canvas) stroke(p *outline, width float64, ink color.Color) {
	var pieces [][]point
	r := width / 2
	for i, line := range p.lines {
		if p.closed[i] {
			line = append(slices.Clone(line), line[0])
		}
		for k, b := range line {
			pieces = append(pieces, dot(b, r))
			if k == 0 {
				continue
			}
			a := line[k-1]
			n := math.Hypot(b.x-a.x, b.y-a.y)
			if n == 0 {
				continue
			}
			ox, oy := -(b.y-a.y)/n*r, (b.x-a.x)/n*r
			pieces = append(pieces, []point{{a.x - ox, a.y - oy}, {b.x - ox, b.y - oy}, {b.x + ox, b.y + oy}, {a.x + ox, a.y + oy}})
		}
	}
	c.paint(pieces, ink)
}

// paint fills polygons, all of them as one shape. Only the part of the
// picture that they touch is worked on.
func (c *canvas) paint(polygons [][]point, ink color.Color) {
	low, high := point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	for _, line := range polygons {
		for _, p := range line {
			low = point{min(low.x, p.x*c.scale), min(low.y, p.y*c.scale)}
			high = point{max(high.x, p.x*c.scale), max(high.y, p.y*c.scale)}
		}
	}
	if low.x > high.x {
		return
	}
	area := image.Rect(int(math.Floor(low.x)), int(math.Floor(low.y)), int(math.Ceil(high.x))+1, int(math.Ceil(high.y))+1)
	z := vector.NewRasterizer(area.Dx(), area.Dy())
	for _, line := range polygons {
		for i, p := range line {
			x, y := float32(p.x*c.scale-float64(area.Min.X)), float32(p.y*c.scale-float64(area.Min.Y))
			if i == 0 {
				z.MoveTo(x, y)
				continue
			}
			z.LineTo(x, y)
		}
		z.ClosePath()
	}
	// The rasterizer's picture is put over ours where it belongs; what lies
	// beyond the edge is cut off.
	mask := image.NewAlpha(image.Rect(0, 0, area.Dx(), area.Dy()))
	z.Draw(mask, mask.Bounds(), image.Opaque, image.Point{})
	draw.DrawMask(c.img, area, image.NewUniform(ink), image.Point{}, mask, image.Point{}, draw.Over)
}

// draw fills p and outlines it.
func (c *canvas) draw(p *outline, paint color.Color, width float64, ink color.Color) {
	c.fill(p, paint)
	c.stroke(p, width, ink)
}

func dot(at point, r float64) []point {
	const sides = 14
	line := make([]point, sides)
	for i := range line {
		s, c := math.Sincos(2 * math.Pi * float64(i) / sides)
		line[i] = point{at.x + r*c, at.y + r*s}
	}
	return line
}

// encode writes the picture as a PNG of at most 64 colours: the most
// frequent ones, to which the rest are rounded. Flat drawings lose nothing
// that the eye sees, and two thirds of their bytes.
func (c *canvas) encode(w io.Writer) error {
	count := map[color.RGBA]int{}
	for i := 0; i < len(c.img.Pix); i += 4 {
		count[coarse(c.img.Pix[i:])]++
	}
	colours := make([]color.RGBA, 0, len(count))
	for rgba := range count {
		colours = append(colours, rgba)
	}
	slices.SortFunc(colours, func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	palette := make(color.Palette, 0, 64)
	for _, rgba := range colours[:min(len(colours), cap(palette))] {
		palette = append(palette, rgba)
	}
	out := image.NewPaletted(c.img.Bounds(), palette)
	index := map[color.RGBA]uint8{}
	for i := range out.Pix {
		rgba := coarse(c.img.Pix[4*i:])
		n, ok := index[rgba]
		if !ok {
			n = uint8(palette.Index(rgba))
			index[rgba] = n
		}
		out.Pix[i] = n
	}
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	return enc.Encode(w, out)
}

// coarse rounds a pixel to six bits a channel, so that nearly equal blends
// at edges share one entry of the palette.
func coarse(p []uint8) color.RGBA {
	round := func(v uint8) uint8 { return v&^3 | v>>6 }
	return color.RGBA{round(p[0]), round(p[1]), round(p[2]), 255}
}

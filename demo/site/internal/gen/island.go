package main

import (
	"image/color"
	"math"
	"math/rand/v2"
)

// The inks of a paper chart and of the signal flags.
var (
	deepWater = color.RGBA{0xf4, 0xf9, 0xfb, 0xff}
	shallow   = color.RGBA{0xd5, 0xea, 0xf4, 0xff}
	shoal     = color.RGBA{0xac, 0xd5, 0xe9, 0xff}
	foreshore = color.RGBA{0xc2, 0xcf, 0x9a, 0xff}
	land      = color.RGBA{0xf3, 0xe2, 0xb1, 0xff}
	contour   = color.RGBA{0x8d, 0xb9, 0xd0, 0xff}
	sounding  = color.RGBA{0x6d, 0x8b, 0x9c, 0xff}
	ink       = color.RGBA{0x10, 0x22, 0x2e, 0xff}
	white     = color.RGBA{0xff, 0xff, 0xff, 0xff}
	red       = color.RGBA{0xd4, 0x2a, 0x3c, 0xff}
	redDark   = color.RGBA{0x9f, 0x1c, 0x30, 0xff}
	blue      = color.RGBA{0x1d, 0x4e, 0x9e, 0xff}
	yellow    = color.RGBA{0xf8, 0xc9, 0x2c, 0xff}
	glow      = color.RGBA{0xff, 0xf1, 0xb8, 0xff}
	brass     = color.RGBA{0xd3, 0x9f, 0x35, 0xff}
	brassPale = color.RGBA{0xf0, 0xcd, 0x72, 0xff}
	brassDark = color.RGBA{0x95, 0x6a, 0x1c, 0xff}
	steel     = color.RGBA{0x8b, 0xa3, 0xb0, 0xff}
	steelPale = color.RGBA{0xd3, 0xdf, 0xe5, 0xff}
	slate     = color.RGBA{0x2b, 0x48, 0x5a, 0xff}
)

// coast is a closed wavy line around (x, y): a circle whose radius is bent by
// a few slow waves, the same for the same waves at every radius.
type coast struct{ size, turn [6]float64 }

func newCoast(rng *rand.Rand) coast {
	var c coast
	for k := range c.size {
		c.size[k] = (0.6 + rng.Float64()) * 0.085 / math.Pow(float64(k+2), 0.9)
		c.turn[k] = rng.Float64() * 2 * math.Pi
	}
	return c
}

func (c coast) at(x, y, r float64) *outline {
	const steps = 180
	line := make([]point, steps)
	for i := range line {
		angle := 2 * math.Pi * float64(i) / steps
		bend := 1.0
		for k := range c.size {
			bend += c.size[k] * math.Cos(float64(k+2)*angle+c.turn[k])
		}
		s, co := math.Sincos(angle)
		line[i] = point{x + r*bend*co, y + r*bend*s}
	}
	return &outline{lines: [][]point{line}, closed: []bool{true}}
}

// island draws the ground on which each thing of the shop stands: an island
// of its own, on a chart, with its depths around it.
func island(seed uint64, glyphs []glyph, scale float64) *canvas {
	c := newCanvas(400, 400, scale, deepWater)
	rng := rand.New(rand.NewPCG(seed, 7))
	shore := newCoast(rng)
	c.stroke(shore.at(200, 206, 215), 1.2, contour)
	c.draw(shore.at(200, 206, 186), shallow, 1.2, contour)
	c.draw(shore.at(200, 206, 163), shoal, 1.2, contour)
	c.draw(shore.at(200, 206, 143), foreshore, 1.2, brassDark)
	c.draw(shore.at(200, 206, 135), land, 1.6, brassDark)
	for _, at := range []point{{22, 40}, {366, 32}, {18, 380}, {356, 386}, {182, 24}, {196, 392}} {
		x, y := at.x+rng.Float64()*14-7, at.y+rng.Float64()*12-6
		c.text(glyphs, x, y, 14, string(rune('1'+rng.IntN(9)))+"", sounding)
		if rng.IntN(2) == 0 {
			c.text(glyphs, x+8, y+4, 9, string(rune('1'+rng.IntN(8))), sounding)
		}
	}
	return c
}

// text writes s in Octant with its baseline at (x, y); size is the em.
func (c *canvas) text(glyphs []glyph, x, y, size float64, s string, ink color.Color) {
	c.fill(lettering(glyphs, x, y, size, s), ink)
}

// lettering is s as outlines.
func lettering(glyphs []glyph, x, y, size float64, s string) *outline {
	p := &outline{}
	pixel := size * unitsPerPixel / unitsPerEm
	for _, r := range s {
		if r == ' ' {
			x += (blankWidth + 1) * pixel
			continue
		}
		for i := range glyphs {
			if glyphs[i].char != r {
				continue
			}
			for _, o := range glyphs[i].outlines() {
				line := make([]point, len(o))
				for k, at := range o {
					line[k] = point{x + at.x*pixel, y - at.y*pixel}
				}
				p.lines, p.closed = append(p.lines, line), append(p.closed, true)
			}
			x += float64(glyphs[i].width+1) * pixel
		}
	}
	return p
}

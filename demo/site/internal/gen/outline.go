package main

import (
	_ "embed"
	"fmt"
	"strings"
	"unicode/utf8"
)

//go:embed octant.txt
var octantSheet string

// Rows of a glyph on the sheet: seven above the baseline, two below.
const (
	rowsAbove = 7
	rowsBelow = 2
)

// glyph is one character as pixels and as the outline made of them.
type glyph struct {
	char  rune
	width int // pixels
	ink   [rowsAbove + rowsBelow][]bool
}

// point is a place on a glyph's grid in pixels, y upwards from the baseline.
type point struct{ x, y float64 }

// parseSheet reads a sheet of glyphs. The order is that of the sheet.
func parseSheet(sheet string) ([]glyph, error) {
	var glyphs []glyph
	var block []string
	for n, line := range append(strings.Split(sheet, "\n"), "") {
		if strings.HasPrefix(line, "# ") && len(block) == 0 {
			continue // a comment; inside a block a hash is ink or a character
		}
		if line != "" {
			block = append(block, line)
			continue
		}
		if len(block) == 0 {
			continue
		}
		got, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("octant.txt: block before line %d: %w", n+1, err)
		}
		glyphs, block = append(glyphs, got...), nil
	}
	return glyphs, nil
}

func parseBlock(lines []string) ([]glyph, error) {
	if len(lines) != 1+rowsAbove+rowsBelow {
		return nil, fmt.Errorf("%d lines, want %d", len(lines), 1+rowsAbove+rowsBelow)
	}
	chars := strings.Fields(lines[0])
	glyphs := make([]glyph, len(chars))
	for i, c := range chars {
		glyphs[i].char, _ = utf8.DecodeRuneInString(c)
	}
	for row, line := range lines[1:] {
		cells := strings.Fields(line)
		if len(cells) != len(chars) {
			return nil, fmt.Errorf("row %d has %d glyphs, want %d", row, len(cells), len(chars))
		}
		for i, cell := range cells {
			g := &glyphs[i]
			if row == 0 {
				g.width = len(cell)
			} else if len(cell) != g.width {
				return nil, fmt.Errorf("%q: row %d is %d wide, want %d", g.char, row, len(cell), g.width)
			}
			for _, c := range cell {
				g.ink[row] = append(g.ink[row], c == '#')
			}
		}
	}
	return glyphs, nil
}

// at reports ink at column x and height y, where y 0 stands on the baseline.
func (g *glyph) at(x, y int) bool {
	row := rowsAbove - 1 - y
	return row >= 0 && row < len(g.ink) && x >= 0 && x < len(g.ink[row]) && g.ink[row][x]
}

// How far a corner is cut, in pixels. Cutting turns squares into octagons,
// hence the typeface's name; where two pixels touch only at a corner, the
// deeper cut joins them into a diagonal stroke.
const (
	cutCorner = 0.36
	cutJoint  = 0.5
)

// grid is a corner between four pixels.
type grid struct{ x, y int }

// outlines traces the ink with the ink on the right hand, which makes outer
// contours clockwise as TrueType wants them, and cuts the corners.
func (g *glyph) outlines() [][]point {
	from := map[grid][]grid{} // directed pixel sides, by where they begin
	var order []grid
	side := func(a, b grid) {
		if len(from[a]) == 0 {
			order = append(order, a)
		}
		from[a] = append(from[a], b)
	}
	for y := -rowsBelow; y < rowsAbove; y++ {
		for x := range g.width {
			if !g.at(x, y) {
				continue
			}
			if !g.at(x, y+1) {
				side(grid{x, y + 1}, grid{x + 1, y + 1})
			}
			if !g.at(x+1, y) {
				side(grid{x + 1, y + 1}, grid{x + 1, y})
			}
			if !g.at(x, y-1) {
				side(grid{x + 1, y}, grid{x, y})
			}
			if !g.at(x-1, y) {
				side(grid{x, y}, grid{x, y + 1})
			}
		}
	}
	var all [][]point
	for _, start := range order {
		for len(from[start]) > 0 {
			all = append(all, g.cut(trace(from, start)))
		}
	}
	return all
}

// trace walks the sides from start until it is back there, and uses them up.
// At a joint it turns left, which keeps diagonal neighbours together.
func trace(from map[grid][]grid, start grid) []grid {
	var path []grid
	at, dir := start, grid{}
	for {
		next := from[at]
		pick := 0
		for i, n := range next {
			if dir.x*(n.y-at.y)-dir.y*(n.x-at.x) > 0 {
				pick = i
			}
		}
		to := next[pick]
		from[at] = append(next[:pick:pick], next[pick+1:]...)
		d := grid{to.x - at.x, to.y - at.y}
		if d != dir {
			path = append(path, at)
		}
		at, dir = to, d
		if at == start {
			// At a joint the walk may pass its own start; it is closed only
			// when no left turn leads on.
			if len(from[at]) == 0 || !leftOf(from[at], at, dir) {
				break
			}
		}
	}
	// The start is no corner when the walk goes straight on through it.
	if len(path) > 1 && straight(path[len(path)-1], path[0], path[1]) {
		path = path[1:]
	}
	return path
}

func leftOf(next []grid, at, dir grid) bool {
	for _, n := range next {
		if dir.x*(n.y-at.y)-dir.y*(n.x-at.x) > 0 {
			return true
		}
	}
	return false
}

func straight(a, b, c grid) bool {
	return (b.x-a.x)*(c.y-b.y)-(b.y-a.y)*(c.x-b.x) == 0
}

// cut replaces each corner of the path by two points.
func (g *glyph) cut(path []grid) []point {
	var out []point
	add := func(p point) {
		if n := len(out); n == 0 || out[n-1] != p {
			out = append(out, p)
		}
	}
	for i, v := range path {
		prev, next := path[(i+len(path)-1)%len(path)], path[(i+1)%len(path)]
		c := cutCorner
		if g.at(v.x-1, v.y-1) == g.at(v.x, v.y) && g.at(v.x-1, v.y) == g.at(v.x, v.y-1) {
			c = cutJoint
		}
		in, on := unit(prev, v), unit(v, next)
		add(point{float64(v.x) - c*in.x, float64(v.y) - c*in.y})
		add(point{float64(v.x) + c*on.x, float64(v.y) + c*on.y})
	}
	if len(out) > 1 && out[0] == out[len(out)-1] {
		out = out[:len(out)-1]
	}
	return out
}

func unit(a, b grid) point {
	n := float64(max(a.x-b.x, b.x-a.x, a.y-b.y, b.y-a.y))
	return point{float64(b.x-a.x) / n, float64(b.y-a.y) / n}
}

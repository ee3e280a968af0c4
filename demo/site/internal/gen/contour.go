package main

import (
	"math"
	"math/rand/v2"
	"strconv"
)

// Measures of the chart in its own units, and the mesh on which its ground is
// known.
const (
	chartWidth  = 1600
	chartHeight = 900
	mesh        = 8
	margin      = 4 // cells beyond the frame, where lines may close
)

// ground is the height of land and depth of water over the chart in metres.
type ground struct {
	cols, rows int
	height     []float64
}

// newGround makes the harbour: a coast in the east with a basin in it, a
// headland that carries the light, islands and a bank before it.
func newGround(rng *rand.Rand) *ground {
	rough := newNoise(rng)
	hills := []struct{ x, y, rx, ry, rise float64 }{
		{1130, 600, 190, 62, 36},  // the headland, from the coast...
		{985, 560, 66, 58, 27},    // ...to its point with the light
		{1262, 372, 92, 62, -7},   // the basin
		{1190, 262, 130, 24, 25},  // the northern mole
		{1085, 268, 40, 26, 22},   // and its head
		{1190, 468, 120, 26, 21},  // the southern mole
		{1056, 118, 62, 44, 44},   // an island
		{1126, 80, 34, 28, 30},    // and its calf
		{768, 470, 130, 40, 24},   // the bank
		{1010, 790, 60, 30, 26},   // rocks in the south
		{1085, 815, 34, 20, 30},   //
		{640, 720, 150, 60, 19},   // shallower water
		{1420, 120, 220, 160, 22}, // high ground
		{1450, 720, 220, 180, 26}, // high ground
		{420, 330, 240, 140, -12}, // the deep
		{1330, 860, 90, 46, -30},  // a cove
	}
	g := &ground{cols: chartWidth/mesh + 1 + 2*margin, rows: chartHeight/mesh + 1 + 2*margin}
	for row := range g.rows {
		for col := range g.cols {
			x, y := g.place(float64(col), float64(row))
			if row == 0 || col == 0 || row == g.rows-1 || col == g.cols-1 {
				g.height = append(g.height, -1000) // every line closes within the mesh
				continue
			}
			shore := 1190 + 60*math.Sin(y/130) + 30*math.Sin(y/57+1)
			h := 26*math.Tanh((x-shore)/260) - 14 + 3*math.Sin(x/310)*math.Cos(y/240) - max(0, 760-x)/55
			for _, b := range hills {
				dx, dy := (x-b.x)/b.rx, (y-b.y)/b.ry
				h += b.rise * math.Exp(-dx*dx-dy*dy)
			}
			g.height = append(g.height, h+5.5*rough.at(x/120, y/120)+2.4*rough.at(x/47, y/47)+1.1*rough.at(x/21, y/21))
		}
	}
	return g
}

// place turns mesh coordinates into those of the chart.
func (g *ground) place(col, row float64) (x, y float64) {
	return (col - margin) * mesh, (row - margin) * mesh
}

// at is the height at a place of the chart.
func (g *ground) at(x, y float64) float64 {
	col, row := int(x/mesh)+margin, int(y/mesh)+margin
	return g.height[row*g.cols+col]
}

// crossing names a place where a line of equal height crosses the mesh: the
// edge that begins at a node and runs right or down.
type crossing struct {
	col, row int
	down     bool
}

// lines returns the closed lines of one height, by marching squares.
func (g *ground) lines(level float64) [][]point {
	next := map[crossing]crossing{}
	var order []crossing
	for row := range g.rows - 1 {
		for col := range g.cols - 1 {
			corner := [4]float64{
				g.height[row*g.cols+col], g.height[row*g.cols+col+1],
				g.height[(row+1)*g.cols+col+1], g.height[(row+1)*g.cols+col],
			}
			side := [4]crossing{{col, row, false}, {col + 1, row, true}, {col, row + 1, false}, {col, row, true}}
			high := func(i int) bool { return corner[i&3] >= level }
			for i := range 4 {
				// Walking round the cell: a line enters where the ground
				// falls below the level and leaves at the next rise.
				if !high(i) || high(i+1) {
					continue
				}
				k := i + 1
				for high(k) || !high(k+1) {
					k++
				}
				next[side[i]] = side[k&3]
				order = append(order, side[i])
			}
		}
	}
	var all [][]point
	for _, start := range order {
		if _, ok := next[start]; !ok {
			continue
		}
		var line []point
		for at := start; ; {
			to, ok := next[at]
			if !ok {
				break
			}
			delete(next, at)
			line = append(line, g.cross(at, level))
			at = to
		}
		if len(line) > 10 { // smaller ones are noise
			all = append(all, simplify(line, 0.7))
		}
	}
	return all
}

// cross is where the level lies on an edge of the mesh.
func (g *ground) cross(c crossing, level float64) point {
	a := g.height[c.row*g.cols+c.col]
	x, y := float64(c.col), float64(c.row)
	if c.down {
		b := g.height[(c.row+1)*g.cols+c.col]
		y += between(a, b, level)
	} else {
		b := g.height[c.row*g.cols+c.col+1]
		x += between(a, b, level)
	}
	x, y = g.place(x, y)
	return point{x, y}
}

func between(a, b, level float64) float64 { return (level - a) / (b - a) }

// simplify drops points that lie within tolerance of the line without them
// (Douglas and Peucker, 1973).
func simplify(line []point, tolerance float64) []point {
	if len(line) < 3 {
		return line
	}
	a, b := line[0], line[len(line)-1]
	far, at := 0.0, 0
	for i := 1; i < len(line)-1; i++ {
		if d := distance(line[i], a, b); d > far {
			far, at = d, i
		}
	}
	if far <= tolerance {
		return []point{a, b}
	}
	left := simplify(line[:at+1], tolerance)
	return append(left[:len(left)-1:len(left)-1], simplify(line[at:], tolerance)...)
}

// distance of p from the line through a and b.
func distance(p, a, b point) float64 {
	n := math.Hypot(b.x-a.x, b.y-a.y)
	if n == 0 {
		return math.Hypot(p.x-a.x, p.y-a.y)
	}
	return math.Abs((b.x-a.x)*(a.y-p.y)-(a.x-p.x)*(b.y-a.y)) / n
}

// svgPath writes closed lines in whole units, each step relative to the last
// point. places is the number of decimal places.
func svgPath(lines [][]point, places int) string {
	unit := math.Pow10(places)
	var d []byte
	number := func(v int) {
		if n := len(d); v >= 0 && d[n-1] != 'm' && d[n-1] != 'M' && d[n-1] != 'l' {
			d = append(d, ' ')
		}
		d = strconv.AppendFloat(d, float64(v)/unit, 'f', -1, 64)
	}
	for _, line := range lines {
		lastX, lastY := 0, 0
		for i, p := range line {
			x, y := int(math.Round(p.x*unit)), int(math.Round(p.y*unit))
			switch i {
			case 0:
				d = append(d, 'M')
			case 1:
				d = append(d, 'l')
			}
			number(x - lastX)
			number(y - lastY)
			lastX, lastY = x, y
		}
		d = append(d, 'z')
	}
	return string(d)
}

// noise is smooth value noise.
type noise struct{ table [256]float64 }

func newNoise(rng *rand.Rand) *noise {
	var n noise
	for i := range n.table {
		n.table[i] = rng.Float64()*2 - 1
	}
	return &n
}

func (n *noise) at(x, y float64) float64 {
	ix, iy := math.Floor(x), math.Floor(y)
	fx, fy := ease(x-ix), ease(y-iy)
	v := func(dx, dy int) float64 {
		return n.table[((int(ix)+dx)*73+(int(iy)+dy)*151)&255]
	}
	top := v(0, 0) + (v(1, 0)-v(0, 0))*fx
	low := v(0, 1) + (v(1, 1)-v(0, 1))*fx
	return top + (low-top)*fy
}

func ease(t float64) float64 { return t * t * (3 - 2*t) }

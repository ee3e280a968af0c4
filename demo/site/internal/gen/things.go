package main

import "math"

// things draws each product of the catalogue by its id.
var things = map[string]func(*canvas){
	"storm-lantern": stormLantern,
	"fog-bell":      fogBell,
	"mooring-line":  mooringLine,
	"signal-flags":  signalFlags,
	"fresnel-lamp":  fresnelLamp,
	"tide-clock":    tideClock,
	"watch-mug":     watchMug,
	"spar-buoy":     sparBuoy,
}

// Widths of the pen.
const (
	bold = 5.0
	thin = 3.0
)

func stormLantern(c *canvas) {
	c.stroke(shape("M142 150 C142 60 258 60 258 150"), 13, ink)
	c.stroke(shape("M142 150 C142 60 258 60 258 150"), 5, steel)
	// Chimney and cap.
	c.draw(shape("M170 132 L178 104 H222 L230 132 Z"), redDark, bold, ink)
	c.draw(box(164, 128, 72, 20, 8), red, bold, ink)
	// Globe with its flame.
	c.draw(shape("M168 150 C140 184 140 214 166 250 H234 C260 214 260 184 232 150 Z"), glow, bold, ink)
	c.fill(shape("M200 176 C226 206 222 236 200 240 C178 236 174 206 200 176 Z"), yellow)
	c.fill(shape("M200 202 C212 218 210 236 200 238 C190 236 188 218 200 202 Z"), red)
	c.stroke(shape("M164 176 C156 192 157 208 166 226"), 6, white)
	// Guard wires.
	c.stroke(shape("M150 198 C178 208 222 208 250 198"), thin, ink)
	c.stroke(shape("M184 150 C172 184 172 214 184 250 M216 150 C228 184 228 214 216 250"), thin, ink)
	// Uprights, tank and foot.
	c.stroke(shape("M140 148 V268 M260 148 V268"), 14, ink)
	c.stroke(shape("M140 148 V268 M260 148 V268"), 6, red)
	c.draw(box(156, 246, 88, 18, 6), brass, bold, ink)
	c.draw(shape("M140 266 H260 L276 312 C276 322 124 322 124 312 Z"), red, bold, ink)
	c.stroke(shape("M144 288 L138 308"), 6, white)
	c.draw(box(114, 312, 172, 18, 9), redDark, bold, ink)
	c.draw(circle(262, 258, 11), brassPale, 4, ink)
}

func fogBell(c *canvas) {
	// Bracket.
	c.draw(box(80, 76, 22, 252, 6), slate, bold, ink)
	c.draw(box(80, 76, 190, 20, 6), slate, bold, ink)
	c.draw(shape("M102 158 L164 96 H190 L102 184 Z"), slate, bold, ink)
	for _, y := range []float64{116, 214, 300} {
		c.fill(circle(91, y, 5), steelPale)
	}
	// Bell.
	c.draw(circle(222, 116, 17), brass, bold, ink)
	c.fill(circle(222, 116, 6), slate)
	c.draw(circle(222, 276, 21), brassDark, bold, ink)
	c.draw(shape("M222 128 C178 128 178 174 172 210 C166 240 148 250 142 268 H302 C296 250 278 240 272 210 C266 174 266 128 222 128 Z"), brass, bold, ink)
	c.fill(shape("M204 142 C190 152 190 186 184 214 C179 238 166 250 162 258 H180 C188 244 196 230 200 206 C204 180 202 158 216 140 Z"), brassPale)
	c.fill(shape("M258 168 C264 210 276 240 288 258 H270 C258 240 254 210 250 168 Z"), brassDark)
	c.stroke(shape("M174 216 C206 224 238 224 270 216"), thin, ink)
	c.draw(box(132, 260, 180, 20, 10), brass, bold, ink)
	// Lanyard with a knot.
	c.stroke(shape("M222 292 C222 306 214 312 222 326"), 12, ink)
	c.stroke(shape("M222 292 C222 306 214 312 222 326"), 6, white)
	c.draw(circle(222, 320, 12), white, 4, ink)
	c.draw(shape("M213 330 H231 L236 350 H208 Z"), white, 4, ink)
	c.stroke(shape("M217 338 V348 M227 338 V348"), 2, ink)
}

func mooringLine(c *canvas) {
	rope := func(p *outline) {
		c.stroke(p, 25, ink)
		c.stroke(p, 17, white)
		for _, line := range p.lines {
			along := 0.0
			for k := 1; k < len(line); k++ {
				a, b := line[k-1], line[k]
				n := math.Hypot(b.x-a.x, b.y-a.y)
				if along += n; along < 16 || n == 0 {
					continue
				}
				along = 0
				dx, dy := (b.x-a.x)/n, (b.y-a.y)/n
				twist := &outline{closed: []bool{false}, lines: [][]point{{
					{b.x - dy*7.5 - dx*5, b.y + dx*7.5 - dy*5}, {b.x + dy*7.5 + dx*5, b.y - dx*7.5 + dy*5}}}}
				c.stroke(twist, 4, blue)
			}
		}
	}
	// Flemish coil: from the eye splice round and round to the middle.
	coil := &outline{closed: []bool{false}}
	var line []point
	for i := range 900 {
		t := float64(i) / 900
		angle := -0.9 + t*2*math.Pi*4.35
		r := 122 - t*104
		line = append(line, point{200 + r*math.Cos(angle)*1.02, 214 + r*math.Sin(angle)*0.94})
	}
	coil.lines = [][]point{line}
	rope(coil)
	tail := shape("M275 121 C262 84 292 52 318 66 C344 82 330 116 300 118 C290 119 282 118 275 121")
	rope(tail)
	c.draw(box(262, 104, 34, 24, 8), red, 4, ink)
	c.stroke(shape("M271 106 V126 M279 106 V126 M287 106 V126"), 2.5, redDark)
}

func signalFlags(c *canvas) {
	// Mast and yard.
	c.draw(box(92, 66, 14, 276, 7), brass, bold, ink)
	c.draw(circle(99, 62, 12), brassPale, bold, ink)
	c.stroke(shape("M118 84 C122 170 120 250 124 336"), 4, ink)
	type flag struct{ x, y, w, h float64 }
	wave := func(f flag) *outline {
		x, y, w, h := f.x, f.y, f.w, f.h
		p := &outline{lines: [][]point{nil}, closed: []bool{true}}
		p.lines[0] = append(p.lines[0], point{x, y})
		p.cubic(point{x, y}, point{x + w*.33, y + 12}, point{x + w*.66, y - 12}, point{x + w, y + 2})
		p.to(point{x + w, y + h + 2})
		p.cubic(point{x + w, y + h + 2}, point{x + w*.66, y + h - 12}, point{x + w*.33, y + h + 12}, point{x, y + h})
		return p
	}
	part := func(f flag, x0, y0, x1, y1 float64) *outline { // a rectangle of the flag, bent as it waves
		p := &outline{lines: [][]point{nil}, closed: []bool{true}}
		bend := func(u, v float64) point {
			sag := 3*u*(1-u)*(1-u)*12 - 3*u*u*(1-u)*12 + u*u*u*2
			return point{f.x + u*f.w, f.y + v*f.h + sag}
		}
		for i := range 25 {
			p.to(bend(x0+(x1-x0)*float64(i)/24, y0))
		}
		for i := range 25 {
			p.to(bend(x1-(x1-x0)*float64(i)/24, y1))
		}
		return p
	}
	// U, W and 1 of the International Code of Signals: thanks, and a
	// pleasant voyage.
	u := flag{120, 86, 132, 84}
	c.fill(wave(u), white)
	c.fill(part(u, 0, 0, .5, .5), red)
	c.fill(part(u, .5, .5, 1, 1), red)
	c.stroke(wave(u), bold, ink)
	w := flag{122, 184, 132, 84}
	c.fill(wave(w), blue)
	c.fill(part(w, .2, .2, .8, .8), white)
	c.fill(part(w, .37, .38, .63, .62), red)
	c.stroke(wave(w), bold, ink)
	one := shape("M124 284 C160 296 200 282 262 306 C262 312 262 316 262 320 C200 338 160 346 124 340 Z")
	c.fill(one, white)
	c.fill(circle(166, 313, 14), red)
	c.stroke(one, bold, ink)
	c.draw(box(80, 330, 38, 18, 6), slate, bold, ink)
}

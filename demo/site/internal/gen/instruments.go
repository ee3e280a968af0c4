package main

import "math"

func fresnelLamp(c *canvas) {
	// Rays.
	for _, y := range []float64{150, 186, 222} {
		c.stroke(shape("M20 0 H62").moved(26, y), 6, yellow)
		c.stroke(shape("M20 0 H62").moved(292, y), 6, yellow)
	}
	// Lens: a bull's eye between rings of prisms.
	lens := shape("M150 92 H250 C286 140 286 232 250 280 H150 C114 232 114 140 150 92 Z")
	c.draw(lens, shallow, bold, ink)
	for i := range 4 {
		d := float64(i) * 14
		top := 102 + d
		w := 46 + 8*float64(i) + 4
		c.draw(shape("M-1 0 H1").scaled(w, 1).thick(10).moved(200, top), white, thin, ink)
		c.draw(shape("M-1 0 H1").scaled(w, 1).thick(10).moved(200, 372-top), white, thin, ink)
	}
	c.draw(ellipse(200, 186, 62, 29), glow, 4, ink)
	c.draw(ellipse(200, 186, 38, 19), yellow, thin, ink)
	c.fill(circle(200, 186, 9), white)
	// Brass cage, cap and foot.
	c.draw(shape("M152 90 C160 66 240 66 248 90 Z"), brass, bold, ink)
	c.draw(circle(200, 66, 9), brassPale, 4, ink)
	c.stroke(shape("M142 90 H258"), 15, ink)
	c.stroke(shape("M142 90 H258"), 6, brassPale)
	c.stroke(shape("M142 284 H258"), 17, ink)
	c.stroke(shape("M142 284 H258"), 7, brassPale)
	c.draw(shape("M164 292 H236 L250 322 H150 Z"), brass, bold, ink)
	c.fill(shape("M176 296 H188 L182 318 H166 Z"), brassPale)
	c.draw(box(128, 320, 144, 18, 9), brassDark, bold, ink)
}

func tideClock(c *canvas) {
	c.fill(circle(204, 212, 122), brassDark)
	c.draw(circle(200, 204, 122), brass, bold, ink)
	c.draw(circle(200, 204, 102), white, bold, ink)
	// The sea in the lower half of the dial.
	sea := &outline{lines: [][]point{nil}, closed: []bool{true}}
	for i := range 121 {
		x := 200 - 99.5*math.Cos(math.Pi*float64(i)/120)
		y := 216 + 5*math.Sin(float64(i)/120*6*math.Pi)
		sea.to(point{x, y})
	}
	for i := range 61 {
		s, co := math.Sincos(math.Pi * float64(i) / 60)
		sea.to(point{200 + 99.5*co, 216 + 87*s})
	}
	c.fill(sea, shoal)
	c.stroke(shape("M126 246 q9 -9 18 0 q9 9 18 0 q9 -9 18 0 M206 262 q9 -9 18 0 q9 9 18 0 q9 -9 18 0"), thin, blue)
	for h := range 12 {
		s, co := math.Sincos(math.Pi / 6 * float64(h))
		w, from := 3.0, 88.0
		if h%3 == 0 {
			w, from = 6, 82
		}
		tick := &outline{closed: []bool{false}, lines: [][]point{{{200 + from*co, 204 + from*s}, {200 + 94*co, 204 + 94*s}}}}
		c.stroke(tick, w, ink)
	}
	// Its one hand shows how long until the water turns.
	c.stroke(shape("M182 232 L246 134"), 10, ink)
	c.draw(shape("M254 122 L252 150 L232 137 Z"), red, 4, ink)
	c.stroke(shape("M190 220 L244 137"), 3.5, red)
	c.draw(circle(200, 204, 12), red, bold, ink)
	c.stroke(shape("M116 158 C128 128 150 110 176 102"), 6, brassPale)
	// Hanger.
	c.stroke(circle(200, 72, 14), 12, ink)
	c.stroke(circle(200, 72, 14), 4, brassPale)
	c.draw(box(184, 80, 32, 14, 5), brass, 4, ink)
}

func watchMug(c *canvas) {
	for _, x := range []float64{154, 190, 226} {
		steam := shape("M0 0 c-14 -14 14 -26 0 -42 c-8 -10 2 -18 2 -22").moved(x, 116)
		c.stroke(steam, 11, ink)
		c.stroke(steam, 5, white)
	}
	handle := shape("M262 164 C330 150 334 268 256 268")
	c.stroke(handle, 27, ink)
	c.stroke(handle, 17, white)
	c.draw(shape("M114 134 H270 L262 312 C262 326 122 326 122 312 Z"), white, bold, ink)
	c.fill(shape("M238 148 H264 L257 308 C256 314 250 317 240 318 Z"), steelPale)
	c.draw(ellipse(192, 134, 80, 17), slate, 9, blue)
	c.stroke(ellipse(192, 134, 85, 22), 3.5, ink)
	// A lighthouse in enamel.
	c.draw(shape("M172 296 L180 212 H204 L212 296 Z"), red, 4, ink)
	c.fill(shape("M177.5 240 H206.5 L208.6 262 H175.4 Z"), white)
	c.draw(box(174, 202, 36, 10, 3), ink, 2, ink)
	c.draw(box(182, 184, 20, 18, 2), yellow, 4, ink)
	c.draw(shape("M178 184 L192 170 L206 184 Z"), ink, 2, ink)
	c.fill(shape("M174 188 L134 176 V204 L174 196 Z"), glow)
	c.fill(shape("M210 188 L246 178 V202 L210 196 Z"), glow)
	c.stroke(shape("M136 298 q9 -8 18 0 q9 8 18 0 q9 -8 18 0 q9 8 18 0 q9 -8 18 0 q9 8 18 0"), 4, blue)
	// A chip that proves it has been to sea.
	c.fill(shape("M126 300 L140 306 L134 320 L123 314 Z"), slate)
}

func sparBuoy(c *canvas) {
	// Topmark: a can, as port hand marks carry it (IALA region A).
	c.stroke(shape("M206 60 L194 258"), 12, ink)
	c.stroke(shape("M206 60 L194 258"), 4, steelPale)
	c.draw(box(185, 46, 42, 38, 3).turned(0.06, 206, 65), red, bold, ink)
	// Lantern and cage.
	c.draw(box(186, 106, 36, 34, 6).turned(0.06, 204, 123), yellow, bold, ink)
	c.stroke(shape("M196 108 L194 138 M212 109 L210 139"), thin, ink)
	c.stroke(shape("M176 150 L152 262 M230 153 L240 266"), 10, ink)
	c.stroke(shape("M176 150 L152 262 M230 153 L240 266"), 3, steelPale)
	c.stroke(shape("M168 188 L234 192 M160 226 L238 230"), 5, ink)
	c.stroke(shape("M172 148 L234 152"), 12, ink)
	c.stroke(shape("M172 148 L234 152"), 4, steelPale)
	// Bell under the cage.
	c.draw(shape("M200 196 C186 196 184 216 178 232 H220 C216 216 214 196 200 196 Z"), brass, 4, ink)
	c.fill(circle(199, 236, 6), ink)
	// Hull in the water.
	c.draw(shape("M104 256 C104 244 292 252 292 266 L272 316 H128 Z"), red, bold, ink)
	c.fill(shape("M118 262 C124 256 160 256 176 257 L174 272 C150 270 130 272 122 274 Z"), white)
	c.draw(shape("M62 304 q22 -18 46 0 q22 18 46 0 q22 -18 46 0 q22 18 46 0 q22 -18 46 0 q22 18 46 0 V338 C300 356 100 356 62 338 Z"), shoal, bold, ink)
	c.stroke(shape("M92 328 q12 -9 24 0 q12 9 24 0 M206 334 q12 -9 24 0 q12 9 24 0 q12 -9 24 0"), thin, blue)
}

// moved shifts p.
func (p *outline) moved(x, y float64) *outline {
	return p.mapped(func(a point) point { return point{a.x + x, a.y + y} })
}

// scaled stretches p from the origin.
func (p *outline) scaled(x, y float64) *outline {
	return p.mapped(func(a point) point { return point{a.x * x, a.y * y} })
}

// turned rotates p by angle radians around (x, y).
func (p *outline) turned(angle, x, y float64) *outline {
	s, c := math.Sincos(angle)
	return p.mapped(func(a point) point {
		return point{x + (a.x-x)*c - (a.y-y)*s, y + (a.x-x)*s + (a.y-y)*c}
	})
}

// thick turns a level line into a closed bar of height h around it.
func (p *outline) thick(h float64) *outline {
	a, b := p.lines[0][0], p.lines[0][len(p.lines[0])-1]
	return box(a.x, a.y-h/2, b.x-a.x, h, h/2)
}

func (p *outline) mapped(f func(point) point) *outline {
	out := &outline{closed: p.closed}
	for _, line := range p.lines {
		moved := make([]point, len(line))
		for i, a := range line {
			moved[i] = f(a)
		}
		out.lines = append(out.lines, moved)
	}
	return out
}

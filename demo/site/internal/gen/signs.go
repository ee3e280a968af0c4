package main

import (
	"fmt"
	"image/color"
	"math"
	"math/rand/v2"
	"strings"
)

// mark is the shop's sign: a light as charts draw it, a star with its flare.
func mark() string {
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">` +
		`<rect width="32" height="32" rx="3" fill="#f3e2b1"/>` +
		`<path fill="#b01770" d="M14 15C18 6 25 2 28 4 30 6 27 13 17 18z"/>` +
		`<path fill="#10222e" d="M12 10.5l2.6 6.3 6.8.5-5.2 4.4 1.6 6.6-5.8-3.6-5.8 3.6 1.6-6.6-5.2-4.4 6.8-.5z"/></svg>`
}

// flags spells the shop's name in the International Code of Signals.
func flags() string {
	const side, step = 40, 46
	drawn := map[rune]string{
		'S': `<path fill="#fff" d="M0 0h40v40H0z"/><path fill="#1d4e9e" d="M12 12h16v16H12z"/>`,
		'E': `<path fill="#1d4e9e" d="M0 0h40v20H0z"/><path fill="#d42a3c" d="M0 20h40v20H0z"/>`,
		'A': `<path fill="#fff" d="M0 0h20v40H0z"/><path fill="#1d4e9e" d="M20 0h20L30 20l10 20H20z"/>`,
		'M': `<path fill="#1d4e9e" d="M0 0h40v40H0z"/><path stroke="#fff" stroke-width="8" d="M0 0l40 40M40 0L0 40"/>`,
		'R': `<path fill="#d42a3c" d="M0 0h40v40H0z"/><path fill="#f8c92c" d="M16 0h8v16h16v8H24v16h-8V24H0v-8h16z"/>`,
		'K': `<path fill="#f8c92c" d="M0 0h20v40H0z"/><path fill="#1d4e9e" d="M20 0h20v40H20z"/>`,
	}
	var b strings.Builder
	name := "SEAMARK"
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d 46"><clipPath id="c"><path d="M0 0h40v40H0z"/></clipPath>`, step*len(name))
	fmt.Fprintf(&b, `<path fill="none" stroke="#dcebf3" stroke-width="1.5" d="M0 3h%d"/>`, step*len(name))
	for i, r := range name {
		fmt.Fprintf(&b, `<g transform="translate(%d 3)" clip-path="url(#c)">%s</g>`, i*step+(step-side)/2, drawn[r])
	}
	b.WriteString(`</svg>`)
	return b.String()
}

// waves is one period of the water in which the foot of each page stands.
func waves() string {
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 60">` +
		`<path fill="#acd5e9" d="M0 16q30-16 60 0t60 0 60 0 60 0v44H0z"/>` +
		`<path fill="#5f9fc4" d="M0 32q-30-14 0 0 30 14 60 0t60 0 60 0 60 0v28H0z"/>` +
		`<path fill="#10324a" d="M0 48q30-12 60 0t60 0 60 0 60 0v12H0z"/></svg>`
}

// lampHead is the lighthouse at night.
func lampHead() *canvas {
	night, dusk := color.RGBA{0x0b, 0x17, 0x22, 0xff}, color.RGBA{0x12, 0x2b, 0x3d, 0xff}
	sea, crest := color.RGBA{0x10, 0x32, 0x4a, 0xff}, color.RGBA{0x2f, 0x6d, 0x92, 0xff}
	beam, core := color.RGBA{0x2b, 0x3c, 0x3b, 0xff}, color.RGBA{0x6c, 0x6a, 0x45, 0xff}
	c := newCanvas(640, 440, 1.25, night)
	rng := rand.New(rand.NewPCG(18, 71))
	c.fill(shape("M0 250 C160 226 320 240 640 214 V440 H0 Z"), dusk)
	for range 46 {
		c.fill(circle(rng.Float64()*640, rng.Float64()*210, 0.8+rng.Float64()*1.1), steelPale)
	}
	// The beam, wide and then narrow, from the lantern out to sea.
	c.fill(shape("M452 122 L0 10 V206 Z"), beam)
	c.fill(shape("M452 122 L0 66 V154 Z"), core)
	c.fill(shape("M462 122 L640 92 V150 Z"), beam)
	// The sea.
	c.fill(shape("M0 312 q20 -12 40 0 q20 12 40 0 q20 -12 40 0 q20 12 40 0 q20 -12 40 0 q20 12 40 0 q20 -12 40 0 q20 12 40 0 q20 -12 40 0 q20 12 40 0 q20 -12 40 0 q20 12 40 0 q20 -12 40 0 q20 12 40 0 q20 -12 40 0 q20 12 40 0 V440 H0 Z"), sea)
	for range 26 {
		x, y := rng.Float64()*640, 330+rng.Float64()*100
		c.stroke(shape("M0 0 q9 -7 18 0 q9 7 18 0").moved(x, y), 2.2, crest)
	}
	for i := range 7 { // the light lies on the water
		w := 70 - 8*math.Abs(float64(i)-2)
		c.stroke(shape("M-1 0 H1").scaled(w/2, 1).moved(190+float64(i)*7, 324+float64(i)*13), 3, core)
	}
	// The head with its grass, house and tower.
	c.draw(shape("M300 372 C330 336 352 340 366 306 C400 288 470 282 520 290 C570 296 610 280 640 284 V440 H270 C276 412 286 392 300 372 Z"), slate, 3, night)
	c.fill(shape("M366 306 C400 288 470 282 520 290 C570 296 610 280 640 284 V300 C600 300 560 312 520 306 C470 298 410 302 360 318 Z"), color.RGBA{0x5d, 0x74, 0x4c, 0xff})
	c.draw(shape("M490 240 H566 V294 H490 Z"), steelPale, 3.5, night)
	c.draw(shape("M482 242 L500 218 H558 L574 242 Z"), redDark, 3.5, night)
	c.draw(box(506, 256, 14, 16, 2), yellow, 3, night)
	c.draw(box(536, 256, 14, 16, 2), yellow, 3, night)
	c.draw(shape("M436 150 H476 L490 296 H422 Z"), white, 3.5, night)
	c.fill(shape("M433.5 178 H478.5 L481.5 208 H430.5 Z"), red)
	c.fill(shape("M427.8 238 H484.2 L487 268 H425 Z"), red)
	c.fill(shape("M468 152 H474 L488 294 H478 Z"), color.RGBA{0xa9, 0x9b, 0xa4, 0xff})
	c.draw(box(426, 140, 60, 12, 3), ink, 3, night)
	c.draw(box(438, 106, 36, 34, 2), glow, 3.5, night)
	c.fill(circle(456, 122, 10), white)
	c.stroke(shape("M450 106 V140 M462 106 V140"), 2, night)
	c.draw(shape("M432 106 L456 82 L480 106 Z"), redDark, 3.5, night)
	c.fill(circle(456, 78, 5), brass)
	return c
}

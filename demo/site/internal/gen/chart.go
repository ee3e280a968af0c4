package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// The light of the shop's harbour and the places of the chart's furniture.
const (
	lightX, lightY     = 968, 556
	compassX, compassY = 866, 222
	compassR           = 104
	leadX, leadY       = 596, 562 // the leading line, from sea...
	leadEndX, leadEndY = 1368, 345
	leadTurn           = 1060 // ...broken up to here, where it is to be followed
)

// chart draws the harbour as an SVG: depths, land, soundings, marks and the
// light that flashes as its label says. Day and night follow the page.
func chart(glyphs []glyph) string {
	rng := rand.New(rand.NewPCG(54, 10))
	g := newGround(rng)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" preserveAspectRatio="xMaxYMid slice" role="img" aria-label="Chart of Seamark harbour">`, chartWidth, chartHeight)
	b.WriteString(chartStyle)
	b.WriteString(`<defs>`)
	for n := '0'; n <= '9'; n++ {
		fmt.Fprintf(&b, `<path id="n%c" d="%s"/>`, n, svgPath(lettering(glyphs, 0, 0, 14, string(n)).lines, 1))
		fmt.Fprintf(&b, `<path id="s%c" d="%s"/>`, n, svgPath(lettering(glyphs, 0, 0, 9, string(n)).lines, 1))
	}
	b.WriteString(`<path id="buoy" d="M0 0l-7-16h14zM-12 0h24"/></defs>`)
	fmt.Fprintf(&b, `<rect class="deep" width="%d" height="%d"/>`, chartWidth, chartHeight)
	for _, layer := range []struct {
		class string
		level float64
	}{{"line", -26}, {"line", -19}, {"shallow", -10}, {"shoal", -5}, {"shore", 0}, {"land", 1.6}, {"hill", 12}, {"hill", 18}} {
		fmt.Fprintf(&b, `<path class="%s" d="%s"/>`, layer.class, svgPath(g.lines(layer.level), 0))
	}
	graticule(&b)
	soundings(&b, g, rng)
	compass(&b, glyphs)
	marks(&b, glyphs)
	b.WriteString(`</svg>`)
	return b.String()
}

const chartStyle = `<style>
:root{color-scheme:light dark}
.deep{fill:#f4f9fb}.line{fill:none;stroke:#8db9d0}.shallow{fill:#d5eaf4;stroke:#8db9d0}.shoal{fill:#acd5e9;stroke:#8db9d0}
.shore{fill:#c2cf9a;stroke:#956a1c}.land{fill:#f3e2b1;stroke:#956a1c;stroke-width:1.4}.hill{fill:none;stroke:#d9c184}
.grid{stroke:#10222e;stroke-opacity:.16}.depth{fill:#6d8b9c}.name{font:italic 19px Charter,"Bitstream Charter",Georgia,"DejaVu Serif",serif;fill:#3d6580;letter-spacing:.22em}
.town{font:15px Charter,"Bitstream Charter",Georgia,"DejaVu Serif",serif;fill:#10222e;letter-spacing:.12em}
.magenta{fill:none;stroke:#b01770}.ink{fill:none;stroke:#10222e;stroke-width:1.6}.note{fill:#b01770}.label{fill:#10222e}
.red{fill:#d42a3c;stroke:#10222e;stroke-width:1.6}.green{fill:#2f8f5b;stroke:#10222e;stroke-width:1.6}.flare{fill:#b01770;fill-opacity:.85}
.beam{fill:#f8c92c;fill-opacity:.5;opacity:0;animation:fl2 10s linear infinite}
@keyframes fl2{0%,3%,22%,25%,100%{opacity:0}5%,9%{opacity:1}13%,15%{opacity:0}17%,20%{opacity:1}}
@media(prefers-reduced-motion:reduce){.beam{animation:none;opacity:.5}}
@media(prefers-color-scheme:dark){.deep{fill:#0b141b}.line{stroke:#24465c}.shallow{fill:#0f2230;stroke:#24465c}.shoal{fill:#14344a;stroke:#2c5670}
.shore{fill:#2f3a2a;stroke:#6d5a2c}.land{fill:#3a3424;stroke:#8a6f36}.hill{stroke:#5a4d2f}.grid{stroke:#dfeaf0;stroke-opacity:.12}.depth{fill:#5d7f93}
.name{fill:#7fa9c4}.town,.label{fill:#e2ebf0}.magenta{stroke:#e05aa6}.note,.flare{fill:#e05aa6}.ink,.red,.green{stroke:#e2ebf0}.town{fill:#e2ebf0}}
</style>`

func graticule(b *strings.Builder) {
	b.WriteString(`<path class="grid" fill="none" d="`)
	for x := 160; x < chartWidth; x += 320 {
		fmt.Fprintf(b, "M%d 0V%d", x, chartHeight)
	}
	for y := 130; y < chartHeight; y += 320 {
		fmt.Fprintf(b, "M0 %dH%d", y, chartWidth)
	}
	b.WriteString(`"/>`)
}

// places are the names on the chart.
var places = []struct {
	class string
	x, y  float64
	text  string
}{
	{"name", 618, 700, "The Shelving"}, {"name", 800, 772, "Outer Road"}, {"name", 1194, 348, "Basin"},
	{"name", 886, 350, "Haven Mouth"}, {"town", 1376, 412, "SEAMARK"}, {"town", 1088, 622, "Lamp Head"},
}

// taken reports whether something stands at a place, so that no sounding may.
func taken(x, y float64) bool {
	for _, n := range places {
		if y > n.y-26 && y < n.y+14 && x > n.x-22 && x < n.x+float64(len(n.text))*15+8 {
			return true
		}
	}
	for _, m := range []struct{ x, y, r float64 }{
		{compassX, compassY, compassR + 24}, {lightX, lightY, 54}, {724, 500, 30}, {730, 548, 30}, {876, 458, 30}, {884, 506, 30},
		{573, 742, 34}, {860, 690, 36}, {650, 482, 34}, {664, 576, 34},
	} {
		if math.Hypot(x-m.x, y-m.y) < m.r {
			return true
		}
	}
	lead := leadY + (x-leadX)*(leadEndY-leadY)/(leadEndX-leadX)
	return x > leadX-20 && math.Abs(y-5-lead) < 15
}

// soundings writes depths over the water: metres, and below ten metres a
// small decimetre, as charts do.
func soundings(b *strings.Builder, g *ground, rng *rand.Rand) {
	b.WriteString(`<g class="depth">`)
	for y := 34.0; y < chartHeight-10; y += 62 {
		for x := 22.0; x < chartWidth-20; x += 74 {
			px, py := x+rng.Float64()*44-22, y+rng.Float64()*36-18
			px, py = max(px, 4), max(py, 16)
			depth := -g.at(px, py)
			if depth < 0.8 || taken(px, py) {
				continue
			}
			at := int(px)
			for _, n := range fmt.Sprint(int(depth)) {
				fmt.Fprintf(b, `<use href="#n%c" x="%d" y="%d"/>`, n, at, int(py))
				at += 7
			}
			if depth < 10 {
				fmt.Fprintf(b, `<use href="#s%d" x="%d" y="%d"/>`, int(depth*10)%10, at, int(py)+4)
			}
		}
	}
	b.WriteString(`</g>`)
}

// compass is the rose: true north outside, the local variation inside.
func compass(b *strings.Builder, glyphs []glyph) {
	fmt.Fprintf(b, `<g transform="translate(%d %d)"><g class="magenta">`, compassX, compassY)
	for _, r := range []int{compassR, compassR - 14, compassR - 44, compassR - 54} {
		fmt.Fprintf(b, `<circle r="%d"/>`, r)
	}
	b.WriteString(`<path d="`)
	ray := func(angle, from, to float64) {
		s, c := math.Sincos(angle * math.Pi / 180)
		fmt.Fprintf(b, "M%.0f %.0fL%.0f %.0f", from*s, -from*c, to*s, -to*c)
	}
	for a := 0.0; a < 360; a += 5 {
		from := compassR - 7.0
		if math.Mod(a, 10) == 0 {
			from = compassR - 14
		}
		ray(a, from, compassR)
	}
	const variation = -4
	for a := 0.0; a < 360; a += 15 {
		ray(a+variation, compassR-54, compassR-44)
	}
	ray(variation, 0, compassR-30)
	b.WriteString(`"/><path d="M-9 0H9M0-9V9"/></g><g class="note">`)
	for a := 0; a < 360; a += 30 {
		text := fmt.Sprint(a)
		p := lettering(glyphs, -float64(len(text))*2.5, 0, 10, text)
		fmt.Fprintf(b, `<path transform="rotate(%d)" d="%s"/>`, a, svgPath(p.moved(0, -compassR+25).lines, 1))
	}
	b.WriteString(`<path d="M0-126l11 26-11-7-11 7z"/></g></g>`)
}

// marks are the light, the buoys, the leading line and the names.
func marks(b *strings.Builder, glyphs []glyph) {
	text := func(class string, x, y, size float64, s string) {
		fmt.Fprintf(b, `<path class="%s" d="%s"/>`, class, svgPath(lettering(glyphs, x, y, size, s).lines, 1))
	}
	// The leading line through the harbour's mouth.
	turnY := leadY + (leadTurn-leadX)*(leadEndY-leadY)/(leadEndX-leadX)
	fmt.Fprintf(b, `<path class="ink" stroke-dasharray="14 7" d="M%d %dL%d %d"/>`, leadX, leadY, leadTurn, turnY)
	fmt.Fprintf(b, `<path class="ink" d="M%d %dL%d %d"/>`, leadTurn, turnY, leadEndX, leadEndY)
	angle := math.Atan2(leadEndY-leadY, leadEndX-leadX) * 180 / math.Pi
	fmt.Fprintf(b, `<g transform="translate(%d %d) rotate(%.1f)">`, leadX+12, leadY-4, angle)
	text("label", 0, -6, 14, fmt.Sprintf("%03.0f°", 90+angle))
	b.WriteString(`</g>`)
	// The light: its sectors, its flare, its star.
	fmt.Fprintf(b, `<g transform="translate(%d %d)">`, lightX, lightY)
	b.WriteString(`<path class="beam" d="M0 0L-190-70A202 202 0 0 0-190 70z"/>`)
	b.WriteString(`<path class="magenta" stroke-dasharray="2 5" d="M0 0L-216-80M0 0L-216 80M0 0L40-226"/>`)
	b.WriteString(`<path class="magenta" stroke-width="2.4" d="M-155-57A165 165 0 0 0-155 57M-148-73A165 165 0 0 1 29-162"/>`)
	b.WriteString(`<path class="flare" d="M0-4C16-34 40-44 46-40 50-34 34-14 4 0z"/>`)
	b.WriteString(`<circle r="15" class="ink"/><path class="label" d="M0-11L2.6-3.6 10.5-3.4 4.2 1.4 6.5 8.9 0 4.4-6.5 8.9-4.2 1.4-10.5-3.4-2.6-3.6z"/>`)
	text("label", 24, 24, 20, "Fl(2) 10s")
	text("label", 24, 46, 20, "24m 18M")
	b.WriteString(`</g>`)
	// Buoys of the channel: red to port, green to starboard (IALA region A).
	for i, at := range [][2]int{{724, 506}, {730, 560}, {876, 462}, {884, 516}} {
		class := "red"
		if i%2 == 1 {
			class = "green"
		}
		fmt.Fprintf(b, `<use href="#buoy" class="%s" x="%d" y="%d"/>`, class, at[0], at[1])
	}
	text("note", 650, 486, 10, "Fl R 4s")
	text("note", 650, 580, 10, "Fl G 4s")
	// A wreck and an anchorage.
	b.WriteString(`<g class="ink"><path d="M560 742h26M573 732v20M566 735v14M580 735v14"/><ellipse cx="573" cy="742" rx="22" ry="15" stroke-dasharray="2 4"/></g>`)
	b.WriteString(`<g class="magenta" stroke-width="2"><path d="M860 672v34M848 684h24M844 694q2 14 16 14t16-14"/><circle cx="860" cy="667" r="5"/></g>`)
	for _, n := range places {
		fmt.Fprintf(b, `<text class="%s" x="%.0f" y="%.0f">%s</text>`, n.class, n.x, n.y, n.text)
	}
}

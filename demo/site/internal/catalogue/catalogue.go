// Package catalogue is what the demo's shop sells. The generator makes pages
// and pictures of it, and the shop's database is filled from it.
package catalogue

import "fmt"

// Product is one thing on the shelf.
type Product struct {
	ID    string // as in its address
	Name  string
	Cents int64 // price in euro cents
	Stock int64 // pieces on the quay when the shop opens
	// Light is the product's own light in the notation of charts (IHO S-4,
	// B-471), and Lamp and Colour are the same for the style sheet.
	Light  string
	Lamp   string // class of the rhythm
	Colour string // w white, y yellow, r red, g green
	Short  string
	Long   []string
	Facts  [][2]string
}

// Price is the price as people read it.
func (p Product) Price() string { return fmt.Sprintf("€%d.%02d", p.Cents/100, p.Cents%100) }

// Products returns everything on the shelf, in its order.
func Products() []Product {
	return []Product{
		{
			ID: "storm-lantern", Name: "Storm lantern", Cents: 8400, Stock: 42, Light: "F Y", Lamp: "fixed", Colour: "y",
			Short: "Burns thirty hours in a gale, and does not mind being dropped.",
			Long: []string{
				"A paraffin lantern with a globe that lifts for trimming and a guard that takes the knocks. The air comes down through the uprights, so the flame sees no wind.",
				"Every part unscrews. We keep globes, wicks and burners in the drawer below the till and mean to go on doing so.",
			},
			Facts: [][2]string{{"Height", "31 cm"}, {"Burns", "30 h on 0.8 l"}, {"Made of", "Steel, enamelled; glass"}, {"Spare parts", "All of them"}},
		},
		{
			ID: "fog-bell", Name: "Fog bell", Cents: 21900, Stock: 9, Light: "Mo(U) 15s", Lamp: "mo-u", Colour: "w",
			Short: "Cast in bronze, tuned to carry a mile over still water.",
			Long: []string{
				"Cast in sand, turned once, and left rough inside where nobody looks. The lanyard is plaited by hand and ends in a monkey’s fist.",
				"Strike it every fifteen seconds in fog. The neighbours will understand.",
			},
			Facts: [][2]string{{"Mouth", "22 cm"}, {"Weight", "6.4 kg"}, {"Made of", "Bronze, 22 % tin"}, {"Note", "A, a little flat"}},
		},
		{
			ID: "mooring-line", Name: "Mooring line", Cents: 4650, Stock: 120, Light: "Iso 4s", Lamp: "iso", Colour: "w",
			Short: "Twelve metres, three strands, with an eye spliced at one end.",
			Long: []string{
				"Laid, not braided, so it can be spliced by anyone with a fid and an evening. It stretches before it complains.",
				"The blue strand is there to show chafe: when it fades, turn the line end for end.",
			},
			Facts: [][2]string{{"Length", "12 m"}, {"Diameter", "16 mm"}, {"Breaks at", "5.1 t"}, {"Eye", "30 cm, whipped in red"}},
		},
		{
			ID: "signal-flags", Name: "Signal flags", Cents: 13800, Stock: 17, Light: "Q(3) 10s", Lamp: "q3", Colour: "w",
			Short: "All forty, sewn. The three on the mast wish you a pleasant voyage.",
			Long: []string{
				"Twenty-six letters, ten pennants, three repeaters and the answering pennant, in bunting that dries between two showers.",
				"Rolled in a canvas wallet with a pocket for each, and a card with the meanings, for those who have no time to learn them.",
			},
			Facts: [][2]string{{"Flags", "40"}, {"Size", "45 × 55 cm"}, {"Made of", "Spun polyester"}, {"Stitching", "Double, ends locked"}},
		},
		{
			ID: "fresnel-lamp", Name: "Fresnel desk lamp", Cents: 26500, Stock: 6, Light: "Fl 5s", Lamp: "fl", Colour: "w",
			Short: "A sixth-order lens for the desk. It will find you, too.",
			Long: []string{
				"Nine rings of pressed glass around a bull’s eye, in the proportions of 1823, and a warm lamp that needs four watts.",
				"It does not turn. We tried that, and nobody got any work done.",
			},
			Facts: [][2]string{{"Height", "38 cm"}, {"Lens", "Sixth order, 15 cm"}, {"Lamp", "4 W, E14"}, {"Made of", "Glass, brass, patience"}},
		},
		{
			ID: "tide-clock", Name: "Tide clock", Cents: 11200, Stock: 23, Light: "Oc 6s", Lamp: "oc", Colour: "g",
			Short: "One hand, twelve hours and twenty-five minutes to a turn.",
			Long: []string{
				"It follows the moon, not the sun: set it at the next high water and it will tell you how much of the harbour there is.",
				"Right to within half an hour where tides are regular. Elsewhere it is a handsome thing on the wall.",
			},
			Facts: [][2]string{{"Diameter", "18 cm"}, {"Runs", "Two years on one AA"}, {"Made of", "Brass, mineral glass"}, {"Good for", "Half-day tides"}},
		},
		{
			ID: "watch-mug", Name: "Watchkeeper’s mug", Cents: 1950, Stock: 210, Light: "LFl 10s", Lamp: "lfl", Colour: "w",
			Short: "Enamel, half a litre, already chipped so you need not worry.",
			Long: []string{
				"Steel under two coats of enamel, and a handle wide enough for a mitten. It holds exactly as much as the four o’clock watch needs.",
				"The chip at the foot is ours. It is the same on each, and it has a number.",
			},
			Facts: [][2]string{{"Holds", "0.5 l"}, {"Weight", "240 g"}, {"Made of", "Steel, enamel"}, {"Keeps warm", "Until the pilot comes"}},
		},
		{
			ID: "spar-buoy", Name: "Spar buoy, 1:20", Cents: 6700, Stock: 31, Light: "Fl(2) R 6s", Lamp: "fl2", Colour: "r",
			Short: "A model that floats, rights itself, and rings when it rocks.",
			Long: []string{
				"Turned from larch, ballasted with lead shot, painted in the red that port hand marks wear in our waters.",
				"Moor it in a pond or a bath. The bell is brass and works.",
			},
			Facts: [][2]string{{"Height", "29 cm"}, {"Ballast", "420 g"}, {"Made of", "Larch, brass"}, {"Leave to", "Port"}},
		},
	}
}

package lab

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseShape reads the text form of a shape: words in any order, each part
// at most once.
//
//	20ms                       delay; also "delay 20ms"
//	jitter 2ms
//	loss 2%                    by lot
//	loss nth 3,7,8             these frames
//	loss burst 1% 25%          into a burst with 1 %, out of it with 25 %;
//	loss burst 1% 25% 80% 0.1%   what is lost in the bad and the good state
//	reorder 1% [by 5ms]
//	duplicate 1%
//	corrupt 0.5%
//	rate 10Mbit                bit, Kbit, Mbit, Gbit (powers of 1,000) per second
//	queue 64KB                 B, KB, MB (powers of 1,000), KiB, MiB
//	codel
//	mtu 1280
//
// An empty text is the zero shape.
func ParseShape(text string) (LinkShape, error) {
	p := shapeParser{words: strings.Fields(text), seen: make(map[string]bool)}
	if len(text) > maxShapeText {
		return LinkShape{}, fmt.Errorf("link shape: %d bytes of text are more than %d", len(text), maxShapeText)
	}
	for len(p.words) > 0 {
		if err := p.part(p.take()); err != nil {
			return LinkShape{}, err
		}
	}
	return p.shape, p.shape.Check()
}

// ParseShapes reads the shapes of both ways of a link, divided by a slash:
// "20ms rate 1Mbit / 20ms rate 10Mbit". One shape is that of both.
func ParseShapes(text string) (there, back LinkShape, err error) {
	first, second, two := strings.Cut(text, "/")
	if there, err = ParseShape(first); err != nil || !two {
		return there, there, err
	}
	back, err = ParseShape(second)
	return there, back, err
}

// maxShapeText bounds the text of a shape: a list of frames to lose is the
// longest part of it.
const maxShapeText = 1 << 20

// shapeParser reads words into a shape.
type shapeParser struct {
	words []string
	shape LinkShape
	seen  map[string]bool
}

// take returns the next word, "" at the end.
func (p *shapeParser) take() string {
	if len(p.words) == 0 {
		return ""
	}
	w := p.words[0]
	p.words = p.words[1:]
	return w
}

// shapeWords are the words that begin a part, for the error about one that
// does not.
const shapeWords = "delay, jitter, loss, reorder, duplicate, corrupt, rate, queue, codel, mtu"

func (p *shapeParser) part(word string) error {
	name := word
	if word[0] >= '0' && word[0] <= '9' {
		p.words = append([]string{word}, p.words...)
		name = "delay"
	}
	if p.seen[name] {
		return fmt.Errorf("link shape: %s is there twice", name)
	}
	p.seen[name] = true
	s := &p.shape
	var err error
	switch name {
	case "delay":
		s.Delay, err = p.duration(name)
	case "jitter":
		s.Jitter, err = p.duration(name)
	case "loss":
		err = p.loss()
	case "reorder":
		if s.Reorder, err = p.chance(name); err == nil && len(p.words) > 0 && p.words[0] == "by" {
			p.take()
			s.ReorderBy, err = p.duration("reorder by")
		}
	case "duplicate":
		s.Duplicate, err = p.chance(name)
	case "corrupt":
		s.Corrupt, err = p.chance(name)
	case "rate":
		s.Rate, err = p.quantity(name, rateUnits)
	case "queue":
		var n int64
		n, err = p.quantity(name, byteUnits)
		s.Queue = int(min(n, MaxQueue+1))
	case "codel":
		s.CoDel = true
	case "mtu":
		s.MTU, err = p.count(name)
	default:
		return fmt.Errorf("link shape: %q begins no part; parts are %s, or a duration such as 20ms", word, shapeWords)
	}
	return err
}

func (p *shapeParser) loss() error {
	l := &p.shape.Loss
	var err error
	switch {
	case len(p.words) > 0 && p.words[0] == "nth":
		p.take()
		for item := range strings.SplitSeq(p.take(), ",") {
			n, err := strconv.Atoi(item)
			if err != nil {
				return fmt.Errorf("link shape: loss nth %q: want numbers of frames such as 3,7,8", item)
			}
			l.Nth = append(l.Nth, n)
		}
		return nil
	case len(p.words) > 0 && p.words[0] == "burst":
		p.take()
		if len(p.words) < 2 || !strings.HasSuffix(p.words[1], "%") {
			return fmt.Errorf("link shape: loss burst %s: want two percentages, the chances to enter a burst and to leave it, such as burst 1%% 25%%", strings.Join(p.words[:min(len(p.words), 2)], " "))
		}
		b := &l.Burst
		if b.Enter, err = p.chance("loss burst: enter"); err != nil {
			return err
		}
		if b.Leave, err = p.chance("loss burst: leave"); err != nil {
			return err
		}
		for _, more := range []*float64{&b.Bad, &b.Good} {
			if len(p.words) == 0 || !strings.HasSuffix(p.words[0], "%") {
				break
			}
			if *more, err = p.chance("loss burst"); err != nil {
				return err
			}
		}
		return nil
	}
	l.Random, err = p.chance("loss")
	return err
}

func (p *shapeParser) duration(name string) (time.Duration, error) {
	w := p.take()
	d, err := time.ParseDuration(w)
	if err != nil {
		return 0, fmt.Errorf("link shape: %s %q: want a duration such as 20ms", name, w)
	}
	return d, nil
}

// chance reads a percentage.
func (p *shapeParser) chance(name string) (float64, error) {
	w := p.take()
	number, ok := strings.CutSuffix(w, "%")
	c, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || math.IsNaN(c) {
		return 0, fmt.Errorf("link shape: %s %q: want a percentage such as 2%%", name, w)
	}
	return c / 100, nil
}

func (p *shapeParser) count(name string) (int, error) {
	w := p.take()
	n, err := strconv.Atoi(w)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("link shape: %s %q: want a number", name, w)
	}
	return n, nil
}

// unit is a unit of measure with what it is worth in the basic one.
type unit struct {
	name  string
	worth int64
}

// The units, the longest names first where one ends as another does.
var (
	rateUnits = []unit{{"Gbit", 1e9}, {"Mbit", 1e6}, {"Kbit", 1e3}, {"bit", 1}}
	byteUnits = []unit{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"KB", 1e3}, {"MB", 1e6}, {"B", 1}}
)

// quantity reads a number with its unit. Case does not matter; "k" for a
// thousand is written small as often as large.
func (p *shapeParser) quantity(name string, units []unit) (int64, error) {
	w := p.take()
	lower := strings.TrimSuffix(strings.ToLower(w), "/s")
	for _, u := range units {
		number, ok := strings.CutSuffix(lower, strings.ToLower(u.name))
		if !ok {
			continue
		}
		x, err := strconv.ParseFloat(number, 64)
		if x *= float64(u.worth); err != nil || !(x >= 1 && x <= 1e18) {
			break
		}
		return int64(math.Round(x)), nil
	}
	return 0, fmt.Errorf("link shape: %s %q: want a number with one of the units %s", name, w, unitNames(units))
}

func unitNames(units []unit) string {
	var names []string
	for _, u := range units {
		names = append(names, u.name)
	}
	return strings.Join(names, ", ")
}

// String is the text form, as ParseShape reads it; "0s" for the zero shape.
func (s LinkShape) String() string {
	parts := []string{s.Delay.String()}
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if s.Jitter > 0 {
		add("jitter %s", s.Jitter)
	}
	if loss := s.Loss.String(); loss != "" {
		add("loss %s", loss)
	}
	if s.Reorder > 0 {
		add("reorder %s", percent(s.Reorder))
	}
	if s.ReorderBy > 0 {
		add("by %s", s.ReorderBy)
	}
	if s.Duplicate > 0 {
		add("duplicate %s", percent(s.Duplicate))
	}
	if s.Corrupt > 0 {
		add("corrupt %s", percent(s.Corrupt))
	}
	if s.Rate > 0 {
		add("rate %s", inUnits(s.Rate, rateUnits))
	}
	if s.Queue > 0 {
		add("queue %s", inUnits(int64(s.Queue), byteUnits))
	}
	if s.CoDel {
		add("codel")
	}
	if s.MTU > 0 {
		add("mtu %d", s.MTU)
	}
	return strings.Join(parts, " ")
}

// String is the text form behind the word loss; "" for no loss.
func (l Loss) String() string {
	switch b := l.Burst; {
	case l.Random > 0:
		return percent(l.Random)
	case len(l.Nth) > 0:
		var list []string
		for _, n := range l.Nth {
			list = append(list, strconv.Itoa(n))
		}
		return "nth " + strings.Join(list, ",")
	case b.Bad != 0 || b.Good != 0:
		return fmt.Sprintf("burst %s %s %s %s", percent(b.Enter), percent(b.Leave), percent(b.Bad), percent(b.Good))
	case b != GilbertElliott{}:
		return fmt.Sprintf("burst %s %s", percent(b.Enter), percent(b.Leave))
	}
	return ""
}

// percent writes the shortest percentage that is read back as p.
func percent(p float64) string {
	best := p * 100
	for digits := 1; digits < 17; digits++ {
		short, err := strconv.ParseFloat(strconv.FormatFloat(p*100, 'g', digits, 64), 64)
		if err == nil && short/100 == p {
			best = short
			break
		}
	}
	return strconv.FormatFloat(best, 'f', -1, 64) + "%"
}

// inUnits writes n in the largest unit that holds it exactly.
func inUnits(n int64, units []unit) string {
	best := units[len(units)-1]
	for _, u := range units {
		if n%u.worth == 0 && u.worth > best.worth {
			best = u
		}
	}
	return strconv.FormatInt(n/best.worth, 10) + best.name
}

package lab

import "fmt"

// Filter makes the link lose each frame for which f gives a reason. from is
// the node that sends it; frame is borrowed. f is called for every frame in
// the order in which they enter the link, one call at a time, and must
// neither wait nor call the lab. Of several filters each is asked.
func (k *Link) Filter(f func(from string, frame []byte) (why string)) {
	k.lab.mu.Lock()
	defer k.lab.mu.Unlock()
	k.filters = append(k.filters, f)
	k.there.settle()
	k.back.settle()
}

// filtered asks the filters about a frame.
func (d *direction) filtered(data []byte) (why string) {
	for _, f := range d.link.filters {
		if w := f(d.from.name, data); why == "" {
			why = w
		}
	}
	return why
}

// Inject sends a frame into the link as if the node had: the copy of an old
// one that a network held back, or one that nobody ever sent. frame is
// borrowed.
func (k *Link) Inject(from string, frame []byte) error {
	for _, d := range []*direction{k.there, k.back} {
		if d.from.name == from {
			d.from.Transmit(frame)
			return nil
		}
	}
	return fmt.Errorf("lab: inject into %s: %s is at neither end", k.name, from)
}

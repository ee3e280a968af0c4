package journey

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"

	"waypost/lab"
)

// capture is the pcapng file of one link.
type capture struct {
	*lab.Capture
	link *road
	path string        // "" in memory
	file *os.File      // nil in memory
	text *bytes.Buffer // nil in a file
}

// capture begins to write what passes a link, where that was asked for.
func (w *world) capture(v *road) error {
	c := &capture{link: v}
	var err error
	switch {
	case w.options.Pcap != "":
		dir := filepath.Join(w.options.Pcap, w.journey.Name)
		if err = os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		c.path = filepath.Join(dir, v.a+"-"+v.b+".pcapng")
		if c.file, err = os.Create(c.path); err != nil {
			return err
		}
		c.Capture, err = w.lab.Capture(c.file, lab.CaptureOptions{Links: []*lab.Link{v.Link}})
	case w.options.Hash:
		c.text = &bytes.Buffer{}
		c.Capture, err = w.lab.Capture(c.text, lab.CaptureOptions{Links: []*lab.Link{v.Link}})
	default:
		return nil
	}
	if err != nil {
		return err
	}
	w.captures = append(w.captures, c)
	return nil
}

// endCaptures ends them all.
func (w *world) endCaptures() error {
	var errs []error
	for _, c := range w.captures {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

func (c *capture) close() error {
	err := c.Close()
	if c.file != nil {
		err = errors.Join(err, c.file.Close())
	}
	return err
}

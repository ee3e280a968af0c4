package journey

import (
	"fmt"
	"strings"
	"time"

	"waypost/lab"
	"waypost/tcp"
)

// tcpSettings are what the keyword tcp of a host can set: name=value.
var tcpSettings = []struct {
	name string
	set  func(c *lab.HostOptions, value string) error
}{
	{"congestion", func(o *lab.HostOptions, v string) error {
		for _, c := range []tcp.Congestion{tcp.Tahoe, tcp.Reno, tcp.NewReno, tcp.CUBIC} {
			if strings.EqualFold(c.String(), v) {
				o.TCP.Congestion = c
				return nil
			}
		}
		return fmt.Errorf("%q is none of tahoe, reno, newreno, cubic", v)
	}},
	{"sack", func(o *lab.HostOptions, v string) error { return off(&o.TCP.NoSACK, v) }},
	{"timestamps", func(o *lab.HostOptions, v string) error { return off(&o.TCP.NoTimestamps, v) }},
	{"window-scale", func(o *lab.HostOptions, v string) error { return off(&o.TCP.NoWindowScale, v) }},
	{"nagle", func(o *lab.HostOptions, v string) error { return off(&o.TCP.NoDelay, v) }},
	{"mss", func(o *lab.HostOptions, v string) error { return bytesInto(&o.TCP.MSS, v) }},
	{"send-buffer", func(o *lab.HostOptions, v string) error { return bytesInto(&o.TCP.SendBuffer, v) }},
	{"receive-buffer", func(o *lab.HostOptions, v string) error { return bytesInto(&o.TCP.ReceiveBuffer, v) }},
	{"initial-window", func(o *lab.HostOptions, v string) error { return bytesInto(&o.TCP.InitialWindow, v) }},
	{"delayed-ack", func(o *lab.HostOptions, v string) error { return timeInto(&o.TCP.DelayedAck, v) }},
	{"min-rto", func(o *lab.HostOptions, v string) error { return timeInto(&o.TCP.MinRTO, v) }},
	{"initial-rto", func(o *lab.HostOptions, v string) error { return timeInto(&o.TCP.InitialRTO, v) }},
	{"msl", func(o *lab.HostOptions, v string) error { return timeInto(&o.TCP.MSL, v) }},
	{"backlog", func(o *lab.HostOptions, v string) error { return bytesInto(&o.Backlog, v) }},
}

// tcpOptions reads settings as long as there are some.
func (a *args) tcpOptions(o *lab.HostOptions) {
	var names []string
	for _, s := range tcpSettings {
		names = append(names, s.name)
	}
	for a.more() && !a.failed {
		w := a.peek()
		name, value, ok := strings.Cut(w.text, "=")
		if !ok {
			return
		}
		a.take()
		known := false
		for _, s := range tcpSettings {
			if s.name == name {
				known = true
				if err := s.set(o, value); err != nil {
					a.failAt(w, "tcp %s: %v", name, err)
				}
			}
		}
		if !known {
			a.failAt(w, "tcp has no setting %q%s", name, didYouMean(name, names))
		}
	}
}

// off reads on or off into a switch that turns something off.
func off(no *bool, v string) error {
	if v != "on" && v != "off" {
		return fmt.Errorf("%q is neither on nor off", v)
	}
	*no = v == "off"
	return nil
}

func bytesInto(n *int, v string) error {
	size, err := parseSize(v)
	*n = int(size)
	return err
}

func timeInto(d *time.Duration, v string) (err error) {
	*d, err = parseDuration(v)
	return err
}

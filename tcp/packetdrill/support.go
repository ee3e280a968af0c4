package packetdrill

import (
	"bytes"
	"slices"
	"strings"

	"waypost/packet"
)

// unreachableCodes are the ICMP codes that are understood, and whether they
// are hard errors for a connection that is being made (RFC 1122 §4.2.3.9).
var unreachableCodes = map[string]bool{
	"net_unreachable":      false,
	"host_unreachable":     false,
	"address_unreachable":  false,
	"protocol_unreachable": true,
	"port_unreachable":     true,
	"frag_needed":          false,
}

// meantToFail reports whether a script says how it fails, as the original's
// tests of itself do.
func meantToFail(text []byte) bool {
	return bytes.Contains(text, []byte("\n// Failure: ")) || bytes.Contains(text, []byte(" // Failure: "))
}

// knownCalls are the calls that prepare understands.
var knownCalls = []string{
	"socket", "bind", "listen", "accept", "connect", "read", "recv", "recvfrom", "readv", "recvmsg",
	"write", "send", "sendto", "writev", "sendmsg", "shutdown", "close",
	"setsockopt", "getsockopt", "fcntl", "ioctl", "poll",
}

// supported returns an error for the first thing in a script that this package
// does not speak, before anything is run: a script is skipped as a whole.
func supported(s *Script) error {
	assigned := constants()
	for i := range s.Events {
		e := &s.Events[i]
		var err error
		switch a := e.Action.(type) {
		case *Packet:
			if a.Flags&(packet.ECE|packet.CWR) != 0 {
				err = unsupported(e.Line, "explicit congestion notification")
			}
		case *Call:
			err = supportedCall(e.Line, a)
		case Command:
			if _, _, ok := sockstat(string(a)); !ok {
				set := defaults()
				err = set.commands(e.Line, string(a))
			}
		case *Code:
			err = supportedCode(a, assigned)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// supportedCall refuses calls and options that are not known, and calls that
// are made to fail by their arguments: those test the kernel's interface.
func supportedCall(line int, c *Call) error {
	if !slices.Contains(knownCalls, c.Name) {
		return unsupported(line, "the call %s", c.Name)
	}
	if strings.HasSuffix(c.Name, "sockopt") {
		name := arg(c, 2).Text
		if _, idle := idleOptions[name]; !idle && !knownOptions[name] {
			return unsupported(line, "the socket option %s", name)
		}
	}
	for _, a := range c.Args {
		if a.Kind == ExprWord && a.Text == "NULL" {
			return unsupported(line, "a NULL argument, which tests the kernel's calls and not TCP")
		}
	}
	switch c.Name {
	case "send", "sendto", "sendmsg", "recv", "recvfrom", "recvmsg":
		var r *run
		_, _, err := r.size(c)
		if err != nil {
			return at(line, err)
		}
	}
	return nil
}

// supportedCode refuses names that have no value, and keeps those assigned.
func supportedCode(c *Code, assigned map[string]float64) error {
	for _, s := range c.statements {
		for _, name := range s.value.names(nil) {
			if _, ok := assigned[name]; !ok && !slices.Contains(infoNames, name) {
				return unsupported(s.line, "the variable %s", name)
			}
		}
		if s.name != "" {
			assigned[s.name] = 0
		}
	}
	return nil
}

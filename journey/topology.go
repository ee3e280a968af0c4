package journey

import (
	"fmt"
	"net/netip"
	"strings"

	"waypost/lab"
	"waypost/stack"
	"waypost/trace"
)

// host is a host of the journey with what runs on it.
type host struct {
	*lab.Host
	name      string
	resolvers []netip.AddrPort
	client    *client
	browser   *trace.Station // the pen of all its clients: their ids never repeat
	starts    int            // how often a node has begun here
	service   *service       // what serve or origin put on it
	answers   *answers       // what answer said
}

// address is the first that the host has.
func (h *host) address() (netip.Addr, error) {
	addrs := h.Addrs()
	if len(addrs) == 0 {
		return netip.Addr{}, fmt.Errorf("%s has no address: no link leads to it", h.name)
	}
	return addrs[0], nil
}

// regionAction is region NAME [PREFIX…].
type regionAction struct {
	name     string
	prefixes []netip.Prefix
}

func parseRegion(a *args) action {
	r := &regionAction{}
	w := a.want("the region's name")
	for a.more() && !a.failed {
		r.prefixes = append(r.prefixes, read(a, "a prefix", parsePrefix))
	}
	if r.name = w.text; !a.failed && !a.declare(w, "region") {
		a.failed = true
	}
	return r
}

func (r *regionAction) do(t *task) error {
	region, err := t.lab.Region(r.name, r.prefixes...)
	if err != nil {
		return err
	}
	t.regions[r.name] = region
	return nil
}

// betweenAction is between REGION REGION SHAPE.
type betweenAction struct {
	a, b        string
	there, back lab.LinkShape
}

func parseBetween(a *args) action {
	b := &betweenAction{a: a.of("region"), b: a.of("region")}
	b.there, b.back = a.shape()
	a.declareLink(b.a, b.b)
	return b
}

func (b *betweenAction) do(t *task) error {
	k, err := t.lab.Between(t.regions[b.a], t.regions[b.b], b.there, b.back)
	if err != nil {
		return err
	}
	return t.watch(k, b.a, b.b)
}

// shape reads the rest of the statement as the shape of a link.
func (a *args) shape() (there, back lab.LinkShape) {
	words := a.rest()
	if len(words) == 0 || a.failed {
		return there, back
	}
	texts := make([]string, len(words))
	for i := range words {
		texts[i] = words[i].text
	}
	there, back, err := lab.ParseShapes(strings.Join(texts, " "))
	if err != nil {
		a.failAt(words[0], "%v", err)
	}
	return there, back
}

// declareLink gives the link between two nodes its names: a-b and b-a.
func (a *args) declareLink(from, to string) {
	if a.failed {
		return
	}
	for _, name := range []string{from + "-" + to, to + "-" + from} {
		if is := a.names[name]; is != "" {
			a.failHere("there is a %s %s already", is, name)
			return
		}
		a.names[name] = "link"
	}
}

// switchAction is switch NAME.
type switchAction struct{ name string }

func parseSwitch(a *args) action {
	w := a.want("the switch's name")
	if !a.failed && !a.declare(w, "switch") {
		a.failed = true
	}
	return &switchAction{w.text}
}

func (s *switchAction) do(t *task) error {
	_, err := t.lab.Switch(s.name)
	return err
}

// hostAction is host NAME … and router NAME ….
type hostAction struct {
	name        string
	router      bool
	region      string
	addrs       []netip.Addr
	on          []attachment
	via         netip.Addr
	resolvers   []netip.AddrPort
	there, back lab.LinkShape
	options     lab.HostOptions
}

// attachment is on SWITCH ADDRESS/LENGTH.
type attachment struct {
	to     string
	prefix netip.Prefix
}

func parseHost(a *args) action   { return a.host(&hostAction{}) }
func parseRouter(a *args) action { return a.host(&hostAction{router: true}) }

func (a *args) host(h *hostAction) action {
	what := "host"
	if h.router {
		what = "router"
	}
	w := a.want("the " + what + "'s name")
	h.name = w.text
	if !a.failed && !a.declare(w, what) {
		a.failed = true
	}
	for a.more() && !a.failed {
		switch {
		case a.keyword("in") && !h.router:
			h.region = a.of("region")
			for addr, err := netip.ParseAddr(a.peek().text); err == nil; addr, err = netip.ParseAddr(a.peek().text) {
				a.claim(a.take(), h.region, addr, h.name)
				h.addrs = append(h.addrs, addr)
			}
			a.declareLink(h.name, h.region)
		case a.keyword("on"):
			at := attachment{to: a.of("switch")}
			w := a.peek()
			at.prefix = read(a, "the address on it", parsePrefix)
			a.claim(w, at.to, at.prefix.Addr(), h.name)
			h.on = append(h.on, at)
			a.declareLink(h.name, at.to)
		case a.keyword("via"):
			h.via = a.addr("the gateway")
		case a.keyword("resolver"):
			h.resolvers = append(h.resolvers, netip.AddrPortFrom(a.addr("a name server"), 53))
		case a.keyword("tcp"):
			a.tcpOptions(&h.options)
		case a.keyword("link"):
			h.there, h.back = a.shape()
		default:
			return h
		}
	}
	if h.region != "" && len(h.on) > 0 && !a.failed {
		a.failHere("a host stands in a region or on switches, not both")
	}
	return h
}

func (h *hostAction) do(t *task) error {
	made := &host{name: h.name, resolvers: h.resolvers}
	var err error
	switch {
	case h.region != "":
		if made.Host, err = t.regions[h.region].Host(h.name, h.options, h.addrs, h.there, h.back); err != nil {
			return err
		}
	case h.router:
		r, err := t.lab.Router(h.name)
		if err != nil {
			return err
		}
		made.Host = &r.Host
	default:
		if made.Host, err = t.lab.Host(h.name, h.options); err != nil {
			return err
		}
	}
	t.hosts[h.name] = made
	if h.region != "" {
		links := t.lab.Links()
		k := links[len(links)-1] // the one that was just made
		return t.watch(k, h.name, h.region)
	}
	for _, at := range h.on {
		if err := t.connect(end{node: h.name, prefix: at.prefix}, end{node: at.to}, h.there, h.back); err != nil {
			return err
		}
	}
	if h.via.IsValid() {
		return made.AddRoute(stack.Route{Prefix: everywhere(h.via), Via: h.via})
	}
	return nil
}

// claim refuses an address that another host on the same Ethernet has: both
// would answer for it, and who is heard would be a matter of who spoke last.
// In another region the address may well be, as with anycast.
func (a *args) claim(w word, segment string, addr netip.Addr, who string) {
	if a.failed {
		return
	}
	at := spot{segment, addr}
	if other, taken := a.addrs[at]; taken && other != who {
		a.failAt(w, "%s has the address %v on %s already: give %s another", other, addr, segment, who)
		return
	}
	a.addrs[at] = who
}

// spot is an address on a switch or in a region.
type spot struct {
	segment string
	addr    netip.Addr
}

// everywhere is the default route of the gateway's family.
func everywhere(via netip.Addr) netip.Prefix {
	if via.Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

// end is one end of a link: a node and, where it is a host, its address.
type end struct {
	node   string
	prefix netip.Prefix
	at     word // the address in the script
}

// linkAction is link A [ADDRESS/LENGTH] B [ADDRESS/LENGTH] SHAPE.
type linkAction struct {
	a, b        end
	there, back lab.LinkShape
}

func parseLink(a *args) action {
	k := &linkAction{a: a.end()}
	k.b = a.end()
	if !a.failed {
		a.declareLink(k.a.node, k.b.node)
		for _, ends := range [2][2]end{{k.a, k.b}, {k.b, k.a}} {
			if one, on := ends[0], ends[1]; a.names[on.node] == "switch" && one.prefix.IsValid() {
				a.claim(one.at, on.node, one.prefix.Addr(), one.node)
			}
		}
	}
	k.there, k.back = a.shape()
	return k
}

func (a *args) end() end {
	e := end{node: a.of("host", "router", "switch")}
	if w := a.peek(); strings.Contains(w.text, "/") && len(w.text) > 1 {
		e.at, e.prefix = w, read(a, "the address", parsePrefix)
	} else if a.names[e.node] != "switch" && !a.failed {
		a.failHere("the address of %s on this link is missing, such as 192.0.2.1/24", e.node)
	}
	return e
}

func (k *linkAction) do(t *task) error { return t.connect(k.a, k.b, k.there, k.back) }

func (w *world) connect(a, b end, there, back lab.LinkShape) error {
	k, err := w.lab.Connect(w.port(a), w.port(b), there, back)
	if err != nil {
		return err
	}
	return w.watch(k, a.node, b.node)
}

// port is the place where a link is plugged in.
func (w *world) port(e end) lab.Port {
	p := lab.Port{Node: w.lab.Node(e.node)}
	if e.prefix.IsValid() {
		p.Prefixes = []netip.Prefix{e.prefix}
	}
	return p
}

// routeAction is route HOST PREFIX via ADDRESS.
type routeAction struct {
	host  string
	route stack.Route
}

func parseRoute(a *args) action {
	r := &routeAction{host: a.of("host", "router")}
	r.route.Prefix = read(a, "the destination, such as 203.0.113.0/24", parsePrefix).Masked()
	if !a.keyword("via") {
		a.failHere("the gateway is missing: via ADDRESS")
	}
	r.route.Via = a.addr("the gateway")
	return r
}

func (r *routeAction) do(t *task) error { return t.hosts[r.host].AddRoute(r.route) }

// link takes the name of a link: a-b, b-a, or a>b for one direction.
func (a *args) link() string {
	w := a.want("a link, such as client-server or client>server")
	if a.failed {
		return ""
	}
	if a.names[strings.ReplaceAll(w.text, ">", "-")] != "link" {
		a.failAt(w, "there is no link %s%s", w.text, didYouMean(strings.ReplaceAll(w.text, ">", "-"), a.named("link")))
	}
	return w.text
}

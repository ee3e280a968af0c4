package packetdrill

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"waypost/tcp"
)

// settings are what the options and commands of a script come to.
type settings struct {
	config  tcp.Config
	cookies tcp.CookieMode
	// keepalive is what SO_KEEPALIVE turns on.
	keepalive tcp.Keepalive

	local, remote         netip.Addr
	bindPort, connectPort uint16
	mtu                   int // of the interface, in bytes

	tolerance time.Duration
	percent   float64 // of the wait before an event; the larger one counts

	strictSegments  bool          // expected segments are not put together from several
	timestampTick   time.Duration // 0: the values of sent timestamps are not compared
	timestampScaled bool          // an echo that was never sent is placed between those that were
}

// defaults are those of the original and the scripts' defaults.sh: addresses
// of RFC 5737 and RFC 3849 as peers, an interface of 1,500 bytes, a window
// scale of 8.
func defaults() settings {
	return settings{
		config:    tcp.Config{ReceiveBuffer: 15 << 20, SendBuffer: 4 << 20},
		local:     netip.AddrFrom4([4]byte{192, 168, 0, 1}),
		remote:    netip.AddrFrom4([4]byte{192, 0, 2, 1}),
		bindPort:  8080,
		mtu:       1500,
		tolerance: DefaultTolerance,
		percent:   defaultTolerancePercent,

		connectPort: 8080,
		keepalive:   tcp.DefaultKeepalive,
	}
}

// minMTU is the smallest MTU of IPv4 (RFC 791 §3.2).
const minMTU = 68

// configure applies the script's options and its first command.
func configure(s *Script, o Options) (settings, error) {
	set := defaults()
	for _, opt := range s.Options {
		if err := set.option(opt); err != nil {
			return set, err
		}
	}
	if o.Like == Linux {
		set.config.DelayedAck = -1
	}
	if o.Tolerance > 0 {
		set.tolerance, set.percent = o.Tolerance, 0
	}
	if err := set.commands(1, s.Init); err != nil {
		return set, err
	}
	if set.local.Is4() != set.remote.Is4() {
		return set, wrong(1, "%v and %v are not of one IP version", set.local, set.remote)
	}
	headers := 40
	if set.local.Is6() {
		headers = 60
	}
	set.config.MSS = set.mtu - headers
	return set, nil
}

// option applies --name=value.
func (set *settings) option(o Option) error {
	var err error
	switch o.Name {
	case "tolerance_usecs":
		var n int64
		if n, err = strconv.ParseInt(o.Value, 10, 32); err == nil {
			set.tolerance = time.Duration(n) * time.Microsecond
		}
	case "tolerance_percent":
		set.percent, err = strconv.ParseFloat(o.Value, 64)
	case "local_ip":
		set.local, err = netip.ParseAddr(o.Value)
	case "remote_ip":
		addr, _, _ := strings.Cut(o.Value, "/")
		set.remote, err = netip.ParseAddr(addr)
	case "ip_version":
		err = set.version(o)
	case "bind_port":
		set.bindPort, err = port(o.Value)
	case "connect_port":
		set.connectPort, err = port(o.Value)
	case "mtu":
		if set.mtu, err = strconv.Atoi(o.Value); err == nil && (set.mtu < minMTU || set.mtu > 65535) {
			return wrong(o.Line, "--mtu=%d is not between %d and 65535", set.mtu, minMTU)
		}
	case "strict_segments":
		set.strictSegments = true
	case "tcp_ts_tick_usecs":
		var n int64
		if n, err = strconv.ParseInt(o.Value, 10, 32); err == nil {
			set.timestampTick = time.Duration(n) * time.Microsecond
		}
	case "tcp_ts_ecr_scaled":
		set.timestampScaled = true
	case "gateway_ip", "netmask_ip", "init_scripts", "speed", "verbose", "debug", "define", "is_anyip":
		// There is no interface to set up, and definitions are applied already.
	default:
		return unsupported(o.Line, "the option --%s", o.Name)
	}
	if err != nil {
		return wrong(o.Line, "--%s=%s: %v", o.Name, o.Value, err)
	}
	return nil
}

// version applies --ip_version.
func (set *settings) version(o Option) error {
	switch o.Value {
	case "ipv4":
		return nil
	case "ipv6":
		set.local = netip.MustParseAddr("fd3d:fa7b:d17d::1")
		set.remote = netip.MustParseAddr("2001:db8::1")
		return nil
	}
	return unsupported(o.Line, "--ip_version=%s", o.Value)
}

func port(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err
}

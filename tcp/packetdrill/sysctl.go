package packetdrill

import (
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	"waypost/tcp"
)

// commands applies shell commands that set up the machine. Commands that
// cannot change how TCP behaves here, and those that only restore, do
// nothing; all others are refused, because a script that asks for them shows
// something else.
func (set *settings) commands(line int, text string) error {
	text = strings.ReplaceAll(text, "\\\n", " ")
	for row := range strings.SplitSeq(text, "\n") {
		row, _, _ = strings.Cut(row, "#")
		for command := range strings.SplitSeq(strings.ReplaceAll(row, "&&", ";"), ";") {
			words := shellWords(command)
			if len(words) == 0 {
				continue
			}
			if err := set.command(line, words); err != nil {
				return err
			}
		}
	}
	return nil
}

// shellWords divides a command at blanks that are not between quotes.
func shellWords(s string) []string {
	var words []string
	var word []byte
	begun, quote := false, byte(0)
	for i := range len(s) {
		switch c := s[i]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, begun = c, true
		case quote == 0 && (c == ' ' || c == '\t' || c == '\r'):
			if begun {
				words = append(words, string(word))
			}
			word, begun = word[:0], false
		default:
			word, begun = append(word, c), true
		}
	}
	if begun {
		words = append(words, string(word))
	}
	return words
}

// command applies one command.
func (set *settings) command(line int, words []string) error {
	name := path.Base(words[0])
	switch {
	case name == "defaults.sh", strings.HasPrefix(name, "sysctl_restore_"), name == "true", name == "sleep":
		return nil
	case name == "set_sysctls.py":
		for _, w := range words[1:] {
			if err := set.sysctl(line, strings.TrimPrefix(w, "/proc/sys/")); err != nil {
				return err
			}
		}
		return nil
	case name == "sysctl":
		for _, w := range words[1:] {
			if strings.HasPrefix(w, "-") || strings.HasPrefix(w, ">") || strings.Contains(w, "/dev/null") {
				continue
			}
			if err := set.sysctl(line, w); err != nil {
				return err
			}
		}
		return nil
	case name == "ethtool", name == "ip" && len(words) > 1 && words[1] == "tcp_metrics":
		return nil // no offload, no memory of peers
	case name == "tcpdrop":
		return nil // at the end of a script
	case name == "tc" && words[len(words)-1] == "pfifo":
		return nil
	}
	return unsupported(line, "the command %s", strings.Join(words, " "))
}

// sysctl applies NAME=VALUE.
func (set *settings) sysctl(line int, s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok {
		return wrong(line, "sysctl %s without a value", s)
	}
	name = strings.ReplaceAll(name, "/", ".")
	apply, known := sysctls[name]
	if !known {
		return unsupported(line, "the sysctl %s", name)
	}
	var numbers []int64
	for f := range strings.FieldsSeq(value) {
		n, err := strconv.ParseInt(f, 0, 64)
		if err != nil {
			n = math.MinInt64
		}
		numbers = append(numbers, n)
	}
	if len(numbers) == 0 {
		return wrong(line, "sysctl %s without a value", name)
	}
	if !apply(set, numbers[len(numbers)-1], value) { // of minimum, default and maximum the last: buffers do not grow here
		return unsupported(line, "the sysctl %s=%s", name, value)
	}
	return nil
}

// sysctls are the settings that are understood. A function reports whether
// this value is. Names in waypost are ours: what no sysctl of Linux sets.
var sysctls = map[string]func(set *settings, n int64, text string) bool{
	"net.ipv4.tcp_timestamps":     flag01(func(set *settings, on bool) { set.config.NoTimestamps = !on }),
	"net.ipv4.tcp_sack":           flag01(func(set *settings, on bool) { set.config.NoSACK = !on }),
	"net.ipv4.tcp_window_scaling": flag01(func(set *settings, on bool) { set.config.NoWindowScale = !on }),

	"net.ipv4.tcp_congestion_control": func(set *settings, _ int64, text string) bool {
		return linuxCongestion(&set.config, text)
	},
	"net.ipv4.tcp_syncookies": func(set *settings, n int64, _ string) bool {
		set.cookies = []tcp.CookieMode{tcp.Never, tcp.Auto, tcp.Always}[min(max(n, 0), 2)]
		return n >= 0 && n <= 2
	},
	"net.ipv4.tcp_rmem": func(set *settings, n int64, _ string) bool {
		set.config.ReceiveBuffer = int(n)
		return n > 0 && n < math.MaxInt32
	},
	"net.ipv4.tcp_wmem": func(set *settings, n int64, _ string) bool {
		set.config.SendBuffer = int(n)
		return n > 0 && n < math.MaxInt32
	},
	"net.ipv4.tcp_syn_retries": count(func(set *settings, n int) { set.config.SYNRetries = n }),
	"net.ipv4.tcp_retries2":    count(func(set *settings, n int) { set.config.Retries = n }),

	"net.ipv4.tcp_keepalive_time":   seconds(func(set *settings, d time.Duration) { set.keepalive.Idle = d }),
	"net.ipv4.tcp_keepalive_intvl":  seconds(func(set *settings, d time.Duration) { set.keepalive.Interval = d }),
	"net.ipv4.tcp_keepalive_probes": count(func(set *settings, n int) { set.keepalive.Probes = n }),
	"net.ipv4.tcp_fin_timeout":      seconds(func(set *settings, d time.Duration) { set.config.FinWait2 = d }),

	"net.ipv4.tcp_rto_min_us": func(set *settings, n int64, _ string) bool {
		set.config.MinRTO = time.Duration(n) * time.Microsecond
		return n > 0 && n < math.MaxInt32
	},
	"net.ipv4.tcp_rto_max_ms": func(set *settings, n int64, _ string) bool {
		set.config.MaxRTO = milliseconds(n)
		return n > 0
	},

	// What package tcp does not have is understood where it is off.
	"net.ipv4.tcp_ecn":             only(0),
	"net.ipv4.tcp_early_retrans":   only(0), // no tail loss probes
	"net.ipv4.tcp_recovery":        only(0), // no RACK
	"net.ipv4.tcp_frto":            only(0),
	"net.ipv4.tcp_reordering":      only(3),
	"net.ipv4.tcp_mtu_probing":     only(0),
	"net.ipv4.tcp_thin_linear":     only(0),
	"net.ipv4.tcp_autocorking":     only(0, 1), // corking on a busy device: there is none
	"net.ipv4.tcp_fastopen":        anything,   // the scripts that use it are refused by its option
	"net.ipv4.tcp_fastopen_key":    anything,
	"net.ipv4.tcp_no_metrics_save": anything,
	// Segmentation offload and pacing: segments here are of one MSS, and
	// expected ones are put together.
	"net.ipv4.tcp_min_tso_segs":          anything,
	"net.ipv4.tcp_tso_win_divisor":       anything,
	"net.ipv4.tcp_pacing_ss_ratio":       anything,
	"net.ipv4.tcp_pacing_ca_ratio":       anything,
	"net.ipv4.tcp_shrink_window":         only(0),
	"net.ipv4.tcp_limit_output_bytes":    anything,
	"net.ipv4.tcp_slow_start_after_idle": only(1), // RFC 5681 §4.1

	// FreeBSD's.
	"net.inet.tcp.rfc1323": flag01(func(set *settings, on bool) {
		set.config.NoTimestamps, set.config.NoWindowScale = !on, !on
	}),
	"net.inet.tcp.sack.enable": flag01(func(set *settings, on bool) { set.config.NoSACK = !on }),
	"kern.ipc.maxsockbuf": func(set *settings, n int64, _ string) bool {
		set.config.ReceiveBuffer = int(n)
		return n > 0 && n < math.MaxInt32
	},
	"net.inet.tcp.syncookies": flag01(func(set *settings, on bool) {
		if set.cookies = tcp.Never; on {
			set.cookies = tcp.Auto
		}
	}),
	"net.inet.tcp.syncookies_only": func(set *settings, n int64, _ string) bool {
		if n == 1 {
			set.cookies = tcp.Always
		}
		return n == 0 || n == 1
	},
	"net.inet.tcp.keepidle":            millis(func(set *settings, d time.Duration) { set.keepalive.Idle = d }),
	"net.inet.tcp.keepintvl":           millis(func(set *settings, d time.Duration) { set.keepalive.Interval = d }),
	"net.inet.tcp.keepcnt":             count(func(set *settings, n int) { set.keepalive.Probes = n }),
	"net.inet.tcp.rexmit_initial":      millis(func(set *settings, d time.Duration) { set.config.InitialRTO = d }),
	"net.inet.tcp.delacktime":          millis(func(set *settings, d time.Duration) { set.config.DelayedAck = d }),
	"net.inet.tcp.insecure_rst":        only(0), // RFC 5961
	"net.inet.tcp.insecure_syn":        only(0),
	"net.inet.tcp.drop_synfin":         only(0),
	"net.inet.tcp.blackhole":           only(0),
	"net.inet.tcp.rexmit_drop_options": only(0),
	"net.inet.tcp.icmp_may_rst":        only(1),
	"net.inet.tcp.path_mtu_discovery":  only(1),
	"net.inet.tcp.ecn.enable":          only(0, 2), // only when the peer asks
	"net.inet.tcp.recvspace":           anything,   // windows are not compared
	"net.inet.tcp.sendspace":           anything,
	"net.inet.tcp.rexmit_slop":         anything,
	"net.inet.tcp.keepinit":            anything,
	"net.inet.tcp.hostcache.purgenow":  anything,

	"waypost.tcp.congestion": func(set *settings, _ int64, text string) bool {
		c, ok := tcp.ParseCongestion(strings.TrimSpace(text))
		set.config.Congestion = c
		return ok
	},
	"waypost.tcp.initial_window": count(func(set *settings, n int) { set.config.InitialWindow = n }),
	"waypost.tcp.msl":            seconds(func(set *settings, d time.Duration) { set.config.MSL = d }),
	"waypost.tcp.initial_rto_ms": millis(func(set *settings, d time.Duration) { set.config.InitialRTO = d }),
	"waypost.tcp.delayed_ack_ms": millis(func(set *settings, d time.Duration) { set.config.DelayedAck = d }),
}

// linuxCongestion selects an algorithm by the name that Linux has for it. What
// it calls reno recovers as RFC 6582 says: NewReno.
func linuxCongestion(c *tcp.Config, name string) bool {
	switch strings.TrimSpace(name) {
	case "cubic":
		c.Congestion = tcp.CUBIC
	case "reno":
		c.Congestion = tcp.NewReno
	default:
		return false
	}
	return true
}

func flag01(apply func(*settings, bool)) func(*settings, int64, string) bool {
	return func(set *settings, n int64, _ string) bool {
		apply(set, n == 1)
		return n == 0 || n == 1
	}
}

// count bounds numbers of times and segments: more than a thousand of them
// are a mistake.
func count(apply func(*settings, int)) func(*settings, int64, string) bool {
	return func(set *settings, n int64, _ string) bool {
		apply(set, int(n))
		return n > 0 && n <= 1000
	}
}

func seconds(apply func(*settings, time.Duration)) func(*settings, int64, string) bool {
	return func(set *settings, n int64, _ string) bool {
		apply(set, milliseconds(1000*min(n, math.MaxInt32)))
		return n > 0
	}
}

func millis(apply func(*settings, time.Duration)) func(*settings, int64, string) bool {
	return func(set *settings, n int64, _ string) bool {
		apply(set, milliseconds(n))
		return n > 0
	}
}

func only(values ...int64) func(*settings, int64, string) bool {
	return func(_ *settings, n int64, _ string) bool {
		for _, v := range values {
			if n == v {
				return true
			}
		}
		return false
	}
}

func anything(*settings, int64, string) bool { return true }

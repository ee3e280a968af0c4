package url

import "strconv"

// Origin is the origin of a URL (§4.7) and a map key. The zero value is an
// opaque origin, which is the same origin as nothing, not even itself.
type Origin struct {
	Scheme string
	Host   string // serialised, without port
	Port   uint16 // effective: the scheme's default where none was given
}

// Origin is the URL's origin: a tuple for http, https, ws, wss and ftp, that
// of the URL inside for blob:, and opaque for all else, file: included.
func (u *URL) Origin() Origin {
	switch u.scheme {
	case "https", "http", "ws", "wss", "ftp":
		return Origin{u.scheme, u.host.text, u.Port()}
	case "blob":
		inner, err := Parse(u.path, nil)
		if err == nil && (inner.scheme == "http" || inner.scheme == "https") {
			return inner.Origin()
		}
	}
	return Origin{}
}

// Opaque reports whether the origin is opaque.
func (o Origin) Opaque() bool { return o == Origin{} }

// Same reports whether o and p are the same origin (HTML §7.1.1).
func (o Origin) Same(p Origin) bool { return o == p && !o.Opaque() }

// String is the serialised origin, as the Origin field carries it (RFC 6454
// §6.2): "null" when opaque, and without a default port.
func (o Origin) String() string {
	if o.Opaque() {
		return "null"
	}
	s := o.Scheme + "://" + o.Host
	if p, ok := defaultPort(o.Scheme); !ok || p != o.Port {
		s += ":" + strconv.Itoa(int(o.Port))
	}
	return s
}

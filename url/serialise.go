package url

import "strconv"

// String is the serialised URL (§4.5), with its password where it has one.
func (u *URL) String() string { return u.serialise(u.password) }

func (u *URL) serialise(password string) string {
	var room [256]byte // for most URLs
	return string(u.append(room[:0], password, true))
}

// Href is String by the name that the URL class gives it (§6.1).
func (u *URL) Href() string { return u.String() }

// Redacted is String with the password hidden: the form for records, logs
// and errors.
func (u *URL) Redacted() string {
	password := u.password
	if password != "" {
		password = hidden
	}
	return u.serialise(password)
}

// hidden stands for a password.
const hidden = "****"

// RequestTarget is what a request line carries in origin form (RFC 9112
// §3.2.1): path and query. An empty path is "/".
func (u *URL) RequestTarget() string {
	path := u.path
	if path == "" {
		path = "/"
	}
	if !u.hasQuery {
		return path
	}
	return path + "?" + u.query
}

// Equal is URL equivalence (§4.6).
func (u *URL) Equal(v *URL) bool { return *u == *v }

// Append appends the serialised URL to dst, without fragment, and returns
// the extended slice. It is the form of a cache's key.
func (u *URL) Append(dst []byte) []byte { return u.append(dst, u.password, false) }

func (u *URL) append(dst []byte, password string, fragment bool) []byte {
	dst = append(dst, u.scheme...)
	dst = append(dst, ':')
	if u.host.kind != hostNone {
		dst = append(dst, "//"...)
		if u.HasCredentials() {
			dst = append(dst, u.username...)
			if password != "" {
				dst = append(dst, ':')
				dst = append(dst, password...)
			}
			dst = append(dst, '@')
		}
		dst = append(dst, u.host.text...)
		if u.hasPort {
			dst = append(dst, ':')
			dst = strconv.AppendUint(dst, uint64(u.port), 10)
		}
	} else if !u.opaque && len(u.path) > 1 && u.path[1] == '/' {
		// §4.5: else the path's empty first segment would read as "//host".
		dst = append(dst, "/."...)
	}
	dst = append(dst, u.path...)
	if u.hasQuery {
		dst = append(dst, '?')
		dst = append(dst, u.query...)
	}
	if fragment && u.hasFragment {
		dst = append(dst, '#')
		dst = append(dst, u.fragment...)
	}
	return dst
}

package fetch

import "testing"

func TestConnectTo(t *testing.T) {
	m := map[string]string{
		"www.shop.test:443":  "127.0.0.1:8443",
		"www.shop.test:":     "198.51.100.1:",
		":8080":              ":80",
		":":                  "192.0.2.99:",
		"port.test:1":        "a:0",
		"shape.test:1":       "a",
		"[2001:db8::1]:443":  "[::1]:8443",
		"only-host.test:443": "edge.test:",
	}
	tests := []struct {
		host   string
		port   uint16
		toHost string
		toPort uint16
		bad    bool
	}{
		{"www.shop.test", 443, "127.0.0.1", 8443, false},
		{"www.shop.test", 80, "198.51.100.1", 80, false},
		{"other.test", 8080, "other.test", 80, false},
		{"other.test", 443, "192.0.2.99", 443, false},
		{"2001:db8::1", 443, "::1", 8443, false},
		{"only-host.test", 443, "edge.test", 443, false},
		{"port.test", 1, "", 0, true},
		{"shape.test", 1, "", 0, true},
	}
	for _, tt := range tests {
		host, port, err := connectTo(m, tt.host, tt.port)
		if host != tt.toHost || port != tt.toPort || (err != nil) != tt.bad {
			t.Errorf("%s:%d goes to %s:%d (%v), want %s:%d", tt.host, tt.port, host, port, err, tt.toHost, tt.toPort)
		}
	}
}

func TestLiteral(t *testing.T) {
	for _, host := range []string{"192.0.2.1", "2001:db8::1", "localhost", "a.localhost", "localhost."} {
		if literal(host) == nil {
			t.Errorf("%s is looked up", host)
		}
	}
	for _, host := range []string{"www.shop.test", "notlocalhost", "1.2.3.4.test"} {
		if got := literal(host); got != nil {
			t.Errorf("%s is taken for %v", host, got)
		}
	}
}

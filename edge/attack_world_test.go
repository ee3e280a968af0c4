package edge

import (
	"io"
	"net/netip"
	"strings"
	"time"
)

// rawRequest sends text to the edge on a connection of its own, and returns
// all that comes back until the edge closes it, or is silent for a minute:
// then "<open>" follows.
func (w *world) rawRequest(text string) string {
	w.t.Helper()
	return w.rawRequestFrom(clientAddr, text)
}

// rawRequestFrom is rawRequest from another address.
func (w *world) rawRequestFrom(from netip.Addr, text string) string {
	w.t.Helper()
	c, err := w.net.Host(from).Dial(w.t.Context(), netip.AddrPortFrom(edgeAddr, 80))
	if err != nil {
		w.t.Error(err)
		return ""
	}
	defer c.Close()
	go func() { _, _ = io.WriteString(c, text) }() // which ends with the connection
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	b, err := io.ReadAll(c)
	if err != nil {
		return string(b) + "<open>"
	}
	return string(b)
}

// bodyOf and statusOf take a response apart that came by rawRequest.
func bodyOf(response string) string {
	_, body, _ := strings.Cut(response, "\r\n\r\n")
	return body
}

func statusOf(response string) string {
	_, status, _ := strings.Cut(response, " ")
	status, _, _ = strings.Cut(status, " ")
	return status
}

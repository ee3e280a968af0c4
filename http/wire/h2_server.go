package wire

type h2Server struct{}

func (c *serverConn) serveH2(read []byte) {}

func (h *h2Server) goAway() {}

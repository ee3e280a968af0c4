package wire

import (
	"errors"
	"net"
)

func newH2Client(c net.Conn, limits Limits) (Client, error) { return nil, errors.ErrUnsupported }

//go:build !linux

package link

import "net"

func osInfo(net.Conn) (TCPInfo, bool) { return TCPInfo{}, false }

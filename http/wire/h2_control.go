package wire

import (
	"golang.org/x/net/http2"

	"waypost/fault"
)

// This file is the frames that steer a connection: SETTINGS, PING,
// WINDOW_UPDATE and RST_STREAM.

// settings acts on the peer's settings and acknowledges them.
func (c *h2Conn) settings(f *http2.SettingsFrame) error {
	if err := c.floods.answered(); err != nil {
		return err
	}
	if n := f.NumSettings(); n > maxSettings {
		return broken(http2.ErrCodeEnhanceYourCalm, "more than %d parameters in a SETTINGS frame", maxSettings)
	}
	c.mu.Lock()
	if f.IsAck() {
		c.peer.acked = true
		c.mu.Unlock()
		return nil
	}
	c.peer.said = true
	err := f.ForeachSetting(c.setting)
	if err == nil {
		_ = c.fr.WriteSettingsAck()
		err = c.tooMuchOut()
		c.kick()
	}
	c.mu.Unlock()
	if err == nil {
		c.side.settled()
	}
	return err
}

func (c *h2Conn) setting(s http2.Setting) error {
	switch s.ID {
	case http2.SettingHeaderTableSize:
		c.enc.SetMaxDynamicTableSize(min(s.Val, h2TableSize))
	case http2.SettingEnablePush:
		if s.Val > 1 {
			return broken(http2.ErrCodeProtocol, "SETTINGS_ENABLE_PUSH is %d", s.Val)
		}
	case http2.SettingMaxConcurrentStreams:
		c.peer.maxStreams = s.Val
	case http2.SettingInitialWindowSize:
		return c.resizeWindows(s.Val)
	case http2.SettingMaxFrameSize:
		if s.Val < h2MaxFrame || s.Val > 1<<24-1 {
			return broken(http2.ErrCodeProtocol, "SETTINGS_MAX_FRAME_SIZE is %d", s.Val)
		}
	case http2.SettingEnableConnectProtocol:
		if s.Val > 1 {
			return broken(http2.ErrCodeProtocol, "SETTINGS_ENABLE_CONNECT_PROTOCOL is %d", s.Val)
		}
		c.peer.connects = s.Val == 1
	}
	return nil
}

// resizeWindows changes the windows of all streams, open ones included (RFC
// 9113 §6.9.2).
func (c *h2Conn) resizeWindows(size uint32) error {
	if size > h2MaxWindow {
		return broken(http2.ErrCodeFlowControl, "SETTINGS_INITIAL_WINDOW_SIZE is %d", size)
	}
	more := int64(size) - c.peer.initialWindow
	c.peer.initialWindow = int64(size)
	for id, s := range c.streams {
		if s.sendWindow += more; s.sendWindow > h2MaxWindow {
			return broken(http2.ErrCodeFlowControl, "the window of stream %d overflows", id)
		}
	}
	for _, s := range c.waiting() {
		s.cond.Broadcast()
	}
	return nil
}

func (c *h2Conn) ping(f *http2.PingFrame) error {
	if f.IsAck() {
		return c.floods.control() // we send none
	}
	if err := c.floods.answered(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.fr.WritePing(true, f.Data)
	err := c.tooMuchOut()
	c.kick()
	return err
}

// tooMuchOut is an error when the peer makes us answer and does not read.
func (c *h2Conn) tooMuchOut() error {
	if len(c.out) > h2OutMax {
		return broken(http2.ErrCodeEnhanceYourCalm, "more than %d bytes wait to be read", h2OutMax)
	}
	return nil
}

func (c *h2Conn) windowUpdate(f *http2.WindowUpdateFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.floods.windowUpdate(&c.dataSent); err != nil {
		return err
	}
	if f.StreamID == 0 {
		was := c.sendWindow
		if c.sendWindow += int64(f.Increment); c.sendWindow > h2MaxWindow {
			return broken(http2.ErrCodeFlowControl, "the connection's window overflows")
		}
		if was <= 0 {
			for _, s := range c.waiting() {
				s.cond.Broadcast()
			}
		}
		return nil
	}
	s := c.streams[f.StreamID]
	if s == nil {
		return c.notOpen(f.StreamID, "WINDOW_UPDATE")
	}
	if s.sendWindow += int64(f.Increment); s.sendWindow > h2MaxWindow {
		return resets(f.StreamID, http2.ErrCodeFlowControl, "the window overflows")
	}
	s.cond.Broadcast()
	return nil
}

func (c *h2Conn) rstStream(f *http2.RSTStreamFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streams[f.StreamID]
	if s == nil {
		if err := c.notOpen(f.StreamID, "RST_STREAM"); err != nil {
			return err
		}
		return c.floods.control()
	}
	delete(c.streams, s.id)
	c.closed.add(s.id, false)
	s.end(peerReset(f.ErrCode))
	c.side.streamGone()
	return c.floods.reset()
}

// peerReset is what a stream is told that the peer has reset.
func peerReset(code http2.ErrCode) error {
	return fault.New(fault.ConnectionTerminated, "stream", &h2PeerReset{code})
}

type h2PeerReset struct{ code http2.ErrCode }

func (e *h2PeerReset) Error() string { return "reset by the peer: " + e.code.String() }

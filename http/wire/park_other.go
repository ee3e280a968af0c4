//go:build !linux

package wire

import "time"

// lot holds nothing here: idle connections keep their goroutines.
type lot struct{}

type parked struct{}

func newLot() *lot                              { return nil }
func (p *lot) park(*serverConn, time.Time) bool { return false }
func (p *lot) leave(*serverConn) bool           { return false }
func (p *lot) close()                           {}

// Package disk keeps records in files so that a restart finds them again: a
// log of segments that are only ever appended to. A record is a key, a
// variant of it, and two pieces of bytes that this package does not look
// into: a head and a body. Both have checksums; what fails them is not there.
//
// The index is in memory and is rebuilt from the segments by Open, which
// reads the heads and skips the bodies. There is nothing else to keep in
// step with the files, so a process may be killed at any moment: a record
// that was being written then is cut off by the next Open, and what Put and
// Delete have returned for holds. For a machine that loses its power it need
// not: what the system has not written by itself, some half a minute's worth,
// is written by Close only. Records of that time are then gone, and what
// deletions of that time have deleted is back.
//
// Room is made by the segment: the oldest is read once more, what has been
// used since it was written moves to the end of the log, the rest goes with
// its file. A scan of things used once thus flows through without pushing out
// what is in use (CLOCK over a log; F. J. Corbató, "A paging experiment with
// the Multics system", 1968).
//
// The files read in this order: record.go the format, segment.go one file,
// scan.go its records, recover.go Open, log.go the calls, get.go reading,
// room.go eviction.
package disk

import "hash/crc32"

// castagnoli is the polynomial that processors compute in hardware (RFC 3720
// §12.1).
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

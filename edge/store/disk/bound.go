package disk

// LargestRecord is about the longest record that a log of so many bytes takes:
// a segment's length, head and key included.
func LargestRecord(bytes int64) int64 { return min(bytes/parts, MaxSegment) }

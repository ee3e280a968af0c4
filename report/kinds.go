package report

import "strings"

// segmentKinds puts the kinds into words, in the order of a legend.
var segmentKinds = [...]struct {
	kind  SegmentKind
	words string
}{
	{SegmentOpen, "SYN"},
	{SegmentData, "data"},
	{SegmentAgain, "again"},
	{SegmentAck, "ACK"},
	{SegmentDup, "dup ACK"},
	{SegmentProbe, "probe"},
	{SegmentClose, "FIN"},
	{SegmentReset, "RST"},
	{SegmentOther, "other"},
}

// kindOf is k, or SegmentOther where k is none of ours: a kind becomes the
// name of a class.
func kindOf(k SegmentKind) SegmentKind {
	for _, known := range segmentKinds {
		if k == known.kind {
			return k
		}
	}
	return SegmentOther
}

// named is a segment's label, with the kind where a label does not show it.
func named(s *Segment) string {
	prefix := ""
	switch s.Kind {
	case SegmentDup:
		prefix = "dup "
	case SegmentAgain:
		prefix = "again "
	case SegmentProbe:
		prefix = "probe "
	}
	if strings.Contains(s.Label, strings.TrimSpace(prefix)) {
		return s.Label
	}
	return prefix + s.Label
}

func kindWords(k SegmentKind) string {
	for _, known := range segmentKinds {
		if k == known.kind {
			return known.words
		}
	}
	return "other"
}

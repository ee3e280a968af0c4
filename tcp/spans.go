package tcp

import "slices"

// span is a range of sequence numbers: from left on, before right.
type span struct{ left, right uint32 }

// spans is a set of sequence numbers as ranges that neither touch nor
// overlap, in order. Both sides keep one: the receiver of what came out of
// order, the sender of what was selectively acknowledged. All of them lie
// within one window, so that their order is defined.
type spans []span

// find returns the index of the first range that ends after seq.
func (l spans) find(seq uint32) int {
	lo, hi := 0, len(l)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if after(l[mid].right, seq) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// covered returns how many of the numbers from left on, before right, are in
// the set.
func (l spans) covered(left, right uint32) uint32 {
	var n uint32
	for i := l.find(left); i < len(l) && before(l[i].left, right); i++ {
		n += earlier(l[i].right, right) - later(l[i].left, left)
	}
	return n
}

// first returns the first range of numbers from left on, before right, that is
// in the set; an empty one when none is.
func (l spans) first(left, right uint32) span {
	i := l.find(left)
	if i == len(l) || atLeast(l[i].left, right) {
		return span{}
	}
	return span{later(l[i].left, left), earlier(l[i].right, right)}
}

// add puts the numbers from left on, before right, into the set and returns
// how many of them are new. It does nothing and reports false when that would
// take more than most ranges.
func (l *spans) add(left, right uint32, most int) (fresh uint32, ok bool) {
	s := *l
	i := s.find(left - 1) // a range that ends at left is joined
	if n := len(s); i == n || before(right, s[i].left) {
		if n >= most {
			return 0, false
		}
		s = append(s, span{})
		copy(s[i+1:], s[i:n])
		s[i] = span{left, right}
		*l = s
		return right - left, true
	}
	fresh = right - left
	j := i
	for ; j < len(s) && atMost(s[j].left, right); j++ {
		if from, to := later(s[j].left, left), earlier(s[j].right, right); before(from, to) {
			fresh -= to - from
		}
	}
	s[i] = span{earlier(left, s[i].left), later(right, s[j-1].right)}
	*l = slices.Delete(s, i+1, j)
	return fresh, true
}

// forget removes all numbers before seq and returns how many were there.
func (l *spans) forget(seq uint32) uint32 {
	s := *l
	var n uint32
	i := 0
	for ; i < len(s) && atMost(s[i].right, seq); i++ {
		n += s[i].right - s[i].left
	}
	if i < len(s) && before(s[i].left, seq) {
		n += seq - s[i].left
		s[i].left = seq
	}
	if i > 0 {
		*l = s[:copy(s, s[i:])]
	}
	return n
}

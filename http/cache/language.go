package cache

import "waypost/http/field"

// AppendAcceptLanguage appends the value of Accept-Language by which req
// selects under these rules; it is to be sent to the origin in place of the
// client's, none where it is empty. usual is false when the field stays as it
// came.
func AppendAcceptLanguage(dst []byte, rules *Rules, req field.Fields) (out []byte, usual bool) {
	if !rules.NormalAccept || len(rules.Languages) == 0 {
		return dst, false
	}
	return appendAccept(dst, rules, req, acceptLanguage)
}

// reduceLanguages leaves of an Accept-Language list the one language of the
// site that it likes best, or nothing: then the origin answers as it usually
// does. For each language the most specific range counts that fits it (RFC
// 4647 §3.3.1), or else one that is narrower than it, as lookup falls back
// (§3.4): who likes de-CH likes de.
func reduceLanguages(list *[maxWeighted]weighted, n int, languages []string) int {
	best, most, place := "", 0, 0
	for _, language := range languages {
		weight, at, close := 0, 0, -1
		for i, w := range list[:n] {
			if c := closeness(w.token, language); c > close {
				weight, at, close = w.weight, i, c
			}
		}
		if weight > most || weight == most && weight > 0 && at < place {
			best, most, place = language, weight, at
		}
	}
	if most == 0 {
		return 0
	}
	list[0] = weighted{best, 1000}
	return 1
}

// closeness tells how specifically a language range fits a tag; -1 for not
// at all.
func closeness(rng, tag string) int {
	switch {
	case rng == "*":
		return 1
	case len(rng) == len(tag) && field.Is(rng, tag):
		return 2000
	case len(rng) < len(tag) && tag[len(rng)] == '-' && field.Is(rng, tag[:len(rng)]):
		return 1000 + len(rng)
	case len(rng) > len(tag) && rng[len(tag)] == '-' && field.Is(rng[:len(tag)], tag):
		return 2 // narrower than the tag
	}
	return -1
}

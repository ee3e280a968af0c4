package report

import (
	"fmt"
	"strings"
	"time"

	"waypost/trace"
)

// ruleWords says what the rules of a site's owner did at an edge.
func ruleWords(f trace.Fact) string {
	switch f := f.(type) {
	case trace.LimitDecision:
		wait, busy := "", ""
		if f.Wait > 0 {
			wait = "again in " + ms(time.Duration(f.Wait))
		}
		if f.Concurrent > 0 {
			busy = fmt.Sprintf("%d being answered", f.Concurrent)
		}
		return join(" · ", "limit "+f.Limit, f.Client, fmt.Sprintf("%d left", f.Remaining), busy, wait)
	case trace.CORSDecision:
		what := f.Method
		if f.Preflight {
			what = "preflight for " + f.Method
		}
		return join(" · ", f.Origin+" asks", what, prefixed("with ", strings.Join(f.Fields, ", ")))
	case trace.AccessDecision:
		return join(" · ", "by "+f.By, f.Who)
	case trace.CookieDecision:
		return join(" · ", f.Host+" has no cookies", fmt.Sprintf("%d bytes taken off the request, %d off the response", f.RequestBytes, f.ResponseBytes))
	case trace.HeaderDecision:
		return join(" · ", "to the "+f.To, strings.Join(f.Changes, ", "))
	case trace.CodingDecision:
		made, coded := "", ""
		if f.Made {
			made = "compressed now"
		}
		if f.Coded > 0 {
			coded = size(f.Coded)
		}
		return join(" · ", f.Coding, join(" → ", size(f.Identity), coded), made)
	}
	return string(f.Kind())
}

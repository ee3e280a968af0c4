package site

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"time"

	"waypost/demo/site/internal/catalogue"
	"waypost/origin"
)

// today leads to a thing that changes at midnight UTC. The answer is kept by
// caches for as long as a page.
func today(w *origin.Response, _ *origin.Request) {
	all := catalogue.Products()
	days := time.Now().Unix() / (24 * 60 * 60)
	w.Fields.Add("Cache-Control", pageCache)
	w.Redirect(302, "/products/"+all[int(days)%len(all)].ID+"/")
}

// upload takes what is sent, up to the route's limit, and says what it was.
func upload(w *origin.Response, r *origin.Request) {
	sum := sha256.New()
	var n int64
	if r.Body != nil {
		var err error
		if n, err = io.Copy(sum, r.Body); err != nil {
			w.Fail(err)
			return
		}
	}
	w.Fields.Add("Cache-Control", "no-store")
	sendJSON(w, 200, map[string]any{"bytes": n, "sha256": hex.EncodeToString(sum.Sum(nil))})
}

// The time that /slow takes: longer than the demo's edges wait for a first
// byte, unless another one is named; and never longer than a minute.
const (
	slowDefault = 8 * time.Second
	slowMax     = time.Minute
)

// slow answers late and does not care whether anybody is still waiting.
func (s *Site) slow(w *origin.Response, r *origin.Request) {
	wait := slowDefault
	if value, ok := r.QueryValue("ms"); ok {
		ms, err := strconv.Atoi(value)
		if err != nil || ms < 0 || ms > int(slowMax.Milliseconds()) {
			w.Refuse(&origin.Problem{Status: 400, Detail: fmt.Sprintf("ms is a number from 0 to %d", slowMax.Milliseconds())})
			return
		}
		wait = time.Duration(ms) * time.Millisecond
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.closed:
		w.Refuse(&origin.Problem{Status: 503, Detail: "the shop closes"})
		return
	}
	w.Fields.Add("Cache-Control", "no-store")
	w.Send(200, "text/plain; charset=utf-8", fmt.Appendf(nil, "Here at last, after %v.\n", wait))
}

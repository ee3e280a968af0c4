package rules

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/bcrypt"

	"waypost/cdn"
)

// passwords verifies names and passwords against bcrypt hashes. That takes a
// processor tens of milliseconds, on purpose; so what was found is
// remembered, by a digest that cannot be turned back, and no more are being
// verified at a time than there are processors to spare.
type passwords struct {
	users map[string][]byte // name → hash
	decoy []byte            // as costly as the others: for names that there are not
	salt  [32]byte          // of the digests, of this process alone

	turn    chan struct{} // one for each that may be verified at a time
	waiting atomic.Int32

	mu    sync.RWMutex
	known map[[32]byte]string // digest of right credentials → name
	bad   map[[32]byte]struct{}
}

// Limits of verification.
const (
	// MaxCost bounds the work of a hash: at 14 it is about a second, and
	// anybody may have it done.
	MaxCost = 14
	// maxPassword is what bcrypt looks at.
	maxPassword = 72
	// maxWaiting bounds the requests that wait for their password to be
	// verified; beyond it they are to come again.
	maxWaiting = 32
	// maxKnown bounds what is remembered of either kind, at 50 bytes each.
	// When there is no room more, all is forgotten, which costs one
	// verification for each.
	maxKnown = 1 << 12
	// maxCredentials bounds what is looked at: a name and 72 bytes.
	maxCredentials = 512
)

// newPasswords reads the hashes.
func newPasswords(users []cdn.User) (*passwords, error) {
	p := &passwords{users: make(map[string][]byte), known: make(map[[32]byte]string), bad: make(map[[32]byte]struct{}),
		turn: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
	rand.Read(p.salt[:])
	most := bcrypt.MinCost
	for _, u := range users {
		cost, err := bcrypt.Cost([]byte(u.Hash))
		switch {
		case u.Name == "" || strings.ContainsAny(u.Name, ":\r\n"):
			return nil, fmt.Errorf("user %q: a name has no colon and is not empty", u.Name)
		case p.users[u.Name] != nil:
			return nil, fmt.Errorf("there are two users %q", u.Name)
		case err != nil:
			return nil, fmt.Errorf("user %q: no bcrypt hash, as htpasswd -nB makes it: %w", u.Name, err)
		case cost > MaxCost:
			return nil, fmt.Errorf("user %q: a hash of cost %d takes too long to verify, the bound is %d", u.Name, cost, MaxCost)
		}
		p.users[u.Name], most = []byte(u.Hash), max(most, cost)
	}
	var err error
	if p.decoy, err = decoy(most); err != nil {
		return nil, errors.New("no hash could be made: " + err.Error())
	}
	return p, nil
}

// decoy is a hash that no password fits.
func decoy(cost int) ([]byte, error) {
	// The work is in the comparison; the hash itself need not be true.
	h, err := bcrypt.GenerateFromPassword([]byte("decoy"), bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s%02d%s", h[:4], cost, h[6:]), nil
}

type finding uint8

const (
	wrong finding = iota
	right
	busy
)

// verify decides about encoded credentials.
func (p *passwords) verify(credentials string) (who string, f finding) {
	if len(credentials) > maxCredentials {
		return "", wrong
	}
	digest := p.digest(credentials)
	p.mu.RLock()
	who, known := p.known[digest]
	_, bad := p.bad[digest]
	p.mu.RUnlock()
	switch {
	case known:
		return who, right
	case bad:
		return "", wrong
	}
	if p.waiting.Add(1) > maxWaiting {
		p.waiting.Add(-1)
		return "", busy
	}
	p.turn <- struct{}{}
	who, ok := p.compare(credentials)
	<-p.turn
	p.waiting.Add(-1)
	p.remember(digest, who, ok)
	if !ok {
		return "", wrong
	}
	return who, right
}

// digest is what credentials are remembered by.
func (p *passwords) digest(credentials string) [32]byte {
	var b [32 + maxCredentials]byte
	n := copy(b[:], p.salt[:])
	n += copy(b[n:], credentials)
	return sha256.Sum256(b[:n])
}

// compare does the work. It takes as long for a name that there is not.
func (p *passwords) compare(credentials string) (who string, ok bool) {
	plain, err := base64.StdEncoding.DecodeString(credentials)
	if err != nil {
		return "", false
	}
	name, password, ok := strings.Cut(string(plain), ":")
	if !ok || len(password) > maxPassword {
		return "", false
	}
	hash := p.users[name]
	there := hash != nil
	if !there {
		hash = p.decoy
	}
	fits := bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil
	return name, fits && there
}

func (p *passwords) remember(digest [32]byte, who string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !ok {
		if len(p.bad) == maxKnown {
			clear(p.bad)
		}
		p.bad[digest] = struct{}{}
		return
	}
	if len(p.known) == maxKnown {
		clear(p.known)
	}
	p.known[digest] = who
}

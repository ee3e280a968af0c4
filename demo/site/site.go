// Package site is the demo's shop: Seamark, harbour and lighthouse supply, at
// www.shop.test. It is a small, real site to be served by an origin and
// loaded through an edge: pages with subresources of every kind, an API over
// an embedded SQL database, server-sent events, a WebSocket, redirects, and
// two addresses that misbehave on purpose.
//
//	/                     the pages: /products/, /products/{id}/, /about/
//	/assets/…             style sheets, scripts, pictures, the font; immutable
//	/images/lamp-head.png 301 to the picture's name with a fingerprint
//	/old                  301 to /
//	/today                302 to today's find
//	/api/products[/{id}]  GET: what is sold, and how many are left
//	/api/orders[/{id}]    POST: order; GET: an order that was placed
//	/events               server-sent events: the stock as it changes
//	/ws                   WebSocket: Channel 16, a chat that everybody hears
//	/upload               POST: what was sent; 413 beyond 1 MiB
//	/slow?ms=N            200 after N milliseconds, 8,000 when none are named
//
// The public tree is made of src by internal/gen and committed.
package site

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"path"
	"strings"
	"sync"
	"time"

	"waypost/http/field"
	"waypost/origin"
	"waypost/trace"
)

//go:generate go run ./internal/gen

//go:embed public
var public embed.FS

// The lifetimes of what is served, as a shop would set them: a page is asked
// for again each time by the browser and kept for a minute by the edge, a
// file with a fingerprint in its name never changes, what is left of a thing
// is known for some seconds.
const (
	pageCache     = "public, max-age=0, must-revalidate, s-maxage=60"
	assetCache    = "public, max-age=31536000, immutable"
	otherCache    = "public, max-age=300"
	movedCache    = "public, max-age=86400"
	productsCache = "public, max-age=5"
)

// Options say how the shop is run. The zero value is one that runs by itself
// and records nothing.
type Options struct {
	// Station and TrustTrace are those of origin.Config.
	Station    *trace.Station
	TrustTrace []netip.Prefix
	// Panicked is told when a handler panics; it may be nil.
	Panicked func(handler string, value any, stack []byte)
	// Tide is how often something comes in or leaves by itself while
	// somebody listens to /events. 0 means DefaultTide; below zero, never.
	Tide time.Duration
	// Rand makes order numbers and tides; nil means math/rand/v2. It is
	// called by one goroutine at a time.
	Rand func() uint64
}

// DefaultTide lets a visitor see the log move within a breath or two.
const DefaultTide = 6 * time.Second

// Site is the shop, open. It is a wire.Handler.
type Site struct {
	*origin.Server
	shop   *shop
	log    *harbourLog
	radio  *radio
	closed chan struct{}
	once   sync.Once
}

// New opens the shop.
func New(o Options) (*Site, error) {
	if o.Rand == nil {
		o.Rand = rand.Uint64
	}
	if o.Tide == 0 {
		o.Tide = DefaultTide
	}
	tree, err := fs.Sub(public, "public")
	if err != nil {
		return nil, fmt.Errorf("open the shop: %w", err)
	}
	lampHead, err := asset(tree, "lamp-head.png")
	if err != nil {
		return nil, fmt.Errorf("open the shop: %w", err)
	}
	shop, err := openShop(context.Background(), o.Rand)
	if err != nil {
		return nil, fmt.Errorf("open the shop: %w", err)
	}
	s := &Site{shop: shop, closed: make(chan struct{}), radio: newRadio()}
	s.log = newHarbourLog(shop, o.Tide)
	s.Server, err = origin.New(origin.Config{
		Routes: s.routes(lampHead),
		Files: &origin.Files{
			FS: tree, NotFound: "404.html", Modified: time.Now(),
			Cache: []origin.CacheRule{
				{Pattern: "assets/", Fingerprinted: true, Value: assetCache},
				{Pattern: "*.html", Value: pageCache},
				{Value: otherCache},
			},
			Fields: field.Fields{{Name: "Referrer-Policy", Value: "same-origin"}},
		},
		Station: o.Station, TrustTrace: o.TrustTrace, Panicked: o.Panicked,
	})
	if err != nil {
		return nil, fmt.Errorf("open the shop: %w", errors.Join(err, shop.close()))
	}
	return s, nil
}

// Close closes the shop: handlers that wait end, the database is gone.
func (s *Site) Close() error {
	s.once.Do(func() { close(s.closed) })
	s.log.close()
	return s.shop.close()
}

// asset finds the name under which a file is served.
func asset(tree fs.FS, name string) (string, error) {
	ext := path.Ext(name)
	found, err := fs.Glob(tree, "assets/"+strings.TrimSuffix(name, ext)+".*"+ext)
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("asset %s: %d files have this name", name, len(found))
	}
	return "/" + found[0], nil
}

// The limits on what is sent to us.
const (
	maxOrder  = 16 << 10 // an order of everything is some hundred bytes
	maxUpload = 1 << 20
)

func (s *Site) routes(lampHead string) []origin.Route {
	return []origin.Route{
		{Name: "products", Path: "/api/products", Handle: s.products},
		{Name: "products", Path: "/api/products/*", Handle: s.product},
		{Name: "orders", Path: "/api/orders", Methods: []string{"POST"}, MaxBody: maxOrder, Handle: s.order},
		{Name: "orders", Path: "/api/orders/*", Handle: s.placedOrder},
		{Name: "events", Path: "/events", Handle: s.events},
		{Name: "radio", Path: "/ws", Handle: s.radio.serve},
		{Name: "upload", Path: "/upload", Methods: []string{"POST", "PUT"}, MaxBody: maxUpload, Handle: upload},
		{Name: "slow", Path: "/slow", Handle: s.slow},
		{Name: "moved", Path: "/old", Handle: origin.Redirect(301, "/", movedCache)},
		{Name: "moved", Path: "/images/lamp-head.png", Handle: origin.Redirect(301, lampHead, movedCache)},
		{Name: "today", Path: "/today", Handle: today},
	}
}

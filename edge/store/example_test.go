package store_test

import (
	"context"
	"fmt"
	"time"

	"waypost/edge/store"
	"waypost/http/cache"
	"waypost/http/field"
)

// The first request for a page leads: it fetches and stores. Those that come
// meanwhile join it, and later ones find the page stored.
func Example() {
	rules := &cache.Rules{Shared: true}
	req := &cache.Request{Method: "GET"}
	m := store.NewMemory(64 << 20)
	key := cache.AppendKey(nil, "shop", "https", "www.shop.test", "/")

	lead, _ := m.Begin(key)
	defer lead.Abort(context.Canceled)
	_, join := m.Begin(key)

	now := time.Now()
	head := &cache.Response{Status: 200, Asked: now, Received: now,
		Fields: field.Fields{{Name: "Cache-Control", Value: "max-age=60"}}}
	lead.Start(cache.Stored(rules, req, head), 5, true, nil)
	lead.Write([]byte("hello"))

	joined, _ := join.Head(context.Background())
	reader, _ := joined.Reader(0, -1)
	defer reader.Close()
	part, _ := reader.Next(context.Background())
	fmt.Printf("joined: %s, stored: %v\n", part, lead.Commit())

	object, verdict := m.Get(key).Lookup(now.Add(time.Second), rules, req)
	fmt.Printf("%v: %s\n", verdict.Action, object.Chunks()[0])
	// Output:
	// joined: hello, stored: true
	// hit: hello
}

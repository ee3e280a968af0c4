package journey

import (
	"testing"

	"waypost/trace"
)

// TestIDsNeverRepeat: a client that forgets and a node that is started again
// go on with other ids, so that each load is one of its own in the record.
func TestIDsNeverRepeat(t *testing.T) {
	const script = `
switch lan
host client on lan 192.0.2.10/24 resolver 192.0.2.53
host names on lan 192.0.2.53/24
host edge on lan 192.0.2.80/24
host shop on lan 192.0.2.81/24
serve names names.yaml
serve edge edge.yaml
origin shop
answer shop / 200 body "here"
load client http://www.shop.test/
forget client
load client http://www.shop.test/
stop edge
start edge
load client http://www.shop.test/ fresh
-- names.yaml --
resolver:
  listen: [192.0.2.53]
  allow: [192.0.2.0/24]
  zones:
    - {zone: shop.test, file: shop.test.zone}
-- shop.test.zone --
$TTL 5m
@    IN SOA ns hostmaster 1 30m 15m 7d 1m
@    IN NS  ns
ns   IN A   192.0.2.53
www  IN A   192.0.2.80
shop IN A   192.0.2.81
-- edge.yaml --
edge:
  name: one
  http: ["192.0.2.80:80"]
  resolvers: [192.0.2.53]
sites:
  - name: shop
    hosts: [www.shop.test]
    origin: {urls: ["http://shop.shop.test"]}
`
	j, err := Parse("ids.txt", []byte(script))
	if err != nil {
		t.Fatal(err)
	}
	r := inBubble(t, j, Options{Seed: 1})
	tell(t, r)
	if got, want := len(r.Loads), 3; got != want {
		t.Errorf("the record tells of %d loads, want %d", got, want)
	}
	of := map[trace.SpanID]trace.ID{}
	for _, e := range r.Events {
		if had, ok := of[e.Span]; ok && had != e.Trace {
			t.Errorf("span %v of %s is in trace %v and in %v", e.Span, e.Station, had, e.Trace)
		}
		of[e.Span] = e.Trace
	}
}

package site

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"waypost/origin"
)

// The limits of an order.
const (
	maxItems    = 20 // more than the shop has things
	maxQuantity = 99 // two digits
	maxText     = 80 // characters of a name
)

// order is what a customer wants.
type order struct {
	Name    string `json:"name"`
	Harbour string `json:"harbour"`
	Items   []item `json:"items"`
}

type item struct {
	Product  string `json:"product"`
	Quantity int64  `json:"quantity"`
}

// placed is an order that was taken.
type placed struct {
	order
	ID       string    `json:"id"`
	Placed   time.Time `json:"placed"`
	Cents    int64     `json:"cents"`
	Currency string    `json:"currency"`
}

// parseOrder reads an order. What is no JSON is a 400 that says where; what
// is JSON but no order is a 422 that names every member that is wrong.
func parseOrder(data []byte) (order, *origin.Problem) {
	var o order
	if !utf8.Valid(data) {
		return o, malformed("the text is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		var syntax *json.SyntaxError
		switch {
		case errors.Is(err, io.EOF):
			return o, malformed("there is no text")
		case errors.As(err, &syntax):
			return o, malformed(fmt.Sprintf("byte %d: %v", syntax.Offset, syntax))
		}
		return o, malformed("the text ends too early")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return o, malformed(fmt.Sprintf("byte %d: something follows the order", d.InputOffset()))
	}
	var c checker
	members := c.object("", v, "name", "harbour", "items")
	if members != nil {
		o.Name = c.text("/name", members["name"])
		o.Harbour = c.text("/harbour", members["harbour"])
		o.Items = c.items(members["items"])
	}
	if len(c.faults) > 0 {
		return o, &origin.Problem{Status: 422, Detail: "this is no order", At: c.faults, Clause: "RFC 9110 §15.5.21"}
	}
	return o, nil
}

func malformed(detail string) *origin.Problem {
	return &origin.Problem{Status: 400, Detail: "not JSON: " + detail, Clause: "RFC 9110 §15.5.1"}
}

// checker gathers all that is wrong, each with a pointer to it (RFC 6901).
type checker struct{ faults []origin.Fault }

func (c *checker) fault(at, detail string) {
	c.faults = append(c.faults, origin.Fault{Pointer: at, Detail: detail})
}

// object returns v's members, or nil when it is no object. Members that are
// not known are faults: a misspelt one would be lost without a word.
func (c *checker) object(at string, v any, known ...string) map[string]any {
	members, ok := v.(map[string]any)
	if !ok {
		c.fault(at, "must be an object")
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(known, name) {
			c.fault(at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), "is not known here")
		}
	}
	return members
}

// text returns a line of text that is neither empty nor too long.
func (c *checker) text(at string, v any) string {
	s, ok := v.(string)
	switch {
	case v == nil:
		c.fault(at, "is missing")
	case !ok:
		c.fault(at, "must be a string")
	case strings.TrimSpace(s) == "":
		c.fault(at, "must not be empty")
	case utf8.RuneCountInString(s) > maxText:
		c.fault(at, fmt.Sprintf("must have at most %d characters", maxText))
	case strings.ContainsFunc(s, unicode.IsControl):
		c.fault(at, "must be one line of text")
	}
	return strings.TrimSpace(s)
}

func (c *checker) items(v any) []item {
	list, ok := v.([]any)
	switch {
	case v == nil:
		c.fault("/items", "is missing")
		return nil
	case !ok:
		c.fault("/items", "must be an array")
		return nil
	case len(list) == 0 || len(list) > maxItems:
		c.fault("/items", fmt.Sprintf("must have 1 to %d items", maxItems))
		return nil
	}
	seen := map[string]bool{}
	items := make([]item, 0, len(list))
	for i, v := range list {
		at := "/items/" + strconv.Itoa(i)
		members := c.object(at, v, "product", "quantity")
		if members == nil {
			continue
		}
		it := item{c.text(at+"/product", members["product"]), c.quantity(at+"/quantity", members["quantity"])}
		if seen[it.Product] {
			c.fault(at+"/product", "is there twice")
		}
		seen[it.Product] = true
		items = append(items, it)
	}
	return items
}

func (c *checker) quantity(at string, v any) int64 {
	n, ok := v.(json.Number)
	if v == nil {
		c.fault(at, "is missing")
		return 0
	}
	q, err := strconv.ParseInt(string(n), 10, 64)
	if !ok || err != nil || q < 1 || q > maxQuantity {
		c.fault(at, fmt.Sprintf("must be a whole number from 1 to %d", maxQuantity))
	}
	return q
}

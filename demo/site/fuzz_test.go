package site

import (
	"strings"
	"testing"
)

// FuzzOrder: whatever is sent, it is an order within its limits or a problem
// that says what is wrong.
func FuzzOrder(f *testing.F) {
	f.Add([]byte(`{"name":"Ada","harbour":"Whitby","items":[{"product":"fog-bell","quantity":2}]}`))
	f.Add([]byte(`{"name":null,"items":[[],{"quantity":1e3}],"x/~":0}`))
	f.Add([]byte(`[`))
	f.Add([]byte("\"\xff\""))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, problem := parseOrder(data)
		if problem != nil {
			if problem.Status != 400 && problem.Status != 422 || problem.Detail == "" {
				t.Fatalf("problem %+v", problem)
			}
			if problem.Status == 422 && len(problem.At) == 0 {
				t.Fatal("a 422 that names nothing")
			}
			return
		}
		if strings.TrimSpace(o.Name) == "" || strings.TrimSpace(o.Harbour) == "" || len(o.Items) == 0 || len(o.Items) > maxItems {
			t.Fatalf("taken: %+v", o)
		}
		for _, it := range o.Items {
			if it.Product == "" || it.Quantity < 1 || it.Quantity > maxQuantity {
				t.Fatalf("taken: %+v", it)
			}
		}
	})
}

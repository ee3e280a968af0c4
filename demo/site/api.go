package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"waypost/origin"
)

// The API's handlers do not ask whether the client is still there: an order
// that was taken stays taken.

func sendJSON(w *origin.Response, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		w.Fail(err)
		return
	}
	w.Send(status, "application/json", append(body, '\n'))
}

func (s *Site) products(w *origin.Response, _ *origin.Request) {
	all, err := s.shop.products(context.Background())
	if err != nil {
		w.Fail(err)
		return
	}
	w.Fields.Add("Cache-Control", productsCache)
	sendJSON(w, 200, map[string][]product{"products": all})
}

func (s *Site) product(w *origin.Response, r *origin.Request) {
	p, err := s.shop.product(context.Background(), r.Rest)
	if err != nil {
		w.Fail(notThere(err, "there is no such thing on the quay"))
		return
	}
	w.Fields.Add("Cache-Control", productsCache)
	sendJSON(w, 200, p)
}

func (s *Site) placedOrder(w *origin.Response, r *origin.Request) {
	p, err := s.shop.placedOrder(context.Background(), r.Rest)
	if err != nil {
		w.Fail(notThere(err, "no order has this number"))
		return
	}
	w.Fields.Add("Cache-Control", "no-store")
	sendJSON(w, 200, p)
}

func notThere(err error, detail string) error {
	if errors.Is(err, errNone) {
		return &origin.Problem{Status: 404, Detail: detail, Clause: "RFC 9110 §15.5.5"}
	}
	return err
}

// order takes an order: 415 for what is not JSON by its type, 400 for what is
// not JSON by its text, 413 for too much of it, 422 for what is no order or
// orders what we do not have, 409 when there is not enough left.
func (s *Site) order(w *origin.Response, r *origin.Request) {
	if problem := acceptable(r); problem != nil {
		w.Refuse(problem)
		return
	}
	data, err := r.ReadAll()
	if err != nil {
		w.Fail(err)
		return
	}
	o, problem := parseOrder(data)
	if problem != nil {
		w.Refuse(problem)
		return
	}
	p, changes, err := s.shop.place(context.Background(), o)
	if err != nil {
		w.Fail(refusal(o, err))
		return
	}
	for _, c := range changes {
		s.log.write(c)
	}
	w.Fields.Add("Location", "/api/orders/"+p.ID)
	w.Fields.Add("Cache-Control", "no-store")
	sendJSON(w, 201, p)
}

// acceptable checks what the content is said to be.
func acceptable(r *origin.Request) *origin.Problem {
	p := &origin.Problem{Status: 415, Clause: "RFC 9110 §15.5.16"}
	switch {
	case r.MediaType() != "application/json":
		p.Detail = "orders are taken as application/json"
		p.Fields.Add("Accept", "application/json")
		return p
	case r.Fields.Get("Content-Encoding") != "":
		p.Detail = "orders are taken without content coding"
		p.Fields.Add("Accept-Encoding", "identity")
		return p
	}
	return nil
}

// refusal says which item of the order cannot be had.
func refusal(o order, err error) error {
	var short *shortage
	if !errors.As(err, &short) {
		return err
	}
	at := slices.IndexFunc(o.Items, func(it item) bool { return it.Product == short.product })
	p := &origin.Problem{Status: 422, Detail: "this is no order", Clause: "RFC 9110 §15.5.21"}
	pointer, detail := fmt.Sprintf("/items/%d/product", at), "there is no such thing on the quay"
	if short.available {
		p.Status, p.Detail, p.Clause = 409, "there is not enough left", "RFC 9110 §15.5.10"
		pointer, detail = fmt.Sprintf("/items/%d/quantity", at), fmt.Sprintf("only %d are left", short.have)
	}
	p.At = []origin.Fault{{Pointer: pointer, Detail: detail}}
	return p
}

package packetdrill

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// functions are the functions that code may call.
var functions = map[string]func(args []float64) float64{
	"abs":   func(a []float64) float64 { return math.Abs(a[0]) },
	"int":   func(a []float64) float64 { return math.Trunc(a[0]) },
	"round": func(a []float64) float64 { return math.RoundToEven(a[0]) },
	"min":   slices.Min[[]float64],
	"max":   slices.Max[[]float64],
}

func numberNode(kind tokenKind, text string, p *codeParser) (node, error) {
	if kind == tokenHex {
		n, err := strconv.ParseUint(text[2:], 16, 53)
		if err != nil {
			return node{}, p.refuse()
		}
		return node{op: "number", value: float64(n)}, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return node{}, p.refuse()
	}
	return node{op: "number", value: v}, nil
}

// names lists the names in an expression, each once.
func (n node) names(list []string) []string {
	if n.op == "name" && !slices.Contains(list, n.text) {
		list = append(list, n.text)
	}
	for _, a := range n.args {
		list = a.names(list)
	}
	return list
}

// eval computes an expression. Conditions are 0 or 1. lookup returns the
// value of a name.
func (n node) eval(lookup func(string) (float64, bool)) (float64, error) {
	switch n.op {
	case "number":
		return n.value, nil
	case "name":
		v, ok := lookup(n.text)
		if !ok {
			return 0, fmt.Errorf("%s has no value", n.text)
		}
		return v, nil
	}
	args := make([]float64, len(n.args))
	for i, a := range n.args {
		v, err := a.eval(lookup)
		if err != nil {
			return 0, err
		}
		args[i] = v
	}
	switch n.op {
	case "call":
		return functions[n.text](args), nil
	case "compare":
		for i, op := range n.ops {
			if !compare(op, args[i], args[i+1]) {
				return 0, nil
			}
		}
		return 1, nil
	case "not":
		return truth(args[0] == 0), nil
	case "minus":
		return -args[0], nil
	}
	return operate(n.op, args[0], args[1])
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func compare(op string, a, b float64) bool {
	switch op {
	case "==":
		return a == b
	case "!=":
		return a != b
	case "<=":
		return a <= b
	case ">=":
		return a >= b
	case "<":
		return a < b
	}
	return a > b
}

// operate computes a op b. "and" and "or" have both sides computed, which
// makes no difference without effects.
func operate(op string, a, b float64) (float64, error) {
	switch op {
	case "or":
		return truth(a != 0 || b != 0), nil
	case "and":
		return truth(a != 0 && b != 0), nil
	case "|":
		return float64(int64(a) | int64(b)), nil
	case "^":
		return float64(int64(a) ^ int64(b)), nil
	case "&":
		return float64(int64(a) & int64(b)), nil
	case "<<", ">>":
		if b < 0 || b > 52 {
			return 0, fmt.Errorf("a shift by %v", b)
		}
		if op == "<<" {
			return a * math.Pow(2, b), nil
		}
		return math.Floor(a / math.Pow(2, b)), nil
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	}
	if b == 0 {
		return 0, fmt.Errorf("a division by 0")
	}
	switch op {
	case "/":
		return a / b, nil
	case "//":
		return math.Floor(a / b), nil
	}
	return a - b*math.Floor(a/b), nil // Python's %
}

// values writes the names of an expression with what they are:
// "tcpi_snd_cwnd is 12, cwnd is 11".
func (n node) values(lookup func(string) (float64, bool)) string {
	var parts []string
	for _, name := range n.names(nil) {
		if v, ok := lookup(name); ok {
			parts = append(parts, name+" is "+strconv.FormatFloat(v, 'f', -1, 64))
		}
	}
	return strings.Join(parts, ", ")
}

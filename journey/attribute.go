package journey

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"waypost/http/field"
	"waypost/trace"
)

// Attributes are the JSON names of a struct's fields, dotted where a field is
// a struct, a list of structs or a field section: ranked.edge, ranked.0.edge,
// header.cache-status. The facts of the catalogue, frames, responses and
// sockets are all looked into in this way.

// form is how the values of an attribute are compared.
type form int

const (
	formText form = iota
	formNumber
	formDuration
	formTruth
)

func (f form) String() string {
	return [...]string{"text", "a number", "a duration such as 20ms", "true or false"}[f]
}

var (
	typeMillis   = reflect.TypeFor[trace.Millis]()
	typeDuration = reflect.TypeFor[time.Duration]()
	typeFields   = reflect.TypeFor[field.Fields]()
)

// formOf finds an attribute in the shape of a noun.
func formOf(shape reflect.Type, path []string) (form, error) {
	t := shape
	for i := 0; i < len(path); i++ {
		switch {
		case t == typeFields:
			if i+1 != len(path) {
				return formText, fmt.Errorf("nothing stands below the field %s", path[i])
			}
			return formText, nil
		case t.Kind() == reflect.Slice:
			t = t.Elem()
			if _, err := strconv.Atoi(path[i]); err != nil {
				i-- // any of them
			}
		case t.Kind() == reflect.Struct:
			f, ok := attribute(t, path[i])
			if !ok {
				return formText, fmt.Errorf("there is no attribute %s%s", strings.Join(path[:i+1], "."), didYouMean(path[i], attributeNames(t)))
			}
			t = f.Type
		default:
			return formText, fmt.Errorf("nothing stands below the attribute %s", strings.Join(path[:i], "."))
		}
	}
	if t == typeFields {
		return formText, fmt.Errorf("name the field: %s.NAME", path[len(path)-1])
	}
	for t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 {
		t = t.Elem()
	}
	switch {
	case t == typeMillis, t == typeDuration:
		return formDuration, nil
	case t.Kind() == reflect.Bool:
		return formTruth, nil
	case t.Kind() == reflect.String, t.Kind() == reflect.Slice:
		return formText, nil
	case t.Kind() == reflect.Struct:
		return formText, fmt.Errorf("%s has attributes of its own: %s", strings.Join(path, "."), strings.Join(attributeNames(t), ", "))
	}
	return formNumber, nil
}

// attribute finds a field by its JSON name; _ms may be left out.
func attribute(t reflect.Type, name string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if n := attributeName(t.Field(i)); n != "" && (n == name || n == name+"_ms") {
			return t.Field(i), true
		}
	}
	return reflect.StructField{}, false
}

func attributeName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// typedName is the name of an attribute as a script has it: _ms is left out,
// because the value is written with its unit.
func typedName(f reflect.StructField) string {
	name := attributeName(f)
	if f.Type == typeMillis || f.Type == typeDuration {
		name = strings.TrimSuffix(name, "_ms")
	}
	return name
}

func attributeNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if n := typedName(t.Field(i)); n != "" {
			names = append(names, n)
		}
	}
	return names
}

// lookup returns the values of an attribute: none where it is absent, several
// where there is a list on the way.
func lookup(v reflect.Value, path []string) []reflect.Value {
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8 {
		if v.Type() == typeFields && len(path) > 0 {
			return fieldValues(v.Interface().(field.Fields), path[0])
		}
		if len(path) > 0 {
			if i, err := strconv.Atoi(path[0]); err == nil {
				if i < 0 || i >= v.Len() {
					return nil
				}
				return lookup(v.Index(i), path[1:])
			}
		}
		var all []reflect.Value
		for i := range v.Len() {
			all = append(all, lookup(v.Index(i), path)...)
		}
		return all
	}
	if len(path) == 0 {
		return []reflect.Value{v}
	}
	if v.Kind() != reflect.Struct {
		return nil
	}
	f, ok := attribute(v.Type(), path[0])
	if !ok {
		return nil
	}
	return lookup(v.FieldByIndex(f.Index), path[1:])
}

func fieldValues(f field.Fields, name string) []reflect.Value {
	var all []reflect.Value
	for _, l := range f {
		if strings.EqualFold(l.Name, name) {
			all = append(all, reflect.ValueOf(l.Value))
		}
	}
	return all
}

// show is a value for people.
func show(v reflect.Value) string {
	switch {
	case v.Type() == typeMillis, v.Type() == typeDuration:
		return time.Duration(v.Int()).Round(precision).String()
	case v.Kind() == reflect.String:
		return quote(v.String())
	case v.Kind() == reflect.Slice:
		return quote(string(v.Bytes()))
	}
	return fmt.Sprint(v.Interface())
}

// quote is text as a script would write it, cut where it is long.
func quote(s string) string {
	const most = 120
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == '#' || r == '`' || r == 0x7f }) < 0 {
		return s
	}
	return strconv.Quote(s)
}

// precision is to what durations are compared and shown. The lab lets things
// of one instant happen some nanoseconds apart, so that they have an order.
const precision = time.Microsecond

// asText and asNumber are how values are compared.
func asText(v reflect.Value) string {
	if v.Kind() == reflect.Slice {
		return string(v.Bytes())
	}
	return v.String()
}

func asNumber(v reflect.Value) (float64, bool) {
	switch {
	case v.Type() == typeMillis, v.Type() == typeDuration:
		return float64(time.Duration(v.Int()).Round(precision)), true
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanUint():
		return float64(v.Uint()), true
	case v.CanFloat():
		return v.Float(), true
	case v.Kind() == reflect.String: // a header field such as Age
		n, err := strconv.ParseFloat(v.String(), 64)
		return n, err == nil
	}
	return 0, false
}

// kinds are the names of the catalogue's facts.
func kinds() []string {
	var names []string
	for _, f := range trace.Facts() {
		names = append(names, string(f.Kind()))
	}
	return slices.Sorted(slices.Values(names))
}

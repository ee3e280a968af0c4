package trace

import (
	"fmt"
	"reflect"
	"strings"
)

// Docs returns docs/EVENTS.md: the catalogue for people.
func Docs() string {
	var b strings.Builder
	b.WriteString(`# Events

Every kind of event that a record can hold, in the order of the road. This
file is generated from trace/catalogue.go by ` + "`go test ./trace -update`" + `;
record.schema.json beside it is the same for programs.

Each event has a **station** (who says so), a **time** (milliseconds since the
load began, when the thing was done; what took time began **took** earlier), a
**span** and its **parent**, a **kind** and typed **attrs**. Where a choice
was made there is a **decision**: verdict, reason, clause, and, where they help,
the bytes that decided it (because) and the smallest change that would have
given a better verdict (remedy).

| kind | noted by | what happened |
|---|---|---|
`)
	for _, c := range catalogue {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", c.fact.Kind(), anchor(c.fact.Kind()), c.by, c.doc)
	}
	for _, c := range catalogue {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| attribute | type | meaning |\n|---|---|---|\n", c.fact.Kind(), c.doc)
		docAttrs(&b, reflect.TypeOf(c.fact), "")
	}
	return b.String()
}

// anchor is the heading's fragment as Markdown renderers make it.
func anchor(k Kind) string { return strings.ReplaceAll(string(k), ".", "") }

// docAttrs writes a table row for each field of t; nested structs follow
// their list with a dotted name.
func docAttrs(b *strings.Builder, t reflect.Type, prefix string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, optional := attrName(f)
		kind := typeName(f.Type)
		if optional {
			kind += ", optional"
		}
		fmt.Fprintf(b, "| %s%s | %s | %s |\n", prefix, name, kind, f.Tag.Get("doc"))
		if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
			docAttrs(b, f.Type.Elem(), prefix+name+"[].")
		}
	}
}

func attrName(f reflect.StructField) (name string, optional bool) {
	name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name, rest == "omitempty"
}

func typeName(t reflect.Type) string {
	if t == reflect.TypeFor[Millis]() {
		return "milliseconds"
	}
	switch t.Kind() {
	case reflect.Slice:
		return "list of " + typeName(t.Elem())
	case reflect.Struct:
		return "object"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Uint32:
		return "integer"
	}
	return t.Kind().String()
}

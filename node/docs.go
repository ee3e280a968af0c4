package node

import (
	"encoding/json"
	"fmt"
	"strings"
)

// describe returns every key of the configuration, by calling what reads it
// on no document.
func describe() []keyDoc {
	var keys []keyDoc
	r := &reader{keys: &keys}
	r.config(&section{r: r}, nil)
	return keys
}

// Docs returns the table of all keys, as docs/CONFIG.md ends with it.
func Docs() string {
	var b strings.Builder
	b.WriteString("| key | value | meaning |\n|---|---|---|\n")
	for _, k := range describe() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.path, k.kind, k.doc)
	}
	return b.String()
}

// Schema returns docs/config.schema.json: the JSON Schema (draft 2020-12) of
// the configuration, for editors that complete and check YAML.
func Schema() []byte {
	root := object{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "waypost configuration",
		"description": "Generated from package node by `go test ./node -update`; CONFIG.md is the same for people.",
	}
	open(root)
	for _, k := range describe() {
		at := root
		parts := strings.Split(k.path, ".")
		for _, p := range parts[:len(parts)-1] {
			name, list := strings.CutSuffix(p, "[]")
			at = at["properties"].(object)[name].(object)
			if list {
				at = at["items"].(object)
			}
		}
		at["properties"].(object)[parts[len(parts)-1]] = schemaOf(k)
	}
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // constant input: only a broken description can fail
	}
	return append(out, '\n')
}

type object = map[string]any

// open makes o an object whose properties are still to come.
func open(o object) object {
	o["type"], o["properties"], o["additionalProperties"] = "object", object{}, false
	return o
}

func schemaOf(k keyDoc) object {
	o := object{"description": k.doc}
	kind, list := strings.CutPrefix(k.kind, "list of ")
	item := o
	if list {
		item = object{}
		o["type"], o["items"] = "array", item
	}
	switch kind {
	case "section", "sections":
		open(item)
	case "number":
		item["type"], item["minimum"] = "integer", 0
	case "true or false":
		item["type"] = "boolean"
	case "size":
		item["type"] = []string{"string", "integer"}
	default:
		item["type"] = "string"
	}
	return o
}

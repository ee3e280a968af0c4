package trace

import (
	"encoding/json"
	"reflect"
	"strconv"
)

// Schema returns docs/record.schema.json: the JSON Schema (draft 2020-12) of
// a record, made from the catalogue. Unknown attributes are not allowed.
func Schema() []byte {
	kinds := []any{}
	for _, c := range catalogue {
		kinds = append(kinds, object{
			"description": c.doc,
			"properties": object{
				"kind":  object{"const": c.fact.Kind()},
				"attrs": schemaOf(reflect.TypeOf(c.fact)),
			},
		})
	}
	id := func(digits int) object {
		return object{"type": "string", "pattern": "^[0-9a-f]{" + strconv.Itoa(digits) + "}$"}
	}
	event := object{
		"type":     "object",
		"required": []string{"kind", "station", "time", "wall", "span", "attrs"},
		"properties": object{
			"kind":     object{"type": "string"},
			"station":  object{"type": "string", "description": "who says so"},
			"time":     object{"type": "number", "description": "milliseconds since the load began, when the thing was done"},
			"wall":     object{"type": "string", "description": "the station's wall clock, RFC 3339"},
			"took":     object{"type": "number", "description": "milliseconds it lasted until time; absent for what takes none"},
			"span":     id(16),
			"parent":   id(16),
			"attrs":    object{"type": "object"},
			"decision": schemaOf(reflect.TypeFor[Decision]()),
		},
		"additionalProperties": false,
		"oneOf":                kinds,
	}
	load := object{
		"type":     "object",
		"required": []string{"url", "trace", "start", "events"},
		"properties": object{
			"url":    object{"type": "string", "description": "the URL loaded, as asked for"},
			"trace":  id(32),
			"start":  object{"type": "string", "description": "wall clock when the journey began, RFC 3339"},
			"fault":  object{"type": "string", "description": "what ended the load, a name of RFC 9209 §2.3; absent on success"},
			"missed": object{"type": "integer", "description": "events that the stations' recorders had no room for"},
			"events": object{"type": "array", "description": "in the order of time", "items": event},
		},
		"additionalProperties": false,
	}
	out, err := json.MarshalIndent(object{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"title":                "waypost record",
		"description":          "Generated from trace/catalogue.go by `go test ./trace -update`; EVENTS.md is the same for people.",
		"type":                 "object",
		"required":             []string{"loads"},
		"properties":           object{"loads": object{"type": "array", "items": load}},
		"additionalProperties": false,
	}, "", "  ")
	if err != nil {
		panic(err) // constant input: only a broken catalogue can fail
	}
	return append(out, '\n')
}

type object = map[string]any

// schemaOf describes a Go type of the catalogue.
func schemaOf(t reflect.Type) object {
	if t == reflect.TypeFor[Millis]() {
		return object{"type": "number"}
	}
	switch t.Kind() {
	case reflect.Slice:
		return object{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint32:
		return object{"type": "integer"}
	case reflect.Struct:
		properties, required := object{}, []string{}
		for i := range t.NumField() {
			name, optional := attrName(t.Field(i))
			s := schemaOf(t.Field(i).Type)
			s["description"] = t.Field(i).Tag.Get("doc")
			properties[name] = s
			if !optional {
				required = append(required, name)
			}
		}
		return object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	}
	return object{"type": "string"}
}

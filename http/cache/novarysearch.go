package cache

import (
	"slices"

	"github.com/dunglas/httpsfv"

	"waypost/http/field"
)

// NoVarySearch says which differences between two queries do not matter to a
// response: the URL variation config of draft-ietf-httpbis-no-vary-search §4.
// The zero value is the default: all differences do, and queries are compared
// as they are, not by [NoVarySearch.AppendQuery]. It is immutable.
type NoVarySearch struct {
	names    []string // normal form of parameter names, in ascending order
	except   bool     // names are those that matter; else those that do not
	anyOrder bool     // of parameters with different names
}

// Limits of what a response may say.
const (
	// maxNoVarySearch bounds the bytes of the field. Those in use have a
	// hundred or two; what is longer is kept for each path that says it.
	maxNoVarySearch = 1 << 10
	// maxNoVaryNames bounds the names: each parameter of a request is looked
	// for among them.
	maxNoVaryNames = 64
)

// ReadNoVarySearch reads the field No-Vary-Search of a response (§5). What is
// absent, invalid or beyond our limits is the default.
//
// We deviate from §5.1 in one point: the form of the drafts up to -03, "params"
// alone for «no parameter matters» and before "except", is read as it was
// meant. Browsers document it, servers send it, and nothing valid looks like it.
func ReadNoVarySearch(fields field.Fields) NoVarySearch {
	var lines []string
	size := 0
	for i := range fields {
		if field.Is(fields[i].Name, "No-Vary-Search") {
			lines = append(lines, fields[i].Value)
			size += len(fields[i].Value)
		}
	}
	if len(lines) == 0 || size > maxNoVarySearch {
		return NoVarySearch{}
	}
	dictionary, err := httpsfv.UnmarshalDictionary(lines)
	if err != nil {
		return NoVarySearch{}
	}
	config, ok := noVarySearchOf(dictionary)
	if !ok || len(config.names) > maxNoVaryNames {
		return NoVarySearch{}
	}
	return config
}

// noVarySearchOf goes down the algorithm of §5.1. Members that it does not
// know are for the future.
func noVarySearchOf(d *httpsfv.Dictionary) (config NoVarySearch, ok bool) {
	if member, there := d.Get("key-order"); there {
		if config.anyOrder, ok = boolean(member); !ok {
			return config, false
		}
	}
	params, hasParams := d.Get("params")
	except, hasExcept := d.Get("except")
	if all, ok := boolean(params); hasParams && ok { // the form of the early drafts
		if !all {
			return config, false
		}
		config.except = true
		if !hasExcept {
			return config, true
		}
		hasParams = false
	}
	switch {
	case hasParams && hasExcept:
		return config, false
	case hasParams:
		config.names, ok = parameterNames(params)
	case hasExcept:
		config.except = true
		config.names, ok = parameterNames(except)
	default:
		ok = true
	}
	return config, ok
}

// boolean is the value of a member that is a Boolean.
func boolean(member httpsfv.Member) (value, ok bool) {
	item, ok := member.(httpsfv.Item)
	if !ok {
		return false, false
	}
	value, ok = item.Value.(bool)
	return value, ok
}

// parameterNames is the value of a member that is an Inner List of Strings,
// each decoded as a name in a query is (§5.3).
func parameterNames(member httpsfv.Member) (names []string, ok bool) {
	list, ok := member.(httpsfv.InnerList)
	if !ok {
		return nil, false
	}
	for _, item := range list.Items {
		text, ok := item.Value.(string)
		if !ok {
			return nil, false
		}
		names = append(names, string(appendFormText(nil, text)))
	}
	slices.Sort(names)
	return slices.Compact(names), true
}

// IsDefault reports whether queries are compared as they are.
func (c *NoVarySearch) IsDefault() bool { return !c.except && !c.anyOrder && len(c.names) == 0 }

// matters reports whether the parameter with that name, in normal form, does.
func (c *NoVarySearch) matters(name []byte) bool {
	low, high := 0, len(c.names)
	for low < high {
		middle := (low + high) / 2
		switch {
		case c.names[middle] == string(name):
			return c.except
		case c.names[middle] < string(name):
			low = middle + 1
		default:
			high = middle
		}
	}
	return !c.except
}

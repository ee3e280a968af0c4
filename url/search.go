package url

import (
	"fmt"
	"strings"
)

// terms sends text to the search engine. The clause is set when that fails, too.
func (t Typed) terms(text, search string, g guess) (Typed, error) {
	t.Clause = g.clause
	text = strings.TrimSpace(strings.TrimPrefix(text, "?"))
	shown := excerpt(t.Shown)
	switch from, to := secret(text); {
	case from != to:
		return t, fmt.Errorf("address bar: %q is no URL, %s: %w", shown, g.reason, ErrSecret)
	case search == "":
		return t, fmt.Errorf("address bar: %q is no URL, %s: %w", shown, g.reason, ErrNoSearch)
	case text == "":
		return t, fmt.Errorf("address bar: %q holds no search terms", shown)
	}
	u, err := fillTemplate(search, text)
	if err != nil {
		return t, err
	}
	t.URL, t.Search = u, true
	t.Reason = fmt.Sprintf("no URL, because %s; searched for at %s", g.reason, u.Hostname())
	t.Changes = []string{"put into the search engine's URL as terms"}
	return t, nil
}

// fillTemplate puts terms into a search template. The terms cannot change
// where it leads: %s must stand behind the host.
func fillTemplate(template, terms string) (*URL, error) {
	before, after, ok := strings.Cut(template, "%s")
	if !ok {
		return nil, fmt.Errorf("search template %q: there is no %%s for the terms", Redact(template))
	}
	encoded := encode(terms, inComponent)
	if strings.Contains(before, "?") {
		encoded = encodeForm(terms) // §5.2: in a query a space is a plus
	}
	plain, err := Parse(before+"x"+after, nil)
	if err != nil {
		return nil, fmt.Errorf("search template: %w", err)
	}
	u, err := Parse(before+encoded+after, nil)
	if err != nil {
		return nil, fmt.Errorf("search template: %w", err)
	}
	if !u.Origin().Same(plain.Origin()) || u.username != plain.username || u.password != plain.password {
		return nil, fmt.Errorf("search template %q: %%s must stand in the path or the query", Redact(template))
	}
	return u, nil
}

package cache

import (
	"testing"

	"waypost/http/field"
)

func TestReduceLanguages(t *testing.T) {
	rules := &Rules{NormalAccept: true, Languages: []string{"en", "de", "pt-BR"}}
	for _, tt := range []struct{ accept, want string }{
		{"-", ""},
		{"de", "de"},
		{"de-CH, de;q=0.9, en;q=0.8", "de"},
		{"de-CH, en;q=0.8", "de"},
		{"en;q=0.5, de;q=0.7", "de"},
		{"fr, en;q=0.1", "en"},
		{"fr", ""},
		{"fr, *;q=0.1", "en"},
		{"*", "en"},
		{"*, en;q=0", "de"},
		{"de, en", "de"},
		{"en, de", "en"},
		{"pt", "pt-br"},
		{"pt-PT, pt;q=0.9", "pt-br"},
		{"PT-br", "pt-br"},
		{"en;q=0", ""},
		{"deu", ""},
		{"en-US,en;q=0.9,de;q=0.8", "en"},
	} {
		var f field.Fields
		if tt.accept != "-" {
			f.Add("Accept-Language", tt.accept)
		}
		got, usual := AppendAcceptLanguage(nil, rules, f)
		if string(got) != tt.want || !usual {
			t.Errorf("RFC 4647 §3.4: %s becomes %q, want %q", tt.accept, got, tt.want)
		}
	}
	if _, usual := AppendAcceptLanguage(nil, rules, field.Fields{{Name: "Accept-Language", Value: "a b"}}); usual {
		t.Error("what is not in the grammar was reduced")
	}
	if _, usual := AppendAcceptLanguage(nil, &Rules{NormalAccept: true}, field.Fields{{Name: "Accept-Language", Value: "de"}}); usual {
		t.Error("without languages nothing is reduced")
	}
}

// One stored response serves all who like the same language best.
func TestSelectByLanguage(t *testing.T) {
	rules := &Rules{Shared: true, NormalAccept: true, Languages: []string{"en", "de"}}
	resp := &Response{Status: 200, Fields: field.Fields{{Name: "Vary", Value: "Accept-Language"}, {Name: "Cache-Control", Value: "max-age=60"}}}
	stored := Stored(rules, &Request{Method: "GET", Fields: field.Fields{{Name: "Accept-Language", Value: "de-AT,de;q=0.9"}}}, resp)
	for _, tt := range []struct {
		accept string
		want   bool
	}{{"de", true}, {"de-CH, fr;q=0.3", true}, {"en", false}, {"fr", false}} {
		if got := Matches(rules, field.Fields{{Name: "Accept-Language", Value: tt.accept}}, stored); got != tt.want {
			t.Errorf("%s selects it: %v", tt.accept, got)
		}
	}
}

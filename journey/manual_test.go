package journey

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs/journeys.md anew")

const manual = "../docs/journeys.md"

// TestManual runs every example of the manual.
func TestManual(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for rest := string(text); ; examples++ {
		_, after, ok := strings.Cut(rest, "```journey\n")
		if !ok {
			break
		}
		example, after, ok := strings.Cut(after, "\n```\n")
		if !ok {
			t.Fatal("an example has no end")
		}
		rest = after
		j, err := Parse(fmt.Sprintf("example-%d.txt", examples+1), []byte(example+"\n"))
		if err != nil {
			t.Error(err)
			continue
		}
		t.Run(j.Title, func(t *testing.T) { tell(t, inBubble(t, j, Options{Seed: 1})) })
	}
	if examples < 6 {
		t.Errorf("%d examples found", examples)
	}
}

// tablesBegin parts what is written by hand from what is generated.
const tablesBegin = "## All statements\n"

// TestTables: the tables of the manual say what the code says.
func TestTables(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	byHand, _, _ := strings.Cut(string(text), tablesBegin)
	want := byHand + tables(ready(t))
	if *update {
		if err := os.WriteFile(manual, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Error("docs/journeys.md is out of date: go test ./journey -update")
	}
}

// tables are the statements, the nouns and the ready journeys.
func tables(all map[string]*Journey) string {
	var b strings.Builder
	b.WriteString(tablesBegin + "\nThis part is generated from the code by `go test ./journey -update`.\n")
	group := ""
	for _, v := range verbs {
		if v.group != group {
			group = v.group
			fmt.Fprintf(&b, "\n**%s**\n\n| statement | what it does |\n|---|---|\n", group)
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", strings.ReplaceAll(v.name+" "+v.usage, "|", `\|`), v.doc)
	}
	b.WriteString("\nBefore a statement may stand `at TIME`, `after DURATION`, `repeat N` and `try`, behind it `&`.\n")
	b.WriteString("\n## All nouns besides events\n")
	for _, n := range nouns {
		target := n.name
		if n.target != "" {
			target += " " + strings.ToUpper(n.target)
		}
		if n.target == "result" {
			target = n.name + " [NAME]"
		}
		fmt.Fprintf(&b, "\n`%s`: %s.\n\n| attribute | meaning |\n|---|---|\n", target, n.doc)
		for i := range n.shape.NumField() {
			f := n.shape.Field(i)
			fmt.Fprintf(&b, "| %s | %s |\n", attributeName(f), f.Tag.Get("doc"))
		}
	}
	b.WriteString("\n## All ready journeys\n\n| name | what it asks |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "| %s | %s |\n", name, all[name].Title)
	}
	return b.String()
}

// TestNouns: every attribute has its words.
func TestNouns(t *testing.T) {
	for _, n := range nouns {
		for i := range n.shape.NumField() {
			if f := n.shape.Field(i); attributeName(f) == "" || f.Tag.Get("doc") == "" {
				t.Errorf("%s.%s has no name or no words", n.name, f.Name)
			}
		}
		if n.shape.Kind() != reflect.Struct {
			t.Errorf("%s is no struct", n.name)
		}
	}
}

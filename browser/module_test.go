package browser

import (
	"strings"
	"testing"
)

func TestScanImports(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"bare", `import "./a.js";`, "./a.js"},
		{"single quotes, no semicolon", "import './a.js'\nimport './b.js'", "./a.js ./b.js"},
		{"default", `import a from "./a.js"`, "./a.js"},
		{"named", `import {a, b as c, default as d, "x y" as e} from "./a.js"`, "./a.js"},
		{"namespace", `import * as a from "./a.js"`, "./a.js"},
		{"default and named", `import a, {b} from "./a.js"; import c, * as d from "./d.js"`, "./a.js ./d.js"},
		{"minified", `import{a}from"./a.js";import*as b from"./b.js";export*from"./c.js"`, "./a.js ./b.js ./c.js"},
		{"a binding called from", `import from from "./a.js"; import {from} from "./b.js"`, "./a.js ./b.js"},
		{"attributes", `import data from "./a.json" with { type: "json" }; import "./b.js"`, "./a.json ./b.js"},
		{"export from", `export {a, b} from "./a.js"; export * as n from "./b.js"`, "./a.js ./b.js"},
		{"export of one's own", "const a = 1\nexport {a}\nimport \"./b.js\"", "./b.js"},
		{"export of one's own, then import", "export {a}\nimport b from './b.js'", "./b.js"},
		{"export declaration", `export const from = "no.js"; export default "no.js"; import "./b.js"`, "./b.js"},
		{"dynamic", `import("./no.js").then(x => x); const m = import.meta.url; import "./b.js"`, "./b.js"},
		{"property", `a.import; a.import "no"; import "./b.js"`, "./b.js"},
		{"in a function", `function f() { import "no.js" } import "./b.js"`, "./b.js"},
		{"comments", "// import 'no.js'\n/* import 'no.js' */ import /* x */ a /* from 'no' */ from // y\n './a.js'", "./a.js"},
		{"strings", `const s = "import 'no.js'"; const q = 'it\'s import "no.js"'; import "./b.js"`, "./b.js"},
		{"templates", "const s = `import 'no.js' ${f({a: `import \"no\" ${1}`})} import 'no.js'`; import \"./b.js\"", "./b.js"},
		{"regular expressions", `const r = /import "no.js"[/"]'/g, d = a / b / "c"; import "./b.js"`, "./b.js"},
		{"regular expression after a block", "if (a) {} /['\"]/.test(b)\nimport './b.js'", "./b.js"},
		{"division after parenthesis", "const a = (b) / 2; import './b.js' // '", "./b.js"},
		{"hashbang", "#! import 'no.js'\nimport './b.js'", "./b.js"},
		{"never closed", `import {a, b`, ""},
		{"broken string", "import 'a\nimport './b.js'", "./b.js"},
	}
	for _, tt := range tests {
		if got := strings.Join(scanImports(tt.text), " "); got != tt.want {
			t.Errorf("%s: %q gives %q, want %q", tt.name, tt.text, got, tt.want)
		}
	}
}

func TestScanImportsBounded(t *testing.T) {
	if got := len(scanImports(strings.Repeat("import 'a'\n", 2*maxImports))); got != maxImports {
		t.Errorf("%d imports, want %d", got, maxImports)
	}
	deep := strings.Repeat("{", 3*maxOpen) + strings.Repeat("}", 3*maxOpen) + "import 'a'"
	if got := len(scanImports(deep)); got != 1 {
		t.Errorf("after deep nesting: %d imports, want 1", got)
	}
}

func FuzzScanImports(f *testing.F) {
	for _, s := range []string{
		`import a,{b}from"c"`, "`${`${", `export*as a from'b'`, "/[/", `import{`, "}}}`", "import/**/'x'",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range scanImports(text) {
			if m == "" {
				t.Fatalf("empty specifier in %q", text)
			}
		}
	})
}

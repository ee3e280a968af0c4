package main

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// TestPublicIsCurrent: what is committed is what the sources give.
func TestPublicIsCurrent(t *testing.T) {
	want, err := build(os.DirFS("../../src"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]byte{}
	public := os.DirFS("../../public")
	err = fs.WalkDir(public, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		got[name], err = fs.ReadFile(public, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range got {
		plain := unpack(t, name, content)
		if plain == nil {
			continue
		}
		// Another version of a packer may pack otherwise; what counts is what
		// comes out.
		if of := strings.TrimSuffix(name, path.Ext(name)); !bytes.Equal(plain, got[of]) {
			t.Errorf("%s does not hold %s", name, of)
		}
		delete(got, name)
	}
	if g, w := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(g, w) {
		t.Fatalf("run go generate in demo/site: public has\n%v\nand should have\n%v", g, w)
	}
	for name, content := range got {
		if !bytes.Equal(content, want[name]) {
			t.Errorf("run go generate in demo/site: %s is not current", name)
		}
	}
}

// unpack returns what a packed file holds, nil when it is none.
func unpack(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	for _, p := range packers {
		if path.Ext(name) != p.ending {
			continue
		}
		r, err := p.unpack(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return plain
	}
	return nil
}

func TestParseSheetRefuses(t *testing.T) {
	row := "#\n"
	for _, tt := range []struct{ sheet, want string }{
		{"A\n#\n", "2 lines, want 10"},
		{"A B\n" + strings.Repeat(row, 9), "row 0 has 1 glyphs, want 2"},
		{"A\n" + strings.Repeat(row, 8) + "##\n", "row 8 is 2 wide, want 1"},
	} {
		_, err := parseSheet(tt.sheet)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("parseSheet(%q) = %v, want %q", tt.sheet, err, tt.want)
		}
	}
}

// TestOutlines: pixels that touch at a corner make one stroke, a hole runs
// the other way round.
func TestOutlines(t *testing.T) {
	for _, tt := range []struct {
		name     string
		rows     []string
		contours int
	}{
		{"dot", []string{"#"}, 1},
		{"ring", []string{"###", "#.#", "###"}, 2},
		{"diagonal", []string{"#..", ".#.", "..#"}, 1},
		{"two", []string{"#.#"}, 2},
	} {
		g := glyph{width: len(tt.rows[0])}
		for i, row := range tt.rows {
			for _, c := range row {
				g.ink[i] = append(g.ink[i], c == '#')
			}
		}
		contours := g.outlines()
		if len(contours) != tt.contours {
			t.Errorf("%s has %d contours, want %d", tt.name, len(contours), tt.contours)
		}
		var area float64 // clockwise counts, with y upwards
		for _, c := range contours {
			for i, a := range c {
				b := c[(i+1)%len(c)]
				area += (b.x - a.x) * (b.y + a.y) / 2
			}
		}
		if area <= 0 {
			t.Errorf("%s has area %v: it runs the wrong way round", tt.name, area)
		}
	}
}

func TestSimplify(t *testing.T) {
	got := simplify([]point{{0, 0}, {1, 0.1}, {2, 0}, {3, 5}, {4, 0}}, 0.5)
	if want := []point{{0, 0}, {2, 0}, {3, 5}, {4, 0}}; !slices.Equal(got, want) {
		t.Errorf("simplify = %v, want %v", got, want)
	}
}

func TestPointNamesWhatIsMissing(t *testing.T) {
	s := &site{named: map[string]string{"/assets/a.css": "/assets/a.1.css"}}
	if got, err := s.point([]byte(`x /assets/a.css y`)); err != nil || string(got) != "x /assets/a.1.css y" {
		t.Errorf("point = %s, %v", got, err)
	}
	if _, err := s.point([]byte("/assets/b.css")); err == nil || !strings.Contains(err.Error(), "/assets/b.css") {
		t.Errorf("error %v", err)
	}
}

// Command gen makes the public tree of the demo's shop: it draws the
// pictures, cuts the typeface, fills the pages, gives every asset a name with
// the fingerprint of its content, and packs what gains by it.
//
// Run it from demo/site with `go generate`. The same sources give the same
// tree, which is committed; a test holds one against the other.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run("src", "public"); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// run builds the tree of src and puts it in the place of public.
func run(src, public string) error {
	files, err := build(os.DirFS(src))
	if err != nil {
		return err
	}
	if err := pack(files); err != nil {
		return err
	}
	if err := os.RemoveAll(public); err != nil {
		return err
	}
	total := 0
	for name, content := range files {
		target := filepath.Join(public, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, content, 0o644); err != nil {
			return err
		}
		total += len(content)
	}
	fmt.Printf("%d files, %d bytes\n", len(files), total)
	return nil
}

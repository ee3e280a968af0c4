package browser

import "testing"

func TestPickImage(t *testing.T) {
	tests := []struct{ name, srcset, sizes, src, want string }{
		{"only src", "", "", "a.png", "a.png"},
		{"nothing", "", "", "", ""},
		{"1x and 2x", "a.png 1x, b.png 2x", "", "s.png", "a.png"},
		{"src is the 1x", "b.png 2x", "", "s.png", "s.png"},
		{"only dense ones, no src", "b.png 2x, c.png 3x", "", "", "b.png"},
		{"no descriptor is 1x", "a.png, b.png 2x", "", "s.png", "a.png"},
		{"too thin: the densest", "a.png 0.5x, b.png 0.75x", "", "", "b.png"},
		{"widths, whole window", "s.png 400w, m.png 1280w, l.png 2000w", "", "x.png", "m.png"},
		{"widths, none wide enough", "s.png 400w, m.png 800w", "", "x.png", "m.png"},
		{"widths with sizes", "s.png 400w, m.png 1280w", "300px", "", "s.png"},
		{"sizes in vw", "s.png 400w, m.png 640w, l.png 1280w", "50vw", "", "m.png"},
		{"sizes with a condition that holds", "s.png 400w, l.png 1280w", "(min-width: 600px) 400px, 100vw", "", "s.png"},
		{"sizes with one that does not", "s.png 400w, l.png 1280w", "(max-width: 600px) 400px, 100vw", "", "l.png"},
		{"sizes with one we do not know", "s.png 400w, l.png 1280w", "(orientation: portrait) 400px, 100vw", "", "l.png"},
		{"data with commas", "data:image/gif;base64,R0lGOD 1x, b.png 2x", "", "", "data:image/gif;base64,R0lGOD"},
		{"bad descriptors are dropped", "a.png 1q, b.png 1x", "", "", "b.png"},
		{"commas everywhere", ",,a.png,, b.png 2x,", "", "", "a.png"},
	}
	for _, tt := range tests {
		if got := pickImage(tt.srcset, tt.sizes, tt.src); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func FuzzPickImage(f *testing.F) {
	f.Add("a.png 1x, b.png 2x", "(min-width: 1px) 50vw, 10px", "c.png")
	f.Add("a 1w,b 2w 3h", "((", "")
	f.Add(",", ")", "")
	f.Fuzz(func(t *testing.T, srcset, sizes, src string) {
		if got := pickImage(srcset, sizes, src); got == "" && src != "" {
			t.Fatalf("srcset %q with src %q chose nothing", srcset, src)
		}
	})
}

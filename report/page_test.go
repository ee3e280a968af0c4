package report

import (
	"bytes"
	"os"
	"testing"
)

func TestLook(t *testing.T) {
	dir := os.Getenv("LOOK")
	if dir == "" {
		t.Skip()
	}
	d := newFakeTransfer(400_000, 30, 61, 62, 63, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162).document()
	a, b := firstLoad(), secondLoad()
	d.Loads = append(d.Loads, a, b)
	var buf bytes.Buffer
	if err := HTML(&buf, d); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(dir+"/x.html", buf.Bytes(), 0o644)
}

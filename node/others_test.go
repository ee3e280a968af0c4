package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"waypost/tls/cert"
)

// othersTime bounds what a browser needs to start, load and end.
const othersTime = 5 * time.Minute

// TestHTTP3WithOthers: curl and Chromium, where they are installed and can,
// are served over HTTP/3.
func TestHTTP3WithOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: starts a browser")
	}
	chromium, noChromium := exec.LookPath("chromium")
	features, _ := exec.Command("curl", "--version").Output()
	curl := bytes.Contains(features, []byte("HTTP3"))
	if !curl && noChromium != nil {
		t.Skip("skipped: there is no curl with HTTP/3, and no chromium")
	}
	dir := t.TempDir()
	ca, err := cert.NewCA("test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	www, err := ca.Issue("www.shop.test")
	if err != nil {
		t.Fatal(err)
	}
	chain, key := pemOf(t, www)
	for name, text := range map[string]string{"index.html": "<p>served</p>", "www.pem": chain, "www.key": key, "ca.pem": string(ca.PEM())} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := `
edge:
  https: ["127.0.0.1:0"]
  http3: true
  certificates: [{cert: www.pem, key: www.key}]
sites: [{name: shop, hosts: [www.shop.test], origin: {urls: ["http://127.0.0.1:1"]}}]
`
	c, err := Parse("test.yaml", []byte(config), func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, name)) })
	if err != nil {
		t.Fatal(err)
	}
	n, err := New(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Skipf("skipped: %v", err) // the port of TCP is taken for UDP
	}
	defer n.Stop()
	at := n.Listeners()[0].Address
	ctx, cancel := context.WithTimeout(t.Context(), othersTime)
	defer cancel()
	// The origin is not there: that the edge says so is answer enough.
	host := fmt.Sprintf("www.shop.test:%d", at.Port())
	t.Run("curl", func(t *testing.T) {
		if !curl {
			t.Skip("skipped: this curl has no HTTP/3")
		}
		out, err := exec.CommandContext(ctx, "curl", "-si", "--http3-only", "--cacert", filepath.Join(dir, "ca.pem"),
			"--connect-to", host+":"+at.String(), "https://"+host+"/").CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "HTTP/3 502") {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("chromium", func(t *testing.T) {
		if noChromium != nil {
			t.Skip("skipped: there is no chromium")
		}
		leaf, err := x509.ParseCertificate(www.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		spki := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
		log := filepath.Join(dir, "net.json")
		// Its error output is the machine's affair: no bus, no display.
		_, err = exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+filepath.Join(dir, "profile"),
			"--origin-to-force-quic-on="+host, "--ignore-certificate-errors-spki-list="+base64.StdEncoding.EncodeToString(spki[:]),
			"--host-resolver-rules=MAP www.shop.test 127.0.0.1", "--log-net-log="+log, "--dump-dom", "https://"+host+"/").Output()
		if err != nil {
			t.Skipf("skipped: chromium does not run here: %v", err)
		}
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"SETTINGS_ENABLE_CONNECT_PROTOCOL":1`, `":status: 502"`, "cache-status: waypost-edge"} {
			if !bytes.Contains(text, []byte(want)) {
				t.Errorf("chromium's log has no %s", want)
			}
		}
	})
}

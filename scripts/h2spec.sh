#!/usr/bin/env bash
# Runs h2spec (github.com/summerwind/h2spec) against an edge over TLS, strict.
# Skips with a printed reason where h2spec cannot be built. Everything stands
# on loopback and ends with this script.
set -euo pipefail
cd "$(dirname "$0")/.."

version=v2.2.1
if ! command -v h2spec >/dev/null && ! go install "github.com/summerwind/h2spec/cmd/h2spec@$version"; then
  echo "skipped: h2spec $version could not be built here"
  exit 0
fi
h2spec=$(command -v h2spec || echo "$(go env GOPATH)/bin/h2spec")

dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
go build -o "$dir/waypost" ./cmd/waypost
generate=$(go env GOROOT)/src/crypto/tls/generate_cert.go
(cd "$dir" && go run "$generate" -ecdsa-curve P256 -host localhost,127.0.0.1 >/dev/null 2>&1)
mkdir "$dir/site"
head -c 20000 /dev/zero | tr '\0' x >"$dir/site/index.html"
port=${H2SPEC_PORT:-18444}
cat >"$dir/waypost.yaml" <<EOF
origin: {http: ["127.0.0.1:$((port + 1))"], root: site}
edge:
  https: ["127.0.0.1:$port"]
  certificates: [{cert: cert.pem, key: key.pem}]
sites:
  - {name: all, hosts: ["*"], origin: {urls: ["http://127.0.0.1:$((port + 1))"]}}
EOF
"$dir/waypost" serve -c "$dir/waypost.yaml" 2>"$dir/log" &
server=$!
for _ in $(seq 100); do
  if grep -q "scheme=https" "$dir/log"; then break; fi
  sleep 0.1
done
"$h2spec" -h 127.0.0.1 -p "$port" -t -k --strict -o 5 >"$dir/out" || { cat "$dir/out" "$dir/log"; exit 1; }
tail -2 "$dir/out"

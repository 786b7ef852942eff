#!/usr/bin/env bash
# Builds the image and runs it on a read-only disk: `bash tests/image.sh [IMAGE_BUILD IMAGE_RUN]`.
#
# IMAGE_BUILD FOLDER TAG builds a Dockerfile; IMAGE_RUN TAG ARGUMENTS... runs an image with the host's network, a read-only
# disk and no capabilities, with PODMAN_OPTS before the image; image-build and image-run of the PATH by default. Checks: it
# serves, it finds itself healthy, uploads find their temporary files, and SIGTERM drains. Needs python3 and curl.
set -euo pipefail
build=${1:-image-build} run=${2:-image-run}
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n== %s\n' "$*"; }
fail() { echo "failed: $*" >&2; exit 1; }

folder=$(mktemp -d)
chmod 755 "$folder" # the image's user is nobody of this machine
started=()
cleanup() {
  local id
  for id in "${started[@]}"; do kill "$id" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap cleanup EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# eventually WHAT COMMAND...: until the command is true, for a minute.
eventually() {
  local what=$1 tries=0; shift
  until "$@"; do
    ((++tries < 300)) || fail "$what"
    sleep 0.2
  done
}
answers() { curl -sf -m 5 -o /dev/null "$1"; }
counts() { curl -sf -m 5 "http://127.0.0.1:$operators/metrics" | grep -q "^$1\$"; }

step "build"
"$build" . onelane-test >"$folder/build" 2>&1 || { tail -30 "$folder/build"; fail "the build"; }

step "serve"
cat >"$folder/application.py" <<'P'
import http.server, socketserver, sys, time
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def answer(self):
        size = len(self.rfile.read(int(self.headers.get('Content-Length') or 0)))
        if self.path == '/long': time.sleep(2)
        body = str(size).encode()
        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body)
    do_GET = do_POST = answer
    def log_message(self, *_): pass
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer): daemon_threads = True
Server(('127.0.0.1', int(sys.argv[1])), Page).serve_forever()
P
application=$(free_port) clients=$(free_port) operators=$(free_port)
python3 "$folder/application.py" "$application" & started+=($!)
disown # or bash reports its end
cat >"$folder/onelane.yaml" <<Y
listen: 127.0.0.1:$clients
upstream: http://127.0.0.1:$application
session: { preset: aspnet }
admin: { listen: 127.0.0.1:$operators }
Y
PODMAN_OPTS="-v $folder/onelane.yaml:/etc/onelane/onelane.yaml:ro" "$run" onelane-test >"$folder/access" 2>"$folder/log" & container=$!
started+=("$container")
eventually "it listens" answers "http://127.0.0.1:$operators/livez"
eventually "the application" answers "http://127.0.0.1:$clients/"
head -c 1000000 /dev/zero >"$folder/upload"
session='ASP.NET_SessionId=abcdefghijklmnopqrstuvwx'
[[ $(curl -sf -m 30 -b "$session" --data-binary @"$folder/upload" "http://127.0.0.1:$clients/") = 1000000 ]] || fail "an upload"
counts 'onelane_spool_errors_total 0' || fail "no place for temporary files"

step "health"
"$run" onelane-test health --url "http://127.0.0.1:$operators/readyz" | grep -q '^ready' || fail "it finds itself ill"
! "$run" onelane-test health --url "http://127.0.0.1:$(free_port)/readyz" 2>/dev/null || fail "nobody is healthy"

step "SIGTERM drains"
curl -s -m 30 -o /dev/null -w '%{http_code}' -b "$session" "http://127.0.0.1:$clients/long" >"$folder/long" & long=$!
eventually "the long request is inside" counts 'onelane_holders 1'
kill -TERM "$container"
wait "$long"; [[ $(cat "$folder/long") = 200 ]] || fail "the drain"
wait "$container" || fail "its exit code"
grep -q '"\?drained"\?' "$folder/log" || fail "the log"
step "all passed"

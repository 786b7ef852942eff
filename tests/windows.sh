#!/usr/bin/env bash
# Builds Onelane for Windows and runs it under Wine: `bash tests/windows.sh [WINDOWS_CARGO]`.
#
# WINDOWS_CARGO is a cargo for x86_64-pc-windows-gnu whose runner is Wine; windows-cargo of the PATH by default. Checks: no
# warnings; the library's tests; the program in front of an application of this machine, with its drain on Ctrl-C; the
# service, from its installation over its drain to its end. Needs python3 and curl. Wine says nothing of speed.
set -euo pipefail
cargo=${1:-windows-cargo}
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n== %s\n' "$*"; }
fail() { echo "failed: $*" >&2; exit 1; }

folder=$(mktemp -d)
started=()
cleanup() {
  local id
  for id in "${started[@]}"; do kill -9 "$id" 2>/dev/null || true; done
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
says() { grep -q -- "$1" "$2" 2>/dev/null; }
holds() { curl -sf -m 5 "http://127.0.0.1:$1/metrics" | grep -q '^onelane_holders 1$'; }
answers() { curl -sf -m 5 -o /dev/null "$1"; }

step "build without warnings"
"$cargo" build 2>&1 | tee "$folder/build"
! grep -q '^warning' "$folder/build" || fail "warnings"

step "the library's tests"
# The word of the tests counts: Wine exits with 0 when a test has crashed.
"$cargo" test --lib >"$folder/tests" 2>&1 || true
grep -E '^test result: ok\. [0-9]+ passed; 0 failed' "$folder/tests" || { tail -30 "$folder/tests"; fail "the tests"; }

# An application that says in each answer how many requests were in it together, at most.
cat >"$folder/application.py" <<'P'
import http.server, socketserver, sys, threading, time
lock, inside, most = threading.Lock(), 0, 0
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        global inside, most
        with lock:
            if self.path == '/forget': most = 0
            inside += 1; most = max(most, inside)
        time.sleep(2 if self.path == '/long' else 0.2)
        with lock: body = str(most).encode(); inside -= 1
        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer): daemon_threads = True
Server(('127.0.0.1', int(sys.argv[1])), Page).serve_forever()
P
application=$(free_port)
python3 "$folder/application.py" "$application" & started+=($!)
disown # or bash reports its end
eventually "the application" answers "http://127.0.0.1:$application/"

# configuration FILE: on free ports, which become $clients and $operators.
configuration() {
  clients=$(free_port) operators=$(free_port)
  cat >"$1" <<Y
listen: 127.0.0.1:$clients
upstream: http://127.0.0.1:$application
session: { preset: aspnet }
admin: { listen: 127.0.0.1:$operators }
Y
}
# together COOKIE: the most requests of five that were in the application together.
together() {
  curl -s -o /dev/null "http://127.0.0.1:$application/forget"
  local ids=() n
  for n in 1 2 3 4 5; do
    curl -sf -m 30 -o "$folder/answer$n" -b "$1" "http://127.0.0.1:$clients/" & ids+=($!)
  done
  wait "${ids[@]}" || fail "a request"
  for n in 1 2 3 4 5; do cat "$folder/answer$n"; echo; done | sort -n | tail -1
}
session='ASP.NET_SessionId=abcdefghijklmnopqrstuvwx'

step "in a console"
configuration "$folder/console.yaml"
"$cargo" run -q -- run -c "$folder/console.yaml" >"$folder/access" 2>"$folder/log" & console=$!; started+=("$console")
eventually "it listens" answers "http://127.0.0.1:$operators/livez"
alone=$(together "$session") beside=$(together "none=1")
echo "five requests: $alone inside together with a session, $beside without"
[[ $alone = 1 && $beside -gt 1 ]] || fail "the lane"
curl -sf "http://127.0.0.1:$operators/metrics" >"$folder/metrics"
says '^onelane_requests_total{.*} ' "$folder/metrics" || fail "/metrics"
"$cargo" run -q -- health --url "http://127.0.0.1:$operators/readyz" | grep -q '^ready' || fail "health"
console_clients=$clients console_operators=$operators

step "as a service, beside it" # Wine ends its services when no other program is left
folder_of_service="$folder/a service"; mkdir "$folder_of_service"
configuration "$folder_of_service/onelane.yaml"
service() { timeout 120 "$cargo" run -q -- service "$@" --name onelane-test; }
service uninstall >/dev/null 2>&1 || true # what a run that broke off has left
service install -c "$folder_of_service/onelane.yaml"
service start | grep -q '^running' || fail "start"
[[ $(together "$session") = 1 ]] || fail "the lane of the service"
log=("$folder_of_service"/logs/onelane.*.log)
curl -s -m 30 -o /dev/null -w '%{http_code}' -b "$session" "http://127.0.0.1:$clients/long" >"$folder/long" & long=$!
eventually "the long request is inside" holds "$operators"
service stop | grep -q '^stopped' || fail "stop"
wait "$long"; [[ $(cat "$folder/long") = 200 ]] || fail "the drain of the service"
says 'signal="service stop"' "${log[0]}" && says ' drained' "${log[0]}" || fail "the log of the service"
echo 'nonsense: 1' >"$folder_of_service/onelane.yaml"
said=$(service start 2>&1) && fail "a wrong configuration was started"
[[ $said = *"its configuration is wrong"* ]] || fail "$said"
service uninstall | grep -q '^uninstalled' || fail "uninstall"

step "Ctrl-C drains"
curl -s -m 30 -o /dev/null -w '%{http_code}' -b "$session" "http://127.0.0.1:$console_clients/long" >"$folder/long" & long=$!
eventually "the long request is inside" holds "$console_operators"
kill -INT "$console"
wait "$long"; [[ $(cat "$folder/long") = 200 ]] || fail "the drain"
wait "$console" || fail "its exit code"
says 'signal="Ctrl-C"' "$folder/log" && says ' drained' "$folder/log" || fail "the log"
step "all passed"

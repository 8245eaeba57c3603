#!/usr/bin/env bash
# n720d under a real systemd, in a container with a tmpfs root and this machine's /usr, read-only: nothing of the host
# is changed. Shows: ready is waited for, the status text, the user, credentials, reload good and bad, a command
# sink, the watchdog, a clean stop. Needs root and systemd-nspawn; says so and skips where they are missing, but never in CI.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
    echo "skipped: $*"
    [ "${CI:-}" = true ] && { echo "this is CI: not skipping"; exit 1; }
    exit 0
}
[ "$(id -u)" = 0 ] || skip "not root"
command -v systemd-nspawn >/dev/null || skip "systemd-nspawn is not installed (package systemd-container)"

binary=${CARGO_TARGET_DIR:-target}/debug/n720d
[ -x "$binary" ] || { echo "no $binary: run cargo build first"; exit 1; }

work=$(mktemp -d /tmp/n720d-service.XXXXXX)
machine=n720d-$$
nspawn=
finish() {
    [ -n "$nspawn" ] && kill -TERM "$nspawn" 2>/dev/null && wait "$nspawn" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT

# The shipped unit, but for where the binary lies and how long the watchdog waits.
mkdir -p "$work/etc/sites" "$work/etc/credentials" "$work/dropin"
cp "$binary" "$work/n720d"
chmod 0755 "$work" "$work/n720d"
sed -e 's#/usr/bin/n720d#/opt/n720d/n720d#' systemd/n720d.service > "$work/n720d.service"
printf '[Service]\nWatchdogSec=3s\n' > "$work/dropin/test.conf"
cat > "$work/etc/n720d.toml" <<'TOML'
[provisioning]
listen = "127.0.0.1:8720"
public_url = "http://127.0.0.1:8720"
[[alerts.sink]]
name = "page"
type = "command"
command = ["/opt/n720d/page"]
TOML
# What it leaves behind says as whom it ran, and that it was told.
printf '#!/bin/sh\n{ id -un; cat; } >> /var/lib/n720d/paged || exit 75\n' > "$work/page"
chmod 0755 "$work/page"
cat > "$work/etc/sites/lab.toml" <<'TOML'
[site]
time_zone = "Europe/Berlin"
[manager]
url = "http://127.0.0.1:9"
mac = "7C2F80CA21E4"
password = "credential:lab-web"
TOML
sed -e 's/21E4/21E5/' -e 's/:9"/:10"/' -e 's/lab-web/not-there/' "$work/etc/sites/lab.toml" > "$work/etc/sites/poor.toml"
printf 'secret\n' > "$work/etc/credentials/lab-web"
chmod -R go+rX "$work/etc"

export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_LOCK=0
timeout 120 systemd-nspawn --quiet --register=no --keep-unit -D / --volatile=yes -M "$machine" -b --private-network \
    --console=pipe --system-call-filter='add_key keyctl request_key bpf' --capability=CAP_BPF \
    --bind-ro="$work:/opt/n720d" --bind="$work/etc:/etc/n720d" \
    --bind-ro="$work/n720d.service:/etc/systemd/system/n720d.service" \
    --bind-ro="$work/dropin:/etc/systemd/system/n720d.service.d" \
    --bind-ro="$PWD/systemd/n720d.sysusers:/etc/sysusers.d/n720d.conf" \
    --bind-ro=/dev/null:/etc/systemd/system/systemd-firstboot.service \
    --bind-ro=/dev/null:/etc/systemd/system/systemd-networkd-wait-online.service \
    systemd.unit=basic.target </dev/null >"$work/nspawn.log" 2>&1 &
nspawn=$!

# The container's systemd is a descendant of the nspawn process; nothing else here is called so.
leader() {
    local parent=$1 child
    for child in $(pgrep -P "$parent"); do
        [ "$(cat "/proc/$child/comm" 2>/dev/null)" = systemd ] && { echo "$child"; return; }
        leader "$child"
    done
}
until_true() {
    local tries=$1
    shift
    for _ in $(seq "$tries"); do "$@" && return; sleep 0.1; done
    echo "gave up waiting for: $*"
    tail -n 20 "$work/nspawn.log"
    exit 1
}
pid=
booted() { pid=$(leader "$nspawn" | head -n 1); [ -n "$pid" ] && nsenter -t "$pid" -a test -S /run/systemd/private; }
until_true 600 booted
inside() { nsenter -t "$pid" -a "$@"; }
inside /bin/systemctl is-system-running --wait >/dev/null || true

show() { inside /bin/systemctl show n720d -p "$1" --value; }
explain() { inside /bin/journalctl -u n720d --no-pager -n 40 || true; }
expect() {
    local what=$1 found=$2 wanted=$3
    case $found in
    $wanted) echo "ok: $what: $found" ;;
    *) echo "FAILED: $what: found '$found', expected '$wanted'"; explain; exit 1 ;;
    esac
}

inside /bin/systemctl start n720d || { explain; exit 1; }
expect "started, ready was waited for" "$(show ActiveState)/$(show SubState)" "active/running"
expect "runs as" "$(inside /bin/ps -o user= -p "$(show MainPID)" | tr -d ' ')" n720d
has_status() { case $(show StatusText) in watching*) ;; *) return 1 ;; esac; }
until_true 600 has_status
expect "status text" "$(show StatusText)" "watching 2 sites:*"
expect "state directory" "$(inside /bin/stat -c '%a %U' /var/lib/n720d)" "700 n720d"

inside /bin/systemctl reload n720d || { explain; exit 1; }
expect "reload with good files" "$(show ActiveState)" active
echo 'nonsense = 1' >> "$work/etc/sites/lab.toml"
if inside /bin/systemctl reload n720d 2>/dev/null; then echo "FAILED: a bad file was reloaded"; exit 1; fi
expect "reload with a bad file fails, the service goes on" "$(show ActiveState)" active
sed -i '$d' "$work/etc/sites/lab.toml"

# What keeps n720d from the one manager is its closed port, for its credential was found; from the other, its credential.
site() { inside /opt/n720d/n720d status "$1" --json || true; }
says() { site "$1" | grep -q "$2"; }
until_true 600 says lab '"health": "unreachable"'
until_true 600 says poor '"kind": "secret-missing"'
expect "a credential that is there is found" "$(site lab | grep -c secret-missing || true)" 0
expect "one that is not is told" "$(site poor | grep -c '"kind": "secret-missing"' || true)" 1

paged() { inside /usr/bin/grep -qs '"kind":"secret-missing"' /var/lib/n720d/paged; }
until_true 600 paged
expect "the program of a command sink runs as" "$(inside /usr/bin/head -n 1 /var/lib/n720d/paged)" n720d

inside /bin/kill -STOP "$(show MainPID)"
restarted() { [ "$(show NRestarts)" = 1 ] && [ "$(show ActiveState)" = active ]; }
until_true 1200 restarted
expect "a daemon that hangs is restarted by the watchdog" "$(show NRestarts)" 1

began=$(date +%s)
inside /bin/systemctl stop n720d
expect "stopped cleanly" "$(show Result)" success
took=$(($(date +%s) - began))
[ "$took" -le 20 ] || { echo "FAILED: the stop took $took s"; exit 1; }
echo "ok: the stop took $took s"
expect "exposure" "$(inside /usr/bin/systemd-analyze security n720d --no-pager 2>/dev/null | tail -n 1)" "*: 1.[0-5] *"

inside /bin/systemctl poweroff || true
wait "$nspawn" 2>/dev/null || true
nspawn=
echo "n720d under systemd: ok"

#!/usr/bin/env bash
# Checks the systemd files: they parse, and the service is confined (exposure at most 1.5).
set -euo pipefail
cd "$(dirname "$0")/.."
command -v systemd-analyze >/dev/null || { echo "skipped: systemd-analyze is not installed"; exit 0; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# `verify` wants ExecStart's file to exist; the unit itself is checked as shipped but for that path.
printf '#!/bin/sh\n' > "$work/n720d"
chmod +x "$work/n720d"
sed "s#/usr/bin/n720d#$work/n720d#" systemd/n720d.service > "$work/n720d.service"
systemd-analyze verify --man=no "$work/n720d.service"
# The drop-in that the unit's comments propose: every line of it is a setting that systemd knows.
mkdir "$work/n720d.service.d"
{ echo '[Service]'; grep -oE '^#   [A-Z][A-Za-z]+=[^ ]+( rw)?' "$work/n720d.service" | sed 's/^#   //'; } > "$work/n720d.service.d/sinks.conf"
[ "$(wc -l < "$work/n720d.service.d/sinks.conf")" -ge 6 ] || { echo "the proposed drop-in was not found"; exit 1; }
said=$(systemd-analyze verify --man=no "$work/n720d.service" 2>&1) || { echo "$said"; exit 1; }
if grep -E 'sinks\.conf' <<< "$said"; then echo "the proposed drop-in is not understood"; exit 1; fi
rm -r "$work/n720d.service.d"
systemd-analyze security --offline=true --threshold=15 "$work/n720d.service" | tail -n 1
command -v systemd-sysusers >/dev/null && systemd-sysusers --dry-run "$PWD/systemd/n720d.sysusers" >/dev/null
echo "unit files: ok"

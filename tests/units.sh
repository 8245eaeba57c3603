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
systemd-analyze security --offline=true --threshold=15 "$work/n720d.service" | tail -n 1
command -v systemd-sysusers >/dev/null && systemd-sysusers --dry-run "$PWD/systemd/n720d.sysusers" >/dev/null
echo "unit files: ok"

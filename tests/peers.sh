#!/usr/bin/env bash
# Finds a server that tests talk to, or fetches it from the distribution's packages into target/peers, and prints the path
# of its program. Nothing is installed, nothing is left elsewhere, and nobody needs to be root.
#
#   tests/peers.sh alertmanager | exim
#
# Exit 77, with one sentence, where there is none to be had.
set -euo pipefail
cd "$(dirname "$0")/.."

name=${1-}
peers=${CARGO_TARGET_DIR:-$PWD/target}/peers
# One that was fetched by another version of this script may lack what was found out since.
home=$peers/$name-$(cksum <"tests/${0##*/}" | cut -d ' ' -f 1)
log=$peers/$name.log

impossible() {
    echo "$name cannot be had here: $*" >&2
    exit 77
}

case $name in
alertmanager)
    packages=(prometheus-alertmanager)
    for program in prometheus-alertmanager alertmanager; do
        if command -v "$program"; then exit; fi
    done
    ;;
exim)
    # One that is installed is of no use: it is set-uid root, and wants its own user. Ours runs as whoever calls it, with a
    # user data base of the test's making, which is what libnss-wrapper is for.
    packages=(exim4-daemon-light libnss-wrapper)
    ;;
*)
    echo "usage: $0 alertmanager | exim" >&2
    exit 2
    ;;
esac

# Moved into place when it is whole, so whoever finds it may use it.
found() {
    test -x "$home/program" && echo "$home/program"
}
if found; then exit; fi

for tool in apt-get dpkg flock; do
    command -v "$tool" >/dev/null || impossible "it comes from Debian's packages, and there is no $tool"
done
mkdir -p "$peers" 2>/dev/null && test -w "$peers" || impossible "$peers cannot be written to"
exec 9>"$peers/lock"
flock -w 600 9 || impossible "somebody else has been fetching it for ten minutes"
if found; then exit; fi

apt=$peers/apt
mkdir -p "$apt/cache/archives/partial" "$apt/lists/partial" "$apt/log"
# Read behind the machine's own settings, whose mirrors and proxies hold; its hooks touch things outside of our folder.
cat >"$apt/apt.conf" <<EOF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::Cache "$apt/cache";
Dir::Log "$apt/log";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
EOF
{
    cat "$apt/apt.conf"
    echo "Dir::State::lists \"$apt/lists\";"
} >"$apt/own-lists.conf"

# The packages, and the libraries they need that this machine has not: names differ from release to release.
download() {
    local libraries
    libraries=$(apt-get -c "$1" -s install --no-install-recommends "${packages[@]}" |
        awk '$1 == "Inst" && $2 ~ /^lib/ && $3 ~ /^\(/ { print $2 }') || return
    rm -rf "$home.new"
    mkdir -p "$home.new/debs"
    # shellcheck disable=SC2086 # names of packages, a word each
    (cd "$home.new/debs" && timeout 300 apt-get -q -c "$1" download "${packages[@]}" $libraries)
}

# The machine's package lists may be missing, or too old for what the mirror still has: then lists of our own.
{
    download "$apt/apt.conf" || {
        timeout 300 apt-get -q -c "$apt/own-lists.conf" update && download "$apt/own-lists.conf"
    }
} >"$log" 2>&1 9>&- || impossible "its packages cannot be downloaded (see $log)"

for deb in "$home.new/debs"/*.deb; do
    dpkg -x "$deb" "$home.new/root"
done
rm -r "$home.new/debs"

cd "$home.new"
case $name in
alertmanager)
    # It reads a template from where the package would be installed; the same path without its first slash is one of ours.
    LC_ALL=C sed -i 's#/usr/share/prometheus/alertmanager#usr//share/prometheus/alertmanager#g' \
        root/usr/bin/prometheus-alertmanager
    cat >program <<'EOF'
#!/bin/sh
cd "$(dirname "$0")/root" && exec usr/bin/prometheus-alertmanager "$@"
EOF
    chmod 0755 program
    ;;
exim)
    # A set-uid program would be run without the libraries beside it.
    chmod u-s root/usr/sbin/exim4
    wrapper=$(find root -name libnss_wrapper.so)
    cat >program <<EOF
#!/bin/sh
here=\$(dirname "\$0")
export LD_LIBRARY_PATH="\$here/${wrapper%/*}" LD_PRELOAD="\$here/$wrapper"
exec "\$here/root/usr/sbin/exim4" "\$@"
EOF
    chmod 0755 program
    ;;
esac
rm -rf "$home"
mv "$home.new" "$home"
found

#!/bin/sh
# Makes sure that there is a browser for the tests that drive one. Never fails: without one those tests are skipped, and
# this says so.
for name in chromium google-chrome chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done

without() {
    echo "==============================================================================" >&2
    echo "  No Chromium here ($1)." >&2
    echo "  The browser tests will be SKIPPED. Install Chromium or Google Chrome to run them." >&2
    echo "==============================================================================" >&2
    exit 0
}

[ "$(id -u)" = 0 ] || without "and installing it needs root"
command -v apt-get >/dev/null 2>&1 || without "and no apt-get to install it with"
grep -qiE '^(ID|ID_LIKE)=.*(debian|ubuntu)' /etc/os-release 2>/dev/null || without "and this is neither Debian nor Ubuntu"

echo "Installing Chromium for the browser tests; this is done once." >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null 2>&1 || true
apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null 2>&1 || true
command -v chromium >/dev/null 2>&1 || without "and apt-get could not install it"
# On Ubuntu the package of this name is a stub for a snap, which a container cannot run
chromium --version >/dev/null 2>&1 || without "apt-get installed one that does not start"
exit 0

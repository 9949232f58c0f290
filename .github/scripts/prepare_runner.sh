#!/usr/bin/env bash
# Makes a runner able to isolate processes as a user without rights, and shows that it can. With `browser`, Chromium too.
set -euo pipefail

missing=()
command -v bwrap >/dev/null || missing+=(bubblewrap)
if [ "${1:-}" = browser ]; then
    # GitHub's images bring both; Debian has them as packages; Ubuntu's package of Chromium is a snap, which is of no use.
    command -v chromium >/dev/null || missing+=(chromium)
    command -v chromedriver >/dev/null || missing+=(chromium-driver)
fi
if [ "${#missing[@]}" -gt 0 ]; then
    sudo apt-get update -q
    sudo apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

# Ubuntu's AppArmor otherwise keeps users without rights from making namespaces.
if [ -e /proc/sys/kernel/apparmor_restrict_unprivileged_userns ]; then
    sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0
fi

bwrap --unshare-all --die-with-parent --ro-bind / / --proc /proc --dev /dev true

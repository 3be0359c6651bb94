#!/bin/sh
# Prepares a fresh Debian machine for this checkout: the Debian packages that are named
# in debian-packages.txt, and a virtual environment in .venv with pinned pip packages.
set -eu
cd "$(dirname "$0")/.."

missing=""
while read -r package; do
    case "$package" in ""|"#"*) continue ;; esac
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' \
        || missing="$missing $package"
done < debian-packages.txt

if [ -n "$missing" ]; then
    echo "Installing Debian packages:$missing"
    # shellcheck disable=SC2086  # one word per package
    if [ "$(id -u)" -ne 0 ]; then
        echo "These Debian packages are needed:$missing. Install them, or run this as root." >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi

python="${PYTHON:-python3}"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed; $python is older. Set PYTHON=/path/to/python3.11." >&2
    exit 1
}
[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --constraint constraints.txt --editable '.[dev]'
touch .venv/.ready

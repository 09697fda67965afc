#!/usr/bin/env bash
# Installs labgrade from the checkout that this file lies in into a virtual environment of its own.
#
#   install.sh FOLDER     the environment; LAB_PYTHON names the Python to make it with (default: python3)
#
# Dependencies get the versions of requirements.lock, so that a job does tomorrow what it did today.
set -euo pipefail

venv=${1:?the folder of the virtual environment}
home=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
pins=$(mktemp)
trap 'rm -f -- "$pins"' EXIT

# Versions and markers without hashes: pip asks for hashes of everything or of nothing, and this checkout has none.
sed -nE 's/^([A-Za-z0-9._-]+==[^ ;\\]+)( ; [^\\]*)?.*$/\1\2/p' "$home/requirements.lock" >"$pins"

"${LAB_PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint "$pins" "$home"

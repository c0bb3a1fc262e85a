#!/bin/sh
# Pins everything that is installed, with the hashes of its files: requirements.lock has what the operator runs with,
# requirements-dev.lock what is needed to develop and test it. `make lock` runs this, and so does every target that
# installs something when a list of requirements has changed. Commit both files.
#
#   usage: hack/lock.sh [--check]    --check only says by its exit status whether the locks fit the requirements
#
# Versions that are pinned already stay, as long as the requirements allow them: make lock LOCK_ARGS=--upgrade
# The locks are for every platform and every Python that the project supports, and name no package index.
set -eu
CDPATH='' cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
sources="requirements.txt requirements-dev.txt requirements-runtime.txt"
digest=$("$python" -c 'import hashlib, sys
print(hashlib.sha256(b"".join(open(name, "rb").read() for name in sys.argv[1:])).hexdigest())' $sources)
first="# Written by make lock; do not edit. Of the requirements with the SHA-256 $digest"

is_current() {
  [ -f "$1" ] && [ "$(head -n 1 "$1")" = "$first" ]
}

if is_current requirements.lock && is_current requirements-dev.lock; then
  [ "${1-}" != --check ] || exit 0
elif [ "${1-}" = --check ]; then
  exit 1
fi

remove() {
  rm -f requirements.lock.new requirements-dev.lock.new requirements.lock.tmp requirements-dev.lock.tmp
}
trap remove EXIT
# Not every sh runs the trap of EXIT then. What calls this has to see the signal, or make would install something else.
for signal in HUP INT TERM; do
  # shellcheck disable=SC2064 # the signal of now
  trap "remove; trap - EXIT $signal; kill -$signal \$\$" "$signal"
done

uv=${UV:-}
if [ -z "$uv" ]; then
  # uv from the index that pip is configured for; it is given what pip knows.
  uv=.venv/lock/bin/uv
  if [ ! -x "$uv" ]; then
    "$python" -m venv .venv/lock
    .venv/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
  fi
  index=$(.venv/lock/bin/python -m pip config get global.index-url 2>/dev/null || true)
  if [ -n "$index" ] && [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
    export UV_DEFAULT_INDEX="$index"
  fi
fi

compile() {
  target=$1
  shift
  # What is pinned there already is kept.
  if [ -f "$target" ]; then cp "$target" "$target.new"; else rm -f "$target.new"; fi
  # kaiwu-runtime is not looked for by name: requirements-runtime.txt has its file and its hash.
  "$uv" pip compile --quiet --universal --generate-hashes --python-version "$PYTHON_MINIMUM" --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links --no-emit-package kaiwu-runtime \
    ${LOCK_ARGS:-} --output-file "$target.new" "$@" >/dev/null
  { echo "$first"; grep -v '^# Written by make lock' "$target.new" || true; } > "$target.tmp"
}
compile requirements.lock requirements.txt
compile requirements-dev.lock requirements-dev.txt --constraints requirements.lock.new
mv requirements.lock.tmp requirements.lock
mv requirements-dev.lock.tmp requirements-dev.lock

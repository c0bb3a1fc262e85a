#!/bin/sh
# Installs what requirements.lock and requirements-dev.lock pin, each file with its hash checked. `make` calls it for
# the virtual environment, and the Dockerfile for the image, which has no requirements-dev.lock.
#
#   usage: hack/install.sh INSTALL...    INSTALL is the command of uv or pip up to its requirements
#
# A package index may not know a version that it named when the locks were written: its pages are cached, by uv and on
# the way, and mirrors have copies of different ages. So a version that is not found is looked for again, past the
# cache, after each of the pauses (seconds). Every other failure ends this at once: where the index cannot be reached,
# refuses access or answers with a login page, a package has no versions at all.
set -eu
CDPATH='' cd "$(dirname "$0")/.."
pauses=${INSTALL_PAUSES:-2 10 20}
case $1 in
  *uv) refresh=--refresh ;;
  *) refresh=--no-cache-dir ;;
esac

development=
[ ! -f requirements-dev.lock ] || development="-r requirements-dev.lock"

install() {
  "$@" --require-hashes -r requirements.lock $development
}

# Without a terminal, because a question of pip would be caught here and wait for an answer unseen.
errors=$(install "$@" 2>&1 </dev/null) && exit 0
case $errors in
  *"User for "*) install "$@"; exit ;; # an index with a password: pip asks for it again, now to be seen
esac

has_no_versions() {
  case $errors in
    *"(from versions: none)"*) return 0 ;;
  esac
  # uv does not say whether there are other versions until it is asked for any.
  package=$(echo "$errors" | sed -n 's/.*there is no version of \([A-Za-z0-9._-]*\)==.*/\1/p' | head -n 1)
  [ -n "$package" ] || return 1
  case $(echo "$package" | "$1" pip compile --quiet --no-deps - 2>&1) in
    *"no versions of $package"*) ;;
    *) return 1 ;;
  esac
}

hint="if a version is gone, run 'make lock LOCK_ARGS=--upgrade'"
for pause in $pauses; do
  case $errors in
    *"there is no version of"* | *"No matching distribution found"*) ;;
    *) break ;;
  esac
  if has_no_versions "$1"; then
    hint="the package index names no version of a package at all: it may ask for a login; open its URL in a browser"
    break
  fi
  echo "warning: the package index does not know every version of the locks; asking again in $pause s" >&2
  sleep "$pause"
  errors=$(install "$@" "$refresh" 2>&1 </dev/null) && exit 0
done
echo "$errors" >&2
echo "error: the locked requirements could not be installed; $hint" >&2
exit 1

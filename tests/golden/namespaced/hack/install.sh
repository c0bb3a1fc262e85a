#!/bin/sh
# Installs what requirements.lock and requirements-dev.lock pin, each file with its hash checked. The virtual
# environment is made with it; `make` calls it.
#
#   usage: hack/install.sh INSTALL...    INSTALL is the command of uv or pip up to its requirements
#
# A package index may not know a version that it named when the locks were written: its pages are cached, by uv and on
# the way, and mirrors have copies of different ages. So a version that is not found is looked for again, past the
# cache, after each of the pauses (seconds). Every other failure ends this at once: where the index cannot be reached or
# refuses access, pip says of a package that it has no versions at all.
set -eu
CDPATH='' cd "$(dirname "$0")/.."
pauses=${INSTALL_PAUSES:-2 10 20}
case $1 in
  *uv) refresh=--refresh ;;
  *) refresh=--no-cache-dir ;;
esac

install() {
  "$@" --require-hashes -r requirements.lock -r requirements-dev.lock
}

# Without a terminal, because a question of pip would be caught here and wait for an answer unseen.
errors=$(install "$@" 2>&1 </dev/null) && exit 0
case $errors in
  *"User for "*) install "$@"; exit ;; # an index with a password: pip asks for it again, now to be seen
esac
for pause in $pauses; do
  case $errors in
    *"(from versions: none)"*) break ;;
    *"there is no version of"* | *"No matching distribution found"*) ;;
    *) break ;;
  esac
  echo "warning: the package index does not know every version of the locks; asking again in $pause s" >&2
  sleep "$pause"
  errors=$(install "$@" "$refresh" 2>&1 </dev/null) && exit 0
done
echo "$errors" >&2
echo "error: the locked requirements could not be installed; if a version is gone, run 'make lock LOCK_ARGS=--upgrade'" >&2
exit 1

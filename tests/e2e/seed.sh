#!/usr/bin/env bash
# From nothing to a manager pod that runs: the walk-through of operator-sdk, with kaiwuctl. `make e2e-seed` runs it.
#   CONTAINER_TOOL, BUILD_ARGS   as for a project's docker-build
#   E2E_LOAD                     a command that brings an image into the cluster; without it the image is pushed
set -euo pipefail
IMG=${IMG:-inspur/kaiwu-operator:v1}
CONTAINER_TOOL=${CONTAINER_TOOL:-docker}
BUILD_ARGS=${BUILD_ARGS:-}
folder=$(mktemp -d)
times="$folder/times"

step() {
  printf '\n$ %s\n' "$*"
  local began=$EPOCHREALTIME
  "$@"
  awk -v a="$began" -v b="$EPOCHREALTIME" -v what="$*" 'BEGIN {printf "%6.1f s  %s\n", b - a, what}' >> "$times"
}

cleanup() {
  status=$?
  [ -z "${running:-}" ] || kill "$running" 2>/dev/null || true
  if [ -d "$folder/kaiwu-operator" ]; then
    cd "$folder/kaiwu-operator"
    if [ $status != 0 ]; then
      kubectl -n kaiwu-operator-system describe pods || true
      kubectl -n kaiwu-operator-system logs deployment/kaiwu-operator-controller-manager --tail=100 || true
      kubectl -n kaiwu-operator-system get events || true
    fi
    make undeploy ignore-not-found=true >/dev/null 2>&1 || true
  fi
  rm -rf "$folder"
}
trap cleanup EXIT

if [ -n "$(kubectl get namespace kaiwu-operator-system --ignore-not-found --output=name)" ]; then
  echo "error: kaiwu-operator-system exists in this cluster; run make undeploy, or choose another cluster" >&2
  exit 1
fi

mkdir "$folder/kaiwu-operator"
cd "$folder/kaiwu-operator"
step kaiwuctl init --domain inspur.com --repo github.com/inspur/kaiwu-operator
step kaiwuctl create api --group kaiwu --version v1 --kind KaiwuCluster --resource=true --controller=true
step make generate
step make manifests
step make install
step kubectl get crd

# `make run` works in the foreground until it is stopped; here it is watched from beside and stopped again.
printf '\n$ make run &\n'
make run > run.log 2>&1 & running=$!
step kubectl apply -k config/samples
step kubectl wait --for=condition=Ready --timeout=60s kaiwucluster/kaiwucluster-sample
pkill -TERM -P "$running" || true
wait "$running" || true
running=
cat run.log
step kubectl delete -k config/samples

step make docker-build IMG="$IMG" CONTAINER_TOOL="$CONTAINER_TOOL" BUILD_ARGS="$BUILD_ARGS"
if [ -n "${E2E_LOAD:-}" ]; then step $E2E_LOAD "$IMG"; else step make docker-push IMG="$IMG"; fi
step make deploy IMG="$IMG"
step kubectl -n kaiwu-operator-system rollout status deployment/kaiwu-operator-controller-manager --timeout=120s
step kubectl get crd
step kubectl get po -n kaiwu-operator-system
kubectl get po -n kaiwu-operator-system | grep -Eq '1/1 +Running +0 '
step kubectl apply -k config/samples
step kubectl wait --for=condition=Ready --timeout=60s kaiwucluster/kaiwucluster-sample
step kubectl get kaiwuclusters -o wide
step kubectl delete -k config/samples
step make undeploy

printf '\nTime of each step:\n'
cat "$times"

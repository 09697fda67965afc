#!/usr/bin/env bash
# Fetches the programs that labgrade calls, in versions whose checksums stand here: a download is what was looked at
# when this line was written, or it is not used.
#
#   tools.sh [--missing] FOLDER     --missing: only those that are not on the PATH already
set -euo pipefail

only_missing=false
if [ "${1:-}" = --missing ]; then only_missing=true && shift; fi
folder=${1:?the folder to put the programs into}

case $(uname -s)-$(uname -m) in
  Linux-x86_64) machine=amd64 ;;
  Linux-aarch64 | Linux-arm64) machine=arm64 ;;
  *)
    echo "tools.sh: no checksums for $(uname -s) on $(uname -m): install kind, kubectl and helm yourself" >&2
    exit 3
    ;;
esac

# What `make` builds where there is no Docker has the same versions, so labs are proven with them.
readonly KIND=v0.33.0 KUBECTL=v1.36.3 HELM=v3.21.4
declare -rA SHA256=(
  [kind-amd64]=aee6151561422756b764a4ae28e7f44cda5af5a9eead3cc9985112b1de8d8e0d
  [kind-arm64]=20022bee6cfcd5086cb7234d218e3454e6090022f2a8f55d1fa7fcf42c3867a2
  [kubectl-amd64]=ebbd080e7c2e275093b55915722043257eb24004363e20acb3c4d71919f88336
  [kubectl-arm64]=3d86f24401c41ae5a46ac50eef8865fe891d3647d324a0836f6c63757a126e62
  [helm-amd64]=61f88ab166748cb19604d7884cb100ae9ccb13804ddeb98e08af167eacbb6a14
  [helm-arm64]=b54c04b4e0b2540bbdc08c17a121dab70e9a2ed0de5705528fec68a5fd3b85a7
)

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

wanted() { [ "$only_missing" = false ] || ! command -v "$1" >/dev/null; }

fetch() { # NAME ADDRESS: into $work/NAME, or the end
  curl --fail --silent --show-error --location --retry 3 --output "$work/$1" "$2"
  if ! echo "${SHA256[$1-$machine]}  $work/$1" | sha256sum --check --status; then
    echo "tools.sh: $2 is not what it was: its checksum is $(sha256sum <"$work/$1" | cut -d ' ' -f 1)" >&2
    exit 3
  fi
}

mkdir -p -- "$folder"
if wanted kind; then
  fetch kind "https://kind.sigs.k8s.io/dl/$KIND/kind-linux-$machine"
  install -m 755 "$work/kind" "$folder/kind"
fi
if wanted kubectl; then
  fetch kubectl "https://dl.k8s.io/release/$KUBECTL/bin/linux/$machine/kubectl"
  install -m 755 "$work/kubectl" "$folder/kubectl"
fi
if wanted helm; then
  fetch helm "https://get.helm.sh/helm-$HELM-linux-$machine.tar.gz"
  tar -xzf "$work/helm" -C "$work" "linux-$machine/helm"
  install -m 755 "$work/linux-$machine/helm" "$folder/helm"
fi

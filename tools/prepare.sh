#!/usr/bin/env bash
# Installs what a bare Debian-like machine lacks to run the tools, then the npm packages. Quick when nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v npm >/dev/null || missing+=(nodejs npm)
command -v go >/dev/null || missing+=(golang-go)
command -v pip >/dev/null || command -v pip3 >/dev/null || missing+=(python3-pip)
command -v curl >/dev/null || missing+=(curl)
command -v git >/dev/null || missing+=(git)
if ((${#missing[@]})); then
  if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "isthmus: please install ${missing[*]} (only root on a Debian-like system gets them installed automatically)" >&2
    exit 1
  fi
  echo "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# Not `npm ci`: it refuses a lockfile made where a registry lacks the optional packages of other platforms. The versions
# are those of the lockfile all the same, and neither file is written.
log=$(mktemp)
if ! npm install --no-save --no-audit --no-fund --prefer-offline --loglevel=error >"$log" 2>&1; then
  echo "isthmus: npm install failed:" >&2
  tail -n 20 "$log" >&2
  exit 1
fi
rm -f "$log"

# Go from 1.21 on fetches the toolchain that go.mod asks for by itself. Older ones cannot run it, but they can fetch it: it
# is a module like others. The module cache takes away the right to execute, hence the copy.
toolchain=v0.0.1-go1.26.0
minor=$(go env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
if [ "${minor:-0}" -lt 21 ]; then
  cache=${ISTHMUS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/isthmus}/go
  name=$toolchain.$(go env GOOS)-$(go env GOARCH)
  if [ ! -x "$cache/$name/bin/go" ]; then
    echo "fetching a newer Go than $(go env GOVERSION)"
    module=$(go mod download -json "golang.org/toolchain@$name" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
    if [ -z "$module" ]; then
      echo "isthmus: Go 1.21 or newer is needed, found $(go env GOVERSION), and a newer one could not be fetched as a module;" \
        "install it from go.dev and put it first on PATH" >&2
      exit 1
    fi
    rm -rf "$cache/$name.part"
    mkdir -p "$cache"
    cp -r "$module" "$cache/$name.part"
    chmod -R u+w "$cache/$name.part"
    chmod +x "$cache/$name.part"/bin/* "$cache/$name.part"/pkg/tool/*/*
    mv "$cache/$name.part" "$cache/$name"
  fi
  ln -sf "$cache/$name/bin/go" node_modules/.bin/go
fi
touch node_modules/.stamp

#!/usr/bin/env bash
# The web page: what is committed is what the source makes, its tests pass, and a real browser finds
# nothing wrong with it on three nodes. Screenshots are written to target/ui.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

missing=()
command -v npm >/dev/null || missing+=(nodejs npm)
command -v chromium >/dev/null || missing+=(chromium)
if [ ${#missing[@]} -gt 0 ]; then
    apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"
fi
npm ci --no-audit --no-fund --ignore-scripts
npm test
mkdir -p ../../target && rm -rf ../../target/ui-dist-committed
cp -r dist ../../target/ui-dist-committed
npm run build
if ! diff -r dist ../../target/ui-dist-committed; then
    rm -rf ../../target/ui-dist-committed
    echo "web/ui/check.sh: web/ui/dist is not what the source makes: commit the result of npm run build" >&2
    exit 1
fi
rm -rf ../../target/ui-dist-committed
npm run e2e

#!/usr/bin/env bash
# Every layout we ship passes "musterctl check", and musterd -n agrees.
set -eu
cd "$(dirname "$0")/.."
B=${B:-build}

set -- conf/*.yaml conf/examples/*.yaml
[ -f "$1" ] || { echo "no layouts in conf"; exit 1; }
"$B/musterctl" check "$@"
for layout; do
	"$B/musterd" -n -f "$layout" ||
	    { echo "musterd -n refuses $layout"; exit 1; }
done

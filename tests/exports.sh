#!/bin/sh
# The shared library exports what its version script lists, and that is what
# the public headers declare.  B is the build folder.
set -eu

lib=${B:-build}/libmuster.so
map=lib/libmuster.map
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

nm -D --defined-only "$lib" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
    sort >"$tmp/exported"
sed -n '/global:/,/local:/s/^[[:space:]]*\(muster_[a-z0-9_]*\);.*/\1/p' "$map" |
    sort >"$tmp/listed"
# Comments go first; then every muster_ word before a parenthesis is declared.
for header in lib/muster/*.h; do
	sed -e 's|/\*.*\*/||g' -e '/\/\*/,/\*\//d' "$header"
done | grep -o 'muster_[a-z0-9_]*(' | tr -d '(' | sort -u >"$tmp/declared"

status=0
compare()
{
	if ! diff "$tmp/$1" "$tmp/$2" >"$tmp/diff"; then
		echo "$1 (<) and $2 (>) differ:"
		grep '^[<>]' "$tmp/diff"
		status=1
	fi
}
compare listed exported
compare listed declared
[ "$status" -ne 0 ] || echo "$(wc -l <"$tmp/listed") functions exported"
exit $status

#!/bin/sh
# Run the drivers of golden vectors and add up what they say.
#
#   vectors.sh DIR PROGRAM...    DIR may be empty: our own vectors
#
# Each program prints its failures and, last, "N passed, N failed".  So do we;
# a program that ends without that line counts as one failure.
set -u

dir=$1
shift
passed=0
failed=0
if [ -n "$dir" ] && [ ! -d "$dir" ]; then
	echo "vectors.sh: no such folder: $dir" >&2
	exit 2
fi
for program in "$@"; do
	name=${program##*/}
	output=$("$program" ${dir:+"$dir"})
	status=$?
	last=$(printf '%s\n' "$output" | tail -n 1)
	printf '%s\n' "$output" | sed '$d'
	score=$(printf '%s\n' "$last" |
	    sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p')
	if [ -z "$score" ]; then
		printf '%s\n%s: ended with status %d and no score\n' \
		    "$last" "$name" "$status"
		score='0 1'
	fi
	printf '%s: %s\n' "$name" "$last"
	passed=$((passed + ${score% *}))
	failed=$((failed + ${score#* }))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]

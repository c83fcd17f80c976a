#!/usr/bin/env bash
#
# Let libFuzzer look for new inputs: `make fuzz TIME=60` calls it.
#
#   tests/fuzz.sh SECONDS NAME...
#
# New inputs go to a folder below B; one that crashes becomes a file in
# tests/fuzz/corpus/NAME once the fault is mended.
set -u
cd "$(dirname "$0")/.." || exit 1
seconds=$1
shift
passed=0 failed=0
for name in "$@"; do
	found=$B/corpus/$name
	mkdir -p "$found" "$B/crashes"
	if "$B/tests/fuzz_$name" -max_total_time="$seconds" -timeout=10 \
	    -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
	    -artifact_prefix="$B/crashes/$name-" \
	    "$found" "tests/fuzz/corpus/$name" >"$B/crashes/$name.log" 2>&1
	then
		passed=$((passed + 1))
		echo "ok $name ($(sed -n 's/^stat::number_of_executed_units: *//p' \
		    "$B/crashes/$name.log") inputs)"
	else
		failed=$((failed + 1))
		echo "FAIL $name: see $B/crashes/$name.log"
		tail -n 40 "$B/crashes/$name.log" | sed 's/^/    /'
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

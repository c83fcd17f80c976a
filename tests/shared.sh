#!/usr/bin/env bash
# Where the recordings that our copies come from lie beside the checkout, the
# copies are still the same: tests/golden and tests/data.
set -eu
cd "$(dirname "$0")/.."
shared=${MUSTER_SHARED:-../shared}
[ -d "$shared/vectors" ] || {
	echo "skipped: no $shared to compare with"
	exit 77
}
differ=0

# plain FILE: its contents, unpacked
plain() {
	case $1 in
	*.gz)	gzip -dc "$1" ;;
	*)	cat "$1" ;;
	esac
}

# same COPY ORIGINAL
same() {
	if ! cmp -s <(plain "$1") <(plain "$2"); then
		echo "$1 is not what $2 holds"
		differ=1
	fi
}

compared=0
while read -r copy; do
	name=${copy#tests/golden/}
	for original in "$shared/vectors/$name" "$shared/vectors/${name%.gz}" \
	    "$shared/vectors/$name.gz"; do
		if [ -f "$original" ]; then
			same "$copy" "$original"
			compared=$((compared + 1))
			break
		fi
	done
done < <(find tests/golden -type f | sort)
if command -v jq >/dev/null && [ -f "$shared/data/events/sample.jsonl" ]; then
	jq -r -f tests/data/pick.jq "$shared/data/events/sample.jsonl" |
	    cmp -s - tests/data/events.jsonl || {
		echo "tests/data/events.jsonl is not picked from sample.jsonl"
		differ=1
	}
	compared=$((compared + 1))
fi
while read -r copy; do
	original=$shared/data/${copy#tests/data/}
	[ -f "$original" ] || original=${original%.gz}
	if [ -f "$original" ]; then
		same "$copy" "$original"
		compared=$((compared + 1))
	elif [ -d "$shared/data/zeek-logs" ]; then
		echo "$copy is a copy of nothing"
		differ=1
	fi
done < <(find tests/data/zeek-logs -type f | sort)
echo "$compared files compared"
[ "$compared" -gt 0 ] && [ "$differ" -eq 0 ]

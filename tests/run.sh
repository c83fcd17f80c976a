#!/usr/bin/env bash
#
# Runs the tests and says one line about each; `make check` calls it.
#
#   B                 where programs were built
#   T                 run only tests whose name matches this pattern
#   MUSTER_SANITIZED  1 if the programs carry sanitizers: more time for each
#
# A test is a program or script that exits 0, or 77 with its last line saying
# why it was skipped.  It runs in the top folder with a TMPDIR of its own and
# may take five minutes; a line "# time limit: 900 s" near its top gives more.
# That is ten times what it needs: the limits are for tests that never end.
# The last line is "N passed, N failed" and the exit status 1 if any failed.
set -u
# libcheck gives a case four seconds, and some ask for a minute, which a busy
# machine may need: the limit per program below is the one that counts.
export CK_DEFAULT_TIMEOUT="${CK_DEFAULT_TIMEOUT:-60}"
export CK_TIMEOUT_MULTIPLIER="${CK_TIMEOUT_MULTIPLIER:-10}"
export LC_ALL=C
cd "$(dirname "$0")/.." || exit 1
B=${B:-build}
T=${T:-}
TMPDIR=${TMPDIR:-/tmp}
export B MUSTER_TESTS=${MUSTER_TESTS:-tests}
export MUSTER_SANITIZED=${MUSTER_SANITIZED:-0}
# Tests that call make start one of their own.
unset MAKEFLAGS MAKELEVEL MFLAGS

limit=300
sim_limit=900
if [ "$MUSTER_SANITIZED" = 1 ]; then
	limit=1200 sim_limit=3600
	export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}
	export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
fi

# The names of sockets below it have 107 characters at most.
if [ "${#TMPDIR}" -gt 32 ]; then
	echo "TMPDIR is a long name: /tmp is used"
	TMPDIR=/tmp
fi
work=$(mktemp -d "$TMPDIR/mc.XXXXXX") || exit 1
chmod 711 "$work"
export MUSTER_PORTS=$work/ports # given out: tests run at the same time
trap 'rm -rf "$work"' EXIT
trap 'kill "${!running[@]}" 2>/dev/null; wait; exit 130' INT TERM HUP
started=$EPOCHREALTIME
count=0
declare -A running=() # process ids of tests that have not ended

# seconds SINCE: elapsed time as "1.2 s"
seconds() {
	awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f s", b - a }'
}

# one NUMBER NAME LIMIT COMMAND...: run a test and print its line at once
one() {
	local number=$1 name=$2 seconds=$3 dir=$work/$1 since rc line child
	shift 3
	mkdir "$dir" && chmod 711 "$dir"
	since=$EPOCHREALTIME
	# In the background, because only "wait" lets a trap act at once.
	TMPDIR=$dir timeout -k 10 "$seconds" "$@" \
	    >"$work/out.$number" 2>&1 </dev/null &
	child=$!
	trap 'kill $child; wait; exit 1' TERM
	wait $child
	rc=$?
	case $rc in
	0)	echo pass >"$work/result.$number"
		line="ok $name ($(seconds "$since"))" ;;
	77)	echo skip >"$work/result.$number"
		line="skip $name: $(tail -n 1 "$work/out.$number" |
		    sed 's/^skipped: //')" ;;
	*)	echo fail >"$work/result.$number"
		line="FAIL $name ($(seconds "$since"), $(reason $rc "$seconds"))
$(grep -m 1 '^FAILED' "$work/out.$number" | sed 's/^/    /')
$(tail -n 60 "$work/out.$number" | sed 's/^/    /')" ;;
	esac
	printf '%s\n' "$line"
	rm -rf "$dir"
}

reason() {
	case $1 in
	124|137) echo "no end after $2 s" ;;
	*)	echo "status $1" ;;
	esac
}

# limit_of FILE: the time a script asks for, else the default
limit_of() {
	local own
	own=$(sed -n '1,20s/^# time limit: \([0-9][0-9]*\) s$/\1/p' "$1")
	[ -n "$own" ] || { echo "$limit"; return; }
	echo $((MUSTER_SANITIZED == 1 ? own * 4 : own))
}

# test PARALLEL NAME LIMIT COMMAND...: at most PARALLEL at a time
test_it() {
	local parallel=$1 name=$2
	case $name in
	*${T}*) ;;
	*)	return ;;
	esac
	while [ "${#running[@]}" -ge "$parallel" ]; do
		wait -n -p ended "${!running[@]}"
		unset "running[$ended]"
	done
	count=$((count + 1))
	shift
	one "$count" "$@" &
	running[$!]=1
}

# Everything started so far ends before what comes next.
settle() {
	wait
	running=()
}

for program in "$B"/tests/check_*; do
	if [ -f "$program" ] && [ -x "$program" ]; then
		test_it 2 "unit/$(basename "$program")" "$limit" "$program"
	fi
done
for program in "$B"/tests/fuzz_*; do
	if [ -f "$program" ] && [ -x "$program" ]; then
		name=$(basename "$program")
		test_it 2 "fuzz/${name#fuzz_}" "$limit" "$program" \
		    "$MUSTER_TESTS/fuzz/corpus/${name#fuzz_}"
	fi
done
for program in "$B"/tests/vectors_*; do
	if [ -f "$program" ] && [ -x "$program" ]; then
		name=$(basename "$program")
		test_it 2 "vectors/${name#vectors_}" "$limit" \
		    tests/vectors.sh '' "$program"
	fi
done
settle
while read -r script when; do
	case $script in
	''|'#'*) continue ;;
	esac
	if [ "$MUSTER_SANITIZED" = 1 ] && [ "$when" = once ]; then
		continue
	fi
	if [ -f "tests/$script" ]; then
		time=$(limit_of "tests/$script")
	else
		time=$limit # and it fails, because it is not there
	fi
	test_it 1 "${script%.sh}" "$time" "tests/$script"
done <tests/list.txt
settle
if [ -x "$B/tests/sim" ]; then
	test_it 1 sim "$sim_limit" "$B/tests/sim"
	settle
fi
for script in tests/cluster/[0-9]*.sh; do
	if [ -f "$script" ]; then
		test_it 2 "cluster/$(basename "$script" .sh)" \
		    "$(limit_of "$script")" "$script"
	fi
done
settle

passed=$(cat "$work"/result.* 2>/dev/null | grep -c pass)
failed=$(cat "$work"/result.* 2>/dev/null | grep -c fail)
skipped=$(cat "$work"/result.* 2>/dev/null | grep -c skip)
# A test that could not even leave a result has failed too.
failed=$((failed + count - passed - failed - skipped))
echo "took $(seconds "$started")"
more=
if [ "$skipped" -gt 0 ]; then
	more=", $skipped skipped"
fi
if [ "$count" -eq 0 ]; then
	echo "no test matches \"$T\""
	failed=1
fi
echo "$passed passed, $failed failed$more"
[ "$failed" -eq 0 ]

#!/usr/bin/env bash
# time limit: 900 s
# What a master and a clone on LMDB hold in memory does not depend on how many
# entries there are; a copy is fetched in pieces while others write, says how
# far it is, and goes on after a cut and after a restart.
#
# ENTRIES=10000000 SMALL=1000000 asks for the full size (make large).
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.sh"

ENTRIES=${ENTRIES:-200000}
SMALL=${SMALL:-20000}
MANY_S=$((60 + ENTRIES / 10000)) # generous, also for a busy disk

# Anonymous resident memory of a node, kB.  Memory mapped files are pages of
# the file, which the kernel takes back when it needs them.
anon() {
	awk '/^RssAnon:/ { print $2 }' "/proc/${PID[$1]}/status"
}

# The most seen of it, by node.
declare -A MOST=()
note() {
	local node now
	for node in manager worker-1; do
		now=$(anon "$node" 2>/dev/null) || continue
		if [ "${now:-0}" -gt "${MOST[$node]:-0}" ]; then
			MOST[$node]=$now
		fi
	done
}

# The clone's state, and its entries.
state() {
	field worker-1 stores '.stores[0].state' 2>/dev/null || :
}
entries() {
	field worker-1 stores '.stores[0].entries' 2>/dev/null || echo 0
}
at_least() {
	note
	[ "$(entries)" -ge "$1" ]
}
is_fresh() {
	note
	[ "$(state)" = fresh ]
}

# in_steps COMMAND...: does it succeed when the master has worked for another
# moment?  It stands still meanwhile and afterwards.
in_steps() {
	thaw manager
	pause 0.03
	freeze manager
	"$@"
}

# begin ENTRIES: a master with so many
begin() {
	local folder=$T/var/lib/muster/manager/stores
	rm -rf "${T:?}/var"
	mkdir -p "$folder"
	chmod -R go= "$T/var/lib/muster/manager"
	"$B/tests/storefill" "$folder" s "$1" >"$T/filled"
	MOST=()
	start manager
	until_true "$MANY_S" is manager stores ".stores[0].entries == $1"
}

ports 1
cat >"$LAYOUT" <<END
cluster: large
nodes:
  manager:  {role: manager, host: 127.0.0.1, port: ${P[0]}}
  worker-1: {role: worker, host: 127.0.0.1}
stores:
  s: {backend: lmdb, clone_backend: lmdb}
END
certificates

say "$SMALL entries"
begin "$SMALL"
start worker-1
until_true "$MANY_S" is_fresh
at_least "$SMALL" || fail "only $(entries) entries"
until_true 30 rests manager
until_true 30 rests worker-1
small_manager=${MOST[manager]} small_worker=${MOST[worker-1]}
stop worker-1 manager

say "$ENTRIES entries, in pieces"
begin "$ENTRIES"
echo "  $(cat "$T/filled")"
begun=$EPOCHREALTIME
start worker-1
until_true "$MANY_S" in_steps at_least $((ENTRIES / 20))
case $(state) in
'attaching '[0-9]*' %') ;;
*) fail "no progress is shown: $(state)" ;;
esac

say 'the master is killed: the copy goes on where it was'
had=$(entries)
[ "$had" -lt "$ENTRIES" ] || fail 'it was faster than this test'
kill9 manager
start manager
until_true "$MANY_S" in_steps at_least $((had + 1))

say 'the clone is killed: it goes on with what its disk has'
until_true "$MANY_S" in_steps at_least $((ENTRIES / 4))
on_disk() { # it writes once a second
	[ "$(stat -c %s "$T/var/lib/muster/worker-1/clones/s/data.mdb")" -gt \
	    $((ENTRIES / 6 * 130)) ]
}
until_true 20 on_disk
had=$(entries)
[ "$had" -lt "$ENTRIES" ] || fail 'it was faster than this test'
kill9 worker-1
start worker-1
attaching() {
	case $(state) in
	'attaching '*) ;;
	*) false ;;
	esac
}
until_true 30 in_steps attaching
percent=$(state)
percent=${percent#attaching }
[ "${percent% %}" -ge 12 ] || fail "it begins again: $percent"
thaw manager

say 'others write meanwhile'
for i in $(seq 5000); do
	echo "{\"key\":\"meanwhile$i\",\"value\":\"count:$i\"}"
done >"$T/pairs"
ctl manager store restore s -q <"$T/pairs"
note
until_true "$MANY_S" is_fresh
ended=$EPOCHREALTIME
whole() {
	note
	[ "$(entries)" -eq $((ENTRIES + 5000)) ]
}
until_true 20 whole
until_true 10 says worker-1 meanwhile5000 5000
is manager stores ".stores[0].entries == $((ENTRIES + 5000))" ||
    fail "$(ctl manager stores)"
awk -v a="$begun" -v b="$ended" 'BEGIN {
	printf "  whole after %.1f s, with two kills\n", b - a }'

say 'what they needed'
for node in manager worker-1; do
	case $node in
	manager) before=$small_manager ;;
	*) before=$small_worker ;;
	esac
	grown=$((MOST[$node] - before))
	echo "  $node: ${MOST[$node]} kB, $grown more than with $SMALL entries"
	# History for whoever lags, and what waits for the disk.  Sanitizers
	# keep freed memory for a while.
	[ "${MUSTER_SANITIZED:-0}" = 1 ] || [ $grown -le 20480 ] ||
	    fail "$node grows with the store"
done
stat -c %s "$T"/var/lib/muster/*/*/s/data.mdb | awk -v n="$ENTRIES" '{
	printf "  %.0f bytes of file for each entry\n", $1 / n }'

say 'whole, it resumes by number'
kill9 worker-1
start worker-1
until_true "$MANY_S" is_fresh
[ "$(entries)" -eq $((ENTRIES + 5000)) ] || fail "$(ctl worker-1 stores)"
until_true 30 rests manager
until_true 30 rests worker-1

#!/usr/bin/env bash
# A disk that fails for a while, in three ways, under a store that syncs with
# each commit and one that syncs within a time: writes are refused with the
# reason, reads go on, and what was acknowledged is there when the disk works
# again, and after kill -9.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.sh"

ports 1
cat >"$LAYOUT" <<END
cluster: two
tls: none
nodes:
  manager:  {role: manager, host: 127.0.0.1, port: ${P[0]}}
  worker-1: {role: worker, host: 127.0.0.1}
stores:
  commit: {backend: lmdb}
  within: {backend: lmdb, sync: 50 ms}
END
export SLOWDISK_PATH=/stores/ SLOWDISK_FAIL=$T/fail
start_slow manager
start worker-1
await started manager worker-1
fresh commit manager worker-1
fresh within manager worker-1

# state STORE STATE: at the manager
state() {
	is manager stores \
	    ".stores[] | select(.name == \"$1\") | .state == \"$2\""
}
# synced STORE: nothing waits for the disk
synced() {
	is manager stores \
	    ".stores[] | select(.name == \"$1\") | .unsynced == 0"
}
# put_at NODE STORE KEY: it works now
put_at() {
	ctl "$1" store put "$2" "$3" "value of $3" --timeout 20s 2>"$T/err"
}
acked=()

for how in syncs writes metadata; do
	say "$how fail"
	for store in commit within; do
		done_at worker-1 put $store "before-$how" "value of before-$how"
		acked+=("$store before-$how")
	done
	until_true 10 synced within
	echo "$how" >"$T/fail"

	# Each is refused, and nothing of it happens.
	outcome 2 manager put commit "no-$how" x
	has "$T/err" 'backend failure' || fail "why: $(cat "$T/err")"
	outcome 2 worker-1 put commit "no-$how" x
	missing manager "no-$how" commit || fail 'a refused write happened'
	until_true 10 state commit failing

	# Acknowledged until the disk is known to fail, refused from then on.
	n=0
	while put_at manager within "during-$how-$n"; do
		acked+=("within during-$how-$n")
		n=$((n + 1))
		[ $n -lt 1000 ] || fail 'writes go on without a disk'
	done
	has "$T/err" 'backend failure' || fail "why: $(cat "$T/err")"
	[ $n -gt 0 ] || fail 'nothing was acknowledged before its sync'
	until_true 10 state within failing
	ctl manager status | grep -q 'store within (master): failing: ' ||
	    fail "status: $(ctl manager status)"
	is worker-1 status '.state == "started"' || fail 'the cluster suffers'
	for node in manager worker-1; do
		for store in commit within; do
			says $node "before-$how" "value of before-$how" \
			    $store || fail "$node cannot read $store"
		done
		until_true 5 says $node "during-$how-0" \
		    "value of during-$how-0" within
	done

	say 'the disk works again'
	rm "$T/fail"
	until_true 10 put_at manager commit "after-$how"
	until_true 10 put_at worker-1 within "after-$how"
	acked+=("commit after-$how" "within after-$how")
	until_true 10 state commit fresh
	until_true 10 state within fresh
done

say 'what was acknowledged survives kill -9'
until_true 10 synced within
kill9 manager
start_slow manager
await restored manager worker-1
fresh commit manager worker-1
fresh within manager worker-1
for entry in "${acked[@]}"; do
	says manager "${entry#* }" "value of ${entry#* }" "${entry% *}" ||
	    fail "$entry is lost"
done
until_true 10 same manager worker-1 commit
for how in syncs writes metadata; do
	missing manager "no-$how" commit || fail 'a refused write came back'
done

#!/usr/bin/env bash
# put-unique: all nodes try at once, one wins, everybody is told which; again
# and again.  Increments of all nodes at once: none is lost.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.sh"

nine_nodes 'stores: {s: {backend: lmdb}}'
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
# shellcheck disable=SC2086
fresh s $NODES

# all ARGUMENT...: at every node at once; NODE stands for its name
all() {
	local node pids=() p
	for node in $NODES; do
		{
			rc=0
			ctl "$node" store "${@//NODE/$node}" \
			    >/dev/null 2>"$T/$node.err" || rc=$?
			echo "$rc" >"$T/$node.rc"
		} &
		pids+=($!)
	done
	for p in "${pids[@]}"; do
		wait "$p"
	done
}

say 'races for a key'
for round in 1 2 3 4 5; do
	all put-unique s "race-$round" NODE
	winner=
	for node in $NODES; do
		case $(cat "$T/$node.rc") in
		0)
			[ -z "$winner" ] || fail "$winner and $node won"
			winner=$node
			;;
		1) ;;
		*) fail "$node: $(cat "$T/$node.err")" ;;
		esac
	done
	[ -n "$winner" ] || fail 'nobody won'
	for node in $NODES; do
		until_true 5 says "$node" "race-$round" "$winner"
	done
	echo "  $round: $winner"
done

say 'increments are not lost'
for round in 1 2 3; do
	all increment s counter
done
for node in $NODES; do
	[ "$(cat "$T/$node.rc")" -eq 0 ] || fail "$(cat "$T/$node.err")"
	until_true 5 says "$node" counter 27
done

say 'compare and swap: one wins each round'
done_at manager put s turn 0
for round in 0 1 2; do
	all put-if s turn "$round" $((round + 1))
	wins=0
	for node in $NODES; do
		[ "$(cat "$T/$node.rc")" -ne 0 ] || wins=$((wins + 1))
	done
	[ $wins -eq 1 ] || fail "round $round: $wins winners"
done

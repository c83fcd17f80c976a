#!/bin/bash
# Two loggers, four writers; while they write, loggers are killed, stopped,
# frozen and started again at random: each accepted record is on disk exactly
# once, and the counters of all nodes add up.
#
# LOG_ROUNDS=100 writes 200000 records; LOG_SEED chooses another story.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sending.sh"

ROUNDS=${LOG_ROUNDS:-15}
EACH=500 # records per writer and round
RANDOM=${LOG_SEED:-4711}
WRITERS='worker-1 worker-2 worker-3 worker-4'

nine_nodes 'tls: none
logs: {rotate: never, batch_interval: 100 ms, failover: 1 h}
limits: {ping: 500 ms, dead: 1500 ms}'
start $NODES
await started $NODES

# What happens to a logger, by the state it is in.
declare -A IS=([logger-1]=up [logger-2]=up)
happens() {
	local logger=$1
	case ${IS[$logger]}$((RANDOM % 4)) in
	up0)	kill9 "$logger"; IS[$logger]=down ;;
	up1)	await listening "$logger"
		stop "$logger"; IS[$logger]=down ;;
	up2)	freeze "$logger"; IS[$logger]=frozen ;;
	up*)	kill9 "$logger"; start "$logger" ;;
	down*)	start "$logger"; IS[$logger]=up ;;
	frozen0) kill9 "$logger"; IS[$logger]=down ;;
	frozen*) thaw "$logger"; IS[$logger]=up ;;
	esac
}

say "$ROUNDS rounds: each of four writes $EACH records"
for ((round = 0; round < ROUNDS; round++)); do
	jobs=()
	for w in 1 2 3 4; do
		ship "worker-$w" "Kill$w::LOG" $((round * EACH + 1)) \
		    $(((round + 1) * EACH)) "$T/ship-$w.out" &
		jobs+=($!)
	done
	happens "logger-$((RANDOM % 2 + 1))"
	for job in "${jobs[@]}"; do
		wait "$job" || fail "round $round: $(cat "$T"/ship-*.out)"
	done
done

say 'all loggers are back: everything arrives'
for logger in logger-1 logger-2; do
	case ${IS[$logger]} in
	down)	start "$logger" ;;
	frozen)	thaw "$logger" ;;
	esac
done
await connected $NODES
until_true 60 delivered $NODES

say 'each record is there once, and the counters add up'
total=$((ROUNDS * EACH))
for w in 1 2 3 4; do
	once 1 "$total" "kill$w"
	[ "$(sender "worker-$w" ".streams[] | select(.path == \"kill$w\") |
	    [.accepted, .delivered, .waiting, .dropped] | @csv")" = \
	    "$total,$total,0,0" ] || fail "worker-$w counts otherwise"
done
for node in $WRITERS; do
	sender_is "$node" '.spool | .accepted + .found ==
	    .delivered + .waiting + .dropped and
	    .doubtful == 0 and .damaged == 0 and .refused == 0' ||
	    fail "$node: $(sender "$node" '.spool | tojson')"
done

say 'the loggers counted all of it, over all their lives'
# counted LOGGER: what it says it wrote is what is there
counted() {
	local there
	there=$(cat "$T/var/log/muster/$1/logs"/*.log | lines - '^[^#]')
	is "$1" logs ".logger.ever_records == $there and
	    .logger.records <= .logger.ever_records and
	    .logger.since_ms >= .logger.ever_since_ms"
}
until_true 20 counted logger-1
until_true 20 counted logger-2

say 'so are the lines of the other nodes own cluster.log'
all_cluster() { # NODE
	grep -v '^#' "$(log_of "$1" cluster)" | sort >"$T/want"
	records cluster | awk -F'\t' -v node="$1" '$2 == node' |
	    sort >"$T/have"
	cmp "$T/want" "$T/have"
}
for node in manager proxy-1 $WRITERS; do
	patiently 20 all_cluster "$node" ||
	    fail "$node: $(diff "$T/want" "$T/have")"
done

say 'and those of their broker.log'
all_broker() {
	local node
	for node in manager proxy-1 $WRITERS; do
		grep -v '^#' "$(log_of "$node" broker)"
	done | sort >"$T/want"
	records broker | sort >"$T/have"
	[ -z "$(comm -23 "$T/want" "$T/have")" ]
}
until_true 20 all_broker
[ "$(wc -l <"$T/want")" -gt 10 ] || fail 'there are hardly any'
[ "$(wc -l <"$T/have")" -eq "$(sort -u "$T/have" | wc -l)" ] ||
    fail "twice: $(uniq -d "$T/have" | head)"
stop $NODES

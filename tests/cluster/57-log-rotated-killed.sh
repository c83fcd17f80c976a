#!/usr/bin/env bash
# Loggers that rotate by time and size and compress are killed, told to reopen
# and to reload at any moment, under load: each accepted record is in the files
# once, and the loggers have counted exactly these.
#
# LOG_ROUNDS=50 is a longer story, LOG_SEED another one.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/logs.sh"

ROUNDS=${LOG_ROUNDS:-8}
RANDOM=${LOG_SEED:-4712}
ports 3
cat >"$LAYOUT" <<END
cluster: logs
tls: none
nodes:
  manager:  {role: manager, port: ${P[0]}}
  logger-1: {role: logger, port: ${P[1]}}
  logger-2: {role: logger, port: ${P[2]}}
  worker-[1-2]: {role: worker}
logs: {flush: 20 ms, batch_interval: 50 ms, batch_records: 50, rotate: 1 s,
  rotate_size: 4 KiB, compress: gzip, failover: 1 h}
limits: {ping: 500 ms, dead: 1500 ms}
END
start manager logger-1 logger-2 worker-1 worker-2
await started manager worker-1 worker-2

# ship WORKER: 200 records at a time until the file "enough" is there
ship() {
	local n=0
	while [ ! -e "$T/enough" ]; do
		records "$T/in-$1" $n 200
		ctl "$1" -q log write Test::LOG "$T/in-$1" --path "$1" ||
		    echo "from $n" >>"$T/refused"
		n=$((n + 200))
		echo $n >"$T/n-$1"
		pause
	done
}

say "$ROUNDS rounds"
ship worker-1 &
jobs=($!)
ship worker-2 &
jobs+=($!)
for ((round = 0; round < ROUNDS; round++)); do
	logger=logger-$((round % 2 + 1))
	kill9 "$logger"
	pause 0.$((RANDOM % 3))
	start "$logger"
	await listening "$logger"
	for ((i = 0; i < 3; i++)); do
		case $((RANDOM % 3)) in
		0)	kill -USR1 "${PID[$logger]}" ;;
		1)	kill -HUP "${PID[$logger]}" ;;
		esac
		pause 0.$((RANDOM % 6))
	done
done
touch "$T/enough"
wait "${jobs[@]}"
[ ! -e "$T/refused" ] || fail "refused: $(cat "$T/refused")"

say 'everything arrives, is rotated and compressed'
for node in manager worker-1 worker-2; do
	until_true 60 is $node logs '.sender.spool.waiting == 0 and
	    .sender.spool.collected == 0'
done
# packed LOGGER: nothing else is there, it has nothing to do, and it has counted
# what is there
packed() {
	local dir there
	dir=$(logs_dir "$1")
	! ls "$dir"/*.log && ! ls "$dir"/.tmp.* || return 1
	there=$(zcat "$dir"/*.log.gz | lines - '^[^#]')
	is "$1" logs ".logger.post_waiting + .logger.post_running +
	    .logger.waiting_records == 0 and .logger.post_plain == 0 and
	    all(.logger.streams[]; .size == 0) and
	    .logger.ever_records == $there"
}
for logger in logger-1 logger-2; do
	patiently 30 packed $logger ||
	    fail "$logger: $(ls "$(logs_dir $logger)"), $(field $logger logs .logger)"
done

say 'each record is there once'
for worker in worker-1 worker-2; do
	once "$(cat "$T/n-$worker")" $worker logger-1 logger-2
	echo "  ($(cat "$T/n-$worker") of $worker)"
done

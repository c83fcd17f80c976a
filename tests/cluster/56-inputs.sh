#!/usr/bin/env bash
# Followed files: whatever happens to them (rotation, truncation, half lines)
# and to the node (kill -9), each line reaches the logger exactly once.
set -eu
. "$(dirname "$0")/lib.sh"

five_nodes 'logs: {batch_interval: 100 ms, rotate: never}
inputs:
  - {file: "in/{node}.log", stream: App::LOG, on: [worker-1], poll: 100 ms}
  - {file: in/second.json, stream: Second::LOG, on: [worker-1], poll: 100 ms,
     format: json, types: [n:count]}
  - {file: in/door.json, stream: Door::LOG, on: [worker-2], poll: 100 ms,
     format: json, types: [n:count, open:bool]}'
certificates
mkdir "$T/in"
f=$T/in/worker-1.log
out=$T/var/log/muster/logger-1/logs

header() {
	printf '#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n'
	printf '#unset_field\t-\n#path\tapp\n#open\t%s\n' "$(now_ms)"
	printf '#fields\tn\ts\n#types\tcount\tstring\n'
}

n=0
# more N: so many lines
more() {
	seq "$((n + 1))" "$((n + $1))" | sed 's/$/	line/' >>"$f"
	n=$((n + $1))
}

# all: every number is there, once, in order; a logger that stops rotates
all() {
	cmp -s <(seq 1 "$n") <(cat "$out"/app.*.log "$out/app.log" 2>/dev/null |
	    grep '^[0-9]' | cut -f1)
}

# another_more N: so many lines of another file that the same node follows
another=0
another_more() {
	seq "$((another + 1))" "$((another + $1))" | sed 's/.*/{"n":&}/' \
	    >>"$T/in/second.json"
	another=$((another + $1))
}
another_all() {
	cmp -s <(seq 1 "$another") <(cat "$out"/second.*.log "$out/second.log" \
	    2>/dev/null | grep '^[0-9]')
}

# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES

say 'a file that is not there yet, and grows'
until_true 10 has "$T/worker-1.out" 'there is no such file yet'
header >"$f"
more 1000
until_true 20 all
more 10
until_true 20 all

say 'half a line is waited for'
printf '%s\tli' "$((n + 1))" >>"$f"
never 0.5 has_lines "$((n + 1))" "$out/app.log" '^[0-9]'
printf 'ne\n' >>"$f"
n=$((n + 1))
until_true 20 all

say 'rotation, with a last line that has no end'
printf '%s\tline' "$((n + 1))" >>"$f"
n=$((n + 1))
mv "$f" "$T/in/old-1"
header >"$f"
more 100
until_true 20 all
has "$T/worker-1.out" 'was rotated after line' || fail 'it is not said'

say 'truncation of what was read'
header >"$f"
more 50
until_true 20 all
until_true 10 has "$T/worker-1.out" 'was truncated'

say 'kill -9, again and again, while it is written, renamed, rotated'
for round in 1 2 3 4 5; do
	more 4000
	another_more 300
	# the file was noticed, and is being read
	until_true 20 has_lines "$((n - 3900))" "$out/app.log" '^[0-9]'
	case $round in
	2 | 4)	mv "$f" "$T/in/old-2-$round"
		header >"$f"
		more 300 ;;
	esac
	kill9 worker-1
	more 20
	another_more 20
	if [ "$round" = 3 ]; then # rotated while the node is down
		mv "$f" "$T/in/old-3"
		header >"$f"
		more 30
	fi
	start worker-1
done
await started worker-1
until_true 40 all
until_true 40 another_all

say 'wrong lines are said and passed over'
printf 'x\tline\n' >>"$f"
more 5
until_true 20 all
until_true 10 has "$T/worker-1.out" "field n: 'x' is no count"

say 'logs shows how far it is'
ctl worker-1 logs >"$T/logs"
has "$T/logs" "$f" || fail "$(cat "$T/logs")"
is worker-1 logs '.sender.inputs[0] | .state == "following" and
    .path == "app" and .wrong == 1 and .lost == 0 and .lag_bytes == 0' ||
    fail "$(ctl worker-1 logs --json)"

say 'JSON lines on another node'
for i in 1 2 3; do
	echo "{\"n\":$i,\"open\":true}"
done >"$T/in/door.json"
until_true 20 has_lines 3 "$out/door.log" '^[123]	T$'

say 'a reload takes files away and brings others'
sed -i 's|in/door.json|in/gate.json|' "$LAYOUT"
ctl worker-2 -q reload
echo '{"n":4,"open":false}' >"$T/in/gate.json"
until_true 20 has_lines 1 "$out/door.log" '^4	F$'
echo '{"n":5,"open":false}' >>"$T/in/door.json"
never 0.5 has_lines 1 "$out/door.log" '^5	F$'

say 'what is no file is not followed, and not concealed'
gate=$T/in/gate.json
mv "$gate" "$T/in/gate-1"
mkdir "$gate"
until_true 20 is worker-2 logs '.sender.inputs[0].error ==
    "what has its name now: it is no regular file"'
echo '{"n":6,"open":false}' >>"$T/in/gate-1" # whoever writes still has it
until_true 20 has_lines 1 "$out/door.log" '^6	F$'
rmdir "$gate"
mkfifo "$gate"
rm "$gate"
echo '{"n":7,"open":false}' >"$gate"
until_true 20 has_lines 1 "$out/door.log" '^7	F$'
is worker-2 logs '.sender.inputs[0].error == null' || fail 'it says so still'
# once more if it saw that nothing had the name, and then the other
said=$(lines "$T/worker-2.out" 'what has its name now')
[ "$said" -ge 1 ] && [ "$said" -le 2 ] || fail "it says so $said times"

say 'a file that is written anew all the time is not said all the time'
for ((i = 8; i < 16; i++)); do
	echo "{\"n\":$i,\"open\":false}" >"$gate"
	until_true 20 has_lines 1 "$out/door.log" "^$i	F\$"
done
expect_lines 1 "$T/worker-2.out" 'was truncated'
is worker-2 logs '.sender.inputs[0].truncations == 8' ||
    fail "$(field worker-2 logs '.sender.inputs[0]')"

say 'without a logger the spool has them, and an orderly restart goes on'
stop logger-1
more 500
stop worker-1
more 500
start worker-1 logger-1
until_true 40 all

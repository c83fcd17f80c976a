#!/usr/bin/env bash
#
# Instructions that a node spends on one relayed event, by valgrind's
# callgrind: unlike times they are the same on a busy machine.
#
#   tests/bench/callgrind.sh [PAYLOAD [SUBSCRIBERS [OPTION...]]]
#
# OPTION: of muster-bench, such as --prefixes 1000 or --topics 4096.
#
# Prints instructions per event, also without libcrypto's, and how many of them
# each library and each function spends.  The difference of two runs of
# different length leaves out the start.  B is where programs were built; LIMIT: exit with 1 if there are
# more per event outside of libcrypto.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/../.."
B=${B:-build}
payload=${1:-164} subs=${2:-1}
options=("${@:3}")
few=20000 many=60000 window=1000
if [ "$payload" -gt 4000 ]; then
	few=2000 many=6000 window=100 # what a queue has room for
fi
command -v valgrind >/dev/null || { echo "skipped: no valgrind"; exit 77; }

T=$(mktemp -d "${TMPDIR:-/tmp}/mb.XXXXXX")
node=
cleanup() {
	[ -z "$node" ] || kill "$node" 2>/dev/null || :
	wait
	rm -rf "$T"
}
trap cleanup EXIT

port=$("$B/tests/freeports" 1)
cat >"$T/c.yaml" <<END
cluster: bench
forward: [bench/]
nodes:
  manager: {role: manager, host: 127.0.0.1, port: $port}
  generator: {role: control, host: 192.0.2.1}
limits: {ping: 1 min, dead: 5 min, handshake_time: 1 min, connections: 4096,
  connections_per_address: 4096}
END
"$B/musterctl" -q -f "$T/c.yaml" tls init
"$B/musterctl" -q -f "$T/c.yaml" tls issue --all

# measure EVENTS: leaves $T/EVENTS.out
measure() {
	rm -f "$T/log" # the last one's
	# "rep movsb" would count as an instruction a byte.
	GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=1000000000 \
	    valgrind -q --tool=callgrind --callgrind-out-file="$T/$1.out" \
	    "$B/musterd" -d -f "$T/c.yaml" -r "$T" manager \
	    >"$T/log" 2>&1 </dev/null &
	node=$!
	# Under valgrind on a busy machine this takes its time.
	for i in {1..600}; do
		! grep -qs 'cluster started' "$T/log" || break
		read -r -t 0.1 <> <(:) || :
	done
	"$B/tests/muster-bench" --connect "$port" --ca "$T/tls/ca.pem" \
	    --cert "$T/tls/generator.pem" --key "$T/tls/generator.key" \
	    --payload "$payload" --subs "$subs" --events "$1" --seconds 100 \
	    --window "$window" --lossy "${options[@]}" >"$T/$1.json" || {
		cat "$T/$1.json" "$T/log"
		exit 1
	}
	kill "$node"
	wait "$node" || :
	node=
}

# Lines "instructions function [object]" of a run.
costs() {
	callgrind_annotate --auto=no --threshold=100 "$T/$1.out" |
	    awk '/^ *[0-9,]+ \(/ && !/PROGRAM TOTALS/ {
		n = $1
		gsub(",", "", n)
		sub(/^[^)]*\) +/, "")
		sub(/^[^ ]*:/, "")
		print n, $0 }'
}

measure "$few"
measure "$many"
costs "$few" >"$T/few"
costs "$many" >"$T/many"
# "instructions per event, function, object"
awk -v events=$((many - few)) '{
	n = $1
	sub(/^[0-9]+ /, "")
	cost[$0] += FILENAME ~ /few$/ ? -n : n
} END {
	for (f in cost)
		printf "%.1f %s\n", cost[f] / events, f
}' "$T/few" "$T/many" | sort -rn >"$T/each"
all=$(awk '{ n += $1 } END { printf "%d\n", n }' "$T/each")
crypto=$(awk '/libcrypto/ { n += $1 } END { printf "%d\n", n }' "$T/each")
echo "payload $payload, $subs subscribers${options[*]:+, ${options[*]}}: $all instructions per event," \
    "$((all - crypto)) without libcrypto"
awk '{ o = $NF; gsub(/.*\/|\]/, "", o); n[o] += $1 } END {
	for (o in n) if (n[o] >= 1) printf "%8.1f %s\n", n[o], o
}' "$T/each" | sort -rn
awk '!/libcrypto/ && $1 >= 4 { printf "%8.1f %s\n", $1, $2 }' "$T/each"
if [ -n "${LIMIT:-}" ] && [ $((all - crypto)) -gt "$LIMIT" ]; then
	echo "more than $LIMIT"
	exit 1
fi

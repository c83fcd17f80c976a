#!/usr/bin/env bash
# Towards a clone of Broker's a master speaks Broker's protocol and nothing else;
# a store beyond the limit of its single message is refused to it, and the daemon
# says so, while a clone of ours fetches it in pieces.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.sh"

ports 1
cat >"$LAYOUT" <<END
cluster: two
tls: none
limits: {frame: 16 KiB, handshake_frame: 16 KiB}
nodes:
  manager:  {role: manager, host: 127.0.0.1, port: ${P[0]}}
  worker-1: {role: worker, host: 127.0.0.1}
stores: {s: {backend: lmdb}}
END
start manager worker-1
await started manager worker-1
fresh s manager worker-1
done_at manager put s small 1

# broker NAME DIGIT: a clone of Broker's that asks for everything
broker() {
	local id zero
	id=$(printf '%032d' 0 | tr 0 "$2")
	zero=$(printf '%016d' 0)
	# shellcheck disable=SC2016 # those are their names
	raw "$1" --deadline 60 --filter 's/<$>/data/clone' \
	    --id "$(sed 's/^\(.\{8\}\)\(.\{4\}\)\(.\{4\}\)\(.\{4\}\)/\1-\2-\3-\4-/' <<<"$id")" \
	    connect 127.0.0.1 "${P[0]}" handshake envelope 2 's/<$>/data/master' \
	    "$zero${id}0000000000000001$zero$zero${zero}0b01$zero" hold
	until_true 10 has "$T/$1.out" "up "
}
# heard NAME TAG: a command of that number
heard() {
	grep -qE "^command s/<\\\$>/data/clone tag $2\$" "$T/$1.out"
}

say 'it gets everything at once, and what changes'
broker zeek-1 5
until_true 10 heard zeek-1 12
done_at worker-1 put s small 2
until_true 10 heard zeek-1 0

say 'beyond the limit it is refused'
for i in $(seq 10); do
	printf '{"key":"k%d","value":"%s"}\n' "$i" \
	    "$(head -c 2000 /dev/zero | tr '\0' x)"
done >"$T/pairs"
ctl worker-1 store restore s -q <"$T/pairs"
broker zeek-2 6
until_true 10 has "$T/manager.out" 'limit 8192 bytes'
expect_lines 1 "$T/manager.out" \
    'store s: cannot send the snapshot as one message: .*only nodes of our own'
! heard zeek-2 12 || fail 'it got the snapshot all the same'

say 'a clone of ours is not'
kill9 worker-1
start worker-1
fresh s worker-1
is worker-1 stores '.stores[0].entries == 11' ||
    fail "$(ctl worker-1 stores)"

say "and none of Broker's kind hears a word of ours"
! grep -E '^command .* tag (-|[2-9][0-9]|1[4-9]|[0-9]{3})' "$T"/zeek-*.out ||
    fail 'a command that Broker does not know'

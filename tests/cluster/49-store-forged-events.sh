#!/usr/bin/env bash
# A peer makes up store events and changes of the master's: nobody who watches
# the store sees them, at the master or at the clone it tells them to, no copy
# changes, and the peer loses nothing but those messages.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.sh"

ports 2
cat >"$LAYOUT" <<END
cluster: two
tls: none
nodes:
  manager:  {role: manager, host: 127.0.0.1, port: ${P[0]}}
  proxy-1:  {role: proxy, host: 127.0.0.1, port: ${P[1]}}
stores: {s: {backend: lmdb}}
END
start manager proxy-1
await started manager proxy-1
fresh s manager proxy-1

for node in manager proxy-1; do
	"$MUSTERCTL" -f "$LAYOUT" -r "$T" -n $node store watch s \
	    >"$T/$node.events" 2>"$T/$node.err" </dev/null &
	OTHERS+=($!)
	until_true 5 has "$T/$node.err" watching
done
watch manager good-manager app/good
watch proxy-1 good-proxy-1 app/good

hex() { # TEXT as an encoded string
	printf '05%02x%s' "${#1}" "$(printf %s "$1" | od -An -v -tx1 | tr -d ' \n')"
}
# As Broker writes them: kind, store, key, value, expiry, publisher.
inserted=0e07$(hex insert)$(hex s)$(hex forged)020000000000000001000000
erased=0e05$(hex erase)$(hex s)$(hex real)0000
expired=0e05$(hex expire)$(hex s)$(hex real)0000
# The put that comes next from the master, whose number is a hash of its name.
master=$(field manager status .id | tr -d -)bdf18d3990fb6461
nobody=$(printf '%048d' 0)
change=0000000000000003$master${nobody}00$(hex forged)$(hex x)00$master

done_at proxy-1 put s real 1
for node in manager proxy-1; do
	until_true 5 has "$T/$node.events" 'insert  real'
done

say 'it makes them up'
lie() { # NODE PORT
	# shellcheck disable=SC2016 # those are their names
	raw "liar-$1" --deadline 60 connect 127.0.0.1 "$2" handshake \
	    data '<$>/local/data/store-events/s' "$inserted" \
	    data '<$>/local/data/store-events/s' "$erased" \
	    envelope 2 '<$>/local/data/store-events/s' "$expired" \
	    data 's/<$>/data/clone' "$inserted" \
	    data 's/<$>/data/master' "$erased" \
	    envelope 2 's/<$>/data/clone' "$change" \
	    envelope 2 's/<$>/data/master' "$change" \
	    publish app/good Test::still_here . echo 'all sent' hold
	until_true 10 has "$T/good-$1.out" still_here
}
lie manager "${P[0]}"
lie proxy-1 "${P[1]}"

say 'nobody believes it'
done_at proxy-1 put s real 2
for node in manager proxy-1; do
	until_true 5 has "$T/$node.events" 'update  real'
	[ "$(lines "$T/$node.events" .)" -eq 2 ] ||
	    fail "$node: $(cat "$T/$node.events")"
	missing $node forged || fail "$node has what it made up"
	says $node real 2 || fail "$node lost something"
	fresh s $node
	! gone "${PID[liar-$node]}" ||
	    fail "it was thrown out: $(cat "$T/liar-$node.out")"
	expect_lines 1 "$T/$node.out" 'dropped a message on local topic'
done

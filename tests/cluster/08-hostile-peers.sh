#!/usr/bin/env bash
# Hostile and broken peers cost their own connection and one line in the log
# each; the other peerings never notice, and no memory moves.
set -eu
. "$(dirname "$0")/lib.sh"

# A row that never reports gives the attacker a certificate of our CA.
ports 3
cat >"$LAYOUT" <<END
cluster: siege
limits: {handshake_time: 4 s}
nodes:
  manager:  {role: manager, host: 127.0.0.1, port: ${P[0]}}
  logger-1: {role: logger, host: 127.0.0.1, port: ${P[1]}}
  proxy-1:  {role: proxy, host: 127.0.0.1, port: ${P[2]}}
  worker-1: {role: worker, host: 127.0.0.1}
  tool:     {role: control, host: 127.0.0.1}
END
certificates
NODES='manager logger-1 proxy-1 worker-1'
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
id=$(field manager status .id)

# Another CA, and certificates that are over or yet to come.
mkdir "$T/other"
cp "$LAYOUT" "$T/other/cluster.yaml"
"$MUSTERCTL" -q -f "$T/other/cluster.yaml" tls init
"$MUSTERCTL" -q -f "$T/other/cluster.yaml" tls issue tool
mkdir -p "$T/old/tls" "$T/new/tls"
for age in old new; do
	cp "$LAYOUT" "$T/$age/cluster.yaml"
	cp "$T"/tls/ca.* "$T/$age/tls"
done
"$MUSTERCTL" -q -f "$T/old/cluster.yaml" tls issue tool --start-days -10 \
    --days -1
"$MUSTERCTL" -q -f "$T/new/cluster.yaml" tls issue tool --start-days 10 \
    --days 20

own_tls="--tls $T/tls/tool.pem $T/tls/tool.key"
rss_before=$(rss manager)
lines_before=0

# attack NAME TEXT OPTIONS-AND-STEPS: TEXT is in the one line about it
attack() {
	local name=$1 text=$2 rc=0
	shift 2
	lines_before=$(wc -l <"$T/manager.out")
	"$RAWPEER" --deadline $((10 * slow)) "$@" >"$T/attack.out" 2>&1 ||
	    rc=$?
	[ $rc -le 1 ] || fail "$name: rawpeer ended with status $rc"
	until_true 5 new_line "$text"
	# That it left in the end is no complaint.
	tail -n "+$((lines_before + 1))" "$T/manager.out" |
	    grep -v ': closed by the peer$' >"$T/new.out" || :
	[ "$(wc -l <"$T/new.out")" -eq 1 ] ||
	    fail "$name: not one line: $(cat "$T/new.out")"
	echo "- $name: $(sed 's/^[^ ]* //' "$T/new.out")"
}

new_line() {
	tail -n "+$((lines_before + 1))" "$T/manager.out" | grep -qiE -- "$1"
}

tls() { # OPTIONS -- STEPS: with the attacker's own certificate
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	# shellcheck disable=SC2086
	set -- $own_tls "${options[@]}" connect 127.0.0.1 "${P[0]}" "$@"
	attack "$name" "$text" "$@"
}

name='2 GiB announced in the handshake' text='.' tls -- send 80000000 eof
name='2 GiB announced after the handshake' text='.' \
    tls -- handshake send 80000000 eof
name='50,000 nested vectors' text='malformed' \
    tls -- handshake nested zeek/cluster/manager 50000 quiet 200
name='malformed routing update' text='.' \
    tls -- handshake envelope 3 '<$>' ff01 quiet 200
name='routing update with a huge count' text='.' \
    tls -- handshake envelope 3 '<$>' ffffffff0f quiet 200
name='garbage in the handshake' text='.' \
    tls -- send 000000051122334455 eof
name='garbage after the handshake' text='.' \
    tls -- handshake frame 0011223344556677 quiet 200
name='silence after TLS' text='not finished after|timed out after' tls -- eof
name='silence before TLS' text='not finished after|timed out after' \
    attack 'silence before TLS' 'not finished after|timed out after' \
    connect 127.0.0.1 "${P[0]}" eof
name='wrong magic' text='magic' tls --magic 12345678 -- greet eof
name='wrong version' text='version' tls --version 2 -- greet eof
name='its own id' text='.' tls --id "$id" -- greet eof
name='data for us alone' text='local topic' \
    tls -- handshake data '<$>/local/x' 00 quiet 200
name="another node's name" text='worker-1' \
    tls -- handshake hello worker-1 eof
name='a name of no node' text='nobody' \
    tls -- handshake hello nobody quiet 200
name='an id that is not its own' text='refused' \
    tls -- handshake publish zeek/cluster/manager \
    Cluster::Experimental::node_fully_connected string:worker-1 \
    string:55555555-5555-5555-8555-555555555555 F . quiet 200
attack 'certificate of another CA' 'another ca|unknown|issuer' \
    --tls "$T/other/tls/tool.pem" "$T/other/tls/tool.key" \
    connect 127.0.0.1 "${P[0]}" handshake
attack 'no certificate' '.' --tls '' '' connect 127.0.0.1 "${P[0]}" handshake
attack 'expired certificate' 'expired' \
    --tls "$T/old/tls/tool.pem" "$T/old/tls/tool.key" \
    connect 127.0.0.1 "${P[0]}" handshake
attack 'certificate not yet valid' 'not valid before' \
    --tls "$T/new/tls/tool.pem" "$T/new/tls/tool.key" \
    connect 127.0.0.1 "${P[0]}" handshake
attack 'plain where TLS is spoken' 'tls' connect 127.0.0.1 "${P[0]}" greet eof
attack 'anonymous TLS' '.' --anonymous connect 127.0.0.1 "${P[0]}" handshake

say 'nobody else noticed'
for node in $NODES; do
	expect_lines 0 "$T/$node.out" 'node .* is down'
	expect_lines 0 "$(log_of $node cluster)" 'node down'
	is $node status '.state == "started"' || fail "$node is not started"
done
rss_after=$(rss manager)
say "resident memory: $rss_before kB before, $rss_after kB after"
if [ "${MUSTER_SANITIZED:-0}" != 1 ]; then
	[ $((rss_after - rss_before)) -lt 20000 ] || fail 'memory moved'
fi
# shellcheck disable=SC2086
stop $NODES

say 'TLS where plain is spoken'
sed -i 's/^limits:/tls: none\nlimits:/' "$LAYOUT"
start manager logger-1
await connected manager
attack 'TLS where plain is spoken' '.' --tls '' '' \
    connect 127.0.0.1 "${P[0]}" handshake
is manager peers '[.peers[] | select(.state == "up")] | length == 1' ||
    fail 'the peering with logger-1 is gone'

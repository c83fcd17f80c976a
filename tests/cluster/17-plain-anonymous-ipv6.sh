#!/usr/bin/env bash
# Clusters form without TLS and with anonymous TLS when the layout says so in
# words, and over IPv6; an anonymous node speaks exactly Broker's cipher.
set -eu
. "$(dirname "$0")/lib.sh"

for mode in none anonymous; do
	say "tls: $mode"
	five_nodes "tls: $mode"
	# shellcheck disable=SC2086
	start $NODES
	# shellcheck disable=SC2086
	await started $NODES
	if [ $mode = anonymous ]; then
		"$RAWPEER" --anonymous connect 127.0.0.1 "${P[0]}" handshake \
		    hello worker-9 quiet 100 >"$T/raw.out" ||
		    fail 'no peering with an anonymous stranger'
		openssl s_client -connect "127.0.0.1:${P[0]}" -tls1_2 \
		    -cipher AECDH-AES256-SHA@SECLEVEL=0 -groups P-384 \
		    </dev/null >"$T/openssl" 2>&1 || :
		grep -q 'Cipher *\(is\|:\) AECDH-AES256-SHA' "$T/openssl" ||
		    fail 'another cipher'
	fi
	# shellcheck disable=SC2086
	stop $NODES
	rm -rf "$T/var"
done

if ! grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null; then
	skip 'the rest: this machine has no IPv6'
fi
say 'IPv6 listeners and dialers'
ports 3
cat >"$LAYOUT" <<END
cluster: six
nodes:
  manager:      {role: manager, host: "::1", port: ${P[0]}}
  logger-1:     {role: logger, host: "::1", port: ${P[1]}}
  proxy-1:      {role: proxy, host: "::1", port: ${P[2]}}
  worker-[1-2]: {role: worker, host: "::1"}
END
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
is manager peers '[.peers[].address] | all(. == "::1")' ||
    fail "addresses $(field manager peers '[.peers[].address]')"
# shellcheck disable=SC2086
stop $NODES
rm -rf "$T/var" "$T/tls"

say 'a listener for both, dialled by name'
ports 2
cat >"$LAYOUT" <<END
cluster: both
nodes:
  manager:  {role: manager, host: localhost, port: ${P[0]}, listen: "::"}
  logger-1: {role: logger, host: localhost, port: ${P[1]}, listen: "::"}
  worker-1: {role: worker, host: localhost}
END
certificates
start manager logger-1 worker-1
await started manager logger-1 worker-1
for host in 127.0.0.1 ::1; do
	"$RAWPEER" --tls "$T/tls/worker-1.pem" "$T/tls/worker-1.key" \
	    connect $host "${P[0]}" handshake >"$T/raw.out" ||
	    fail "no listener at $host"
done

#!/usr/bin/env bash
# Certificates are replaced while events flow: nothing is lost, new connections
# use the new ones.  Broken ones change nothing at all, whatever is broken.
set -eu
. "$(dirname "$0")/lib.sh"
command -v openssl >/dev/null || skip 'openssl is not installed'

five_nodes
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES

# shown: the serial number that the manager shows to who connects
shown() {
	openssl s_client -connect "127.0.0.1:${P[0]}" -cert "$T/tls/worker-1.pem" \
	    -key "$T/tls/worker-1.key" </dev/null 2>/dev/null |
	    openssl x509 -noout -serial
}

# refused TEXT: the manager keeps what it has, and says why
refused() {
	local rc=0
	ctl manager reload >"$T/reload" 2>&1 || rc=$?
	[ $rc -ne 0 ] || fail "reloaded although: $1"
	grep -qE -- "$1" "$T/reload" || fail "no '$1' in: $(cat "$T/reload")"
	[ "$(shown)" = "$first" ] || fail "another certificate after: $1"
	is manager status '.state == "started"' || fail "not started after: $1"
}

first=$(shown)
[ -n "$first" ] || fail 'no certificate is shown'
cp -r "$T/tls" "$T/kept"

say 'broken ones are refused as a whole'
# With each of them a limit that would be allowed to change.
cp "$LAYOUT" "$T/good"
echo 'limits: {ping: 3 s}' >>"$LAYOUT"
echo rubbish >"$T/tls/manager.pem"
refused 'manager\.pem'
cp "$T/kept/worker-1.pem" "$T/tls/manager.pem"
refused 'does not belong'
cp "$T/kept/worker-1.key" "$T/tls/manager.key"
refused 'manager.pem is for "worker-1", not for node "manager"'
cp "$T/kept/manager.pem" "$T/tls/manager.pem"
head -c 100 "$T/kept/manager.key" >"$T/tls/manager.key"
refused 'manager\.key'
cp "$T/kept/manager.key" "$T/tls/manager.key"
chmod 644 "$T/tls/manager.key"
refused 'secret'
chmod 600 "$T/tls/manager.key"
mv "$T/tls/ca.pem" "$T/tls/away.pem"
refused 'ca\.pem'
: >"$T/tls/ca.pem"
refused 'ca\.pem'
mv "$T/tls/away.pem" "$T/tls/ca.pem"
"$MUSTERCTL" -q -f "$LAYOUT" tls issue manager --force --start-days -10 \
    --days -1
refused 'expired'
cp "$T/kept/manager.pem" "$T/kept/manager.key" "$T/tls"
cp "$T/good" "$LAYOUT"

say 'new ones under load'
watch worker-2 events app/
: >"$T/load" # before tail looks for it
{
	for i in $(seq 4000); do
		echo "{\"topic\":\"app/$i\",\"event\":\"E\",\"args\":[$i]}"
		[ $((i % 20)) -ne 0 ] || patiently 0.01 false || :
	done
} >>"$T/load" &
load=$!
OTHERS+=("$load")
tail -n +1 -f --pid="$load" "$T/load" |
    "$MUSTERCTL" -f "$LAYOUT" -r "$T" -n manager publish --stdin -q &
publisher=$!
OTHERS+=("$publisher")
for round in 1 2 3 4 5; do
	for node in $NODES; do
		"$MUSTERCTL" -q -f "$LAYOUT" tls issue "$node" --force
		ctl "$node" reload >/dev/null
	done
	[ "$(shown)" != "$first" ] || fail "round $round: still the first one"
done
until_true 60 gone "$publisher"
OTHERS=()
until_true 20 has_lines 4000 "$T/events.out" '"E"|E\('
for node in $NODES; do
	expect_lines 0 "$T/$node.out" 'node .* is down'
done

say 'whoever comes now is let in with them'
kill9 worker-1
start worker-1
# shellcheck disable=SC2086
await restored $NODES

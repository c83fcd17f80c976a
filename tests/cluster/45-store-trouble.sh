#!/usr/bin/env bash
# A full disk, a folder that cannot be written, a file that is no store: writes
# are refused with the reason, reads go on, nothing is replaced, and the node
# stays in the cluster.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.sh"

five_nodes 'stores:
  s: {backend: lmdb}
  small: {max_size: 1 MiB}
  map: {backend: lmdb, max_size: 1 MiB}'
certificates
STATE=$T/var/lib/muster/manager
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
# shellcheck disable=SC2086
fresh s $NODES
done_at worker-1 put s old 1
FILE=$STATE/stores/s/data.mdb
[ -s "$FILE" ] || fail 'there is no file of the store'

say 'a store in memory that is full'
head -c 60000 /dev/zero | tr '\0' x >"$T/value"
# refused NODE STORE TEXT: one more big value is, with that reason
refused() {
	local rc=0
	printf '{"key":"count:%d","value":"%s"}\n' "$RANDOM" \
	    "$(cat "$T/value")" >"$T/pair"
	ctl "$1" store restore "$2" <"$T/pair" >/dev/null 2>"$T/err" || rc=$?
	[ $rc -eq 2 ] && has "$T/err" "$3"
}
done_at worker-1 put small a 1
until_true 20 refused worker-1 small 'store is full'
# state_of NODE STORE: what "stores" and "status" say, and that they agree
state_of() {
	local state told
	state=$(field "$1" stores ".stores[] | select(.name == \"$2\") | .state")
	told=$(field "$1" status ".stores[] | select(.name == \"$2\") | .state")
	if [ "$state" = fresh ] && [ -z "$told" ]; then
		echo fresh
	elif [ "$state" = "$told" ]; then
		echo "$state"
	else
		echo "stores: $state, status: $told"
	fi
}
in_state() {
	[ "$(state_of "$1" "$2")" = "$3" ]
}
in_state manager small full || fail "small: $(state_of manager small)"
ctl manager status | grep -q 'store small (master): full: .*max_size' ||
    fail "status: $(ctl manager status)"
[ "$(ctl worker-1 store get small a)" = 1 ] || fail 'reads do not go on'
[ "$(ctl manager store get small a)" = 1 ] || fail 'reads do not go on'
done_at manager erase small a
until_true 5 in_state manager small fresh

say 'a map that is full'
done_at worker-1 put map a 1
until_true 20 refused worker-1 map 'store is full'
outcome 2 manager put map big "$(cat "$T/value")"
has "$T/err" 'mapsize limit reached' || fail "why: $(cat "$T/err")"
in_state manager map full || fail "map: $(state_of manager map)"
[ "$(ctl worker-1 store get map a)" = 1 ] || fail 'reads do not go on'
done_at worker-1 clear map
in_state manager map fresh || fail "map: $(state_of manager map)"
done_at worker-1 put map a 2

say 'a record that is damaged under the running daemon'
done_at worker-1 put map fragile precious-value
done_at worker-1 put map sound 1
MAP=$STATE/stores/map/data.mdb
for at in $(grep -abo precious-value "$MAP" | cut -d : -f 1); do
	printf P | dd of="$MAP" bs=1 seek="$at" conv=notrunc 2>/dev/null
done
outcome 2 manager get map fragile
has "$T/err" 'the record is damaged' || fail "why: $(cat "$T/err")"
outcome 2 worker-1 put map fragile other
has "$T/err" 'the record is damaged' || fail "why: $(cat "$T/err")"
done_at worker-1 put map sound 2
[ "$(ctl manager store get map sound)" = 2 ] || fail 'the rest does not go on'
in_state manager map damaged || fail "map: $(state_of manager map)"
ctl manager status | grep -q 'store map (master): damaged: .*fragile' ||
    fail "status: $(ctl manager status)"
expect_lines 1 "$T/manager.out" 'the record of key fragile is damaged'

say 'a file that is no store: refused, said, not replaced'
stop manager
cp "$FILE" "$T/good"
head -c 65536 /dev/urandom >"$FILE"
sum=$(cksum <"$FILE")
start manager
# shellcheck disable=SC2086
await restored $NODES
until_true 10 in_state manager s failed
is manager status '.stores[] | select(.name == "s") | .error |
    test("not an LMDB file")' || fail "status: $(ctl manager status)"
# What was damaged is found when the file is opened, and is left as it is.
in_state manager map failed || fail "map: $(state_of manager map)"
outcome 2 manager put s new 1
echo "  $(cat "$T/err")"
outcome 2 manager get s old
[ "$(cksum <"$FILE")" = "$sum" ] || fail 'the file was changed'
[ "$(ctl worker-1 store get s old)" = 1 ] || fail 'the clone lost its copy'
outcome 2 worker-1 put s new 1 --timeout 1s
done_at worker-1 put small b 1

say 'the good file again'
stop manager
cp "$T/good" "$FILE"
start manager
# shellcheck disable=SC2086
await restored $NODES
# shellcheck disable=SC2086
fresh s $NODES
until_true 10 says manager old 1
done_at worker-1 put s new 1
until_true 10 says worker-2 new 1

say 'a disk that is full'
mount_small() {
	mkdir -p "$1" && mount -t tmpfs -o size=1m tmpfs "$1" 2>/dev/null
}
stop manager
cp -r "$STATE" "$T/saved"
rm -rf "$STATE/stores"
if mount_small "$STATE/stores"; then
	AT_END="umount $STATE/stores"
	start manager
	# shellcheck disable=SC2086
	await restored $NODES
	# shellcheck disable=SC2086
	fresh s $NODES
	done_at worker-1 put s first 1
	until_true 60 refused manager s 'store is full'
	sed 's/^/  /' "$T/err"
	[ "$(ctl manager store get s first)" = 1 ] || fail 'no reads'
	until_true 10 refused worker-1 s 'store is full'
	[ "$(ctl worker-1 store get s first)" = 1 ] || fail 'no reads'
	is manager status .started || fail 'the manager left the cluster'
	in_state manager s full || fail "s: $(state_of manager s)"
	ctl manager status | grep 'store s (master): full: ' |
	    sed 's/^/  /' | grep 'No space left' ||
	    fail "status: $(ctl manager status)"
	is manager stores '.stores[] | select(.name == "s") | .failed > 0' ||
	    fail "stores does not say it: $(ctl manager stores)"
	ctl worker-1 store clear s --timeout 5s 2>"$T/err" ||
	    echo "  clear on a full disk: $(cat "$T/err")"
	mount -o remount,size=3m "$STATE/stores"
	done_at worker-1 put s again 1
	until_true 5 in_state manager s fresh
	until_true 10 says manager again 1
	stop manager

	say 'a disk that may only be read'
	mount -o remount,ro "$STATE/stores"
	start manager
	# shellcheck disable=SC2086
	await restored $NODES
	# shellcheck disable=SC2086
	fresh s worker-1 worker-2
	in_state manager s read-only || fail "s: $(state_of manager s)"
	outcome 2 manager put s more 1
	echo "  $(cat "$T/err")"
	has "$T/err" 'may not be written' || fail "why: $(cat "$T/err")"
	outcome 2 worker-1 put s more 1
	says manager again 1 || fail 'no reads'
	says worker-1 again 1 || fail 'no reads'
	expect_lines 1 "$T/manager.out" 'cannot save sequence numbers'
	is manager status .started || fail 'the manager left the cluster'
	stop manager
	umount "$STATE/stores"
	AT_END=
	rm -rf "$STATE"
	cp -r "$T/saved" "$STATE"
else
	echo '  (no mounts here: left out)'
	rm -rf "$STATE"
	cp -r "$T/saved" "$STATE"
fi

say 'a folder that cannot be read'
if [ "$(id -u)" -eq 0 ]; then
	# Modes do not stop root: a file in the place of the folder does.
	rm -rf "$STATE/stores"
	echo 'not a folder' >"$STATE/stores"
else
	chmod 0 "$STATE/stores"
fi
start manager
# shellcheck disable=SC2086
await restored $NODES
until_true 10 is manager stores \
    '.stores[] | select(.name == "s") | .error != null'
outcome 2 manager put s x 1
echo "  $(cat "$T/err")"
[ "$(id -u)" -eq 0 ] || chmod 700 "$STATE/stores"

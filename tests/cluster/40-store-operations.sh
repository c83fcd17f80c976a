#!/usr/bin/env bash
# Every operation of a store works on a clone as on the master, what one node
# writes another reads, and each outcome has its exit status and its words.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.sh"

five_nodes 'stores:
  s: {backend: lmdb}
  m: {backend: memory, master: proxy-1, clones: [worker]}'
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
# shellcheck disable=SC2086
fresh s $NODES
fresh m proxy-1 worker-1 worker-2

# through W R: all operations, written at W and read at R
through() {
	local w=$1 r=$2
	# shellcheck disable=SC2034 # used by stores.sh
	writer=$w reader=$r

	say "written at $w, read at $r: put, get, erase, exists"
	put k count:1
	reads k 1
	put k 192.0.2.1
	reads k 192.0.2.1
	put k '{"@data-type":"set","data":[{"@data-type":"port","data":"80/tcp"}]}'
	reads k '{80/tcp}'
	outcome 0 "$w" exists s k
	[ "$OUT" = T ] || fail "exists says $OUT"
	done_at "$w" erase s k
	until_true 5 missing "$r" k
	done_at "$w" erase s k
	outcome 1 "$r" exists s k
	[ "$OUT" = F ] || fail "exists says $OUT"
	outcome 1 "$r" get s k
	has "$T/err" 'no such key' || fail "$(cat "$T/err")"

	say 'numbers'
	done_at "$w" increment s n
	done_at "$w" increment s n 5
	reads n 6
	done_at "$w" decrement s n count:2
	reads n 4
	done_at "$w" increment s t 90s
	done_at "$w" increment s r real:1.5
	reads r 1.500000
	put one count:1
	done_at "$w" decrement s one count:5 # counts wrap, as in Broker
	reads one 18446744073709551612
	done_at "$w" erase s one
	outcome 2 "$w" increment s n string:x
	has "$T/err" 'type clash' || fail "$(cat "$T/err")"
	outcome 1 "$w" decrement s nothing
	has "$T/err" 'no such key' || fail "$(cat "$T/err")"

	say 'texts, sets, tables, vectors'
	done_at "$w" append s a abc
	done_at "$w" append s a 5
	reads a abc5
	done_at "$w" insert-into-set s set 80/tcp
	done_at "$w" insert-into-set s set 53/udp
	done_at "$w" remove-from s set 80/tcp
	reads set '{53/udp}'
	outcome 0 "$r" index s set 53/udp
	[ "$OUT" = T ] || fail "index of a set: $OUT"
	done_at "$w" insert-into-table s tab a count:7
	reads tab '{a -> 7}'
	outcome 0 "$r" index s tab a
	[ "$OUT" = 7 ] || fail "index of a table: $OUT"
	done_at "$w" remove-from s tab a
	reads tab '{}'
	outcome 1 "$r" index s tab a
	done_at "$w" push s v one
	done_at "$w" push s v two
	reads v '(one, two)'
	outcome 0 "$r" index s v 1
	[ "$OUT" = two ] || fail "index of a vector: $OUT"
	done_at "$w" pop s v
	done_at "$w" pop s v
	reads v '()'
	done_at "$w" pop s v
	reads v '()'

	say 'conditions'
	done_at "$w" put-unique s u mine
	outcome 1 "$r" put-unique s u yours
	has "$T/err" 'condition not met' || fail "$(cat "$T/err")"
	reads u mine
	done_at "$w" put-if s u mine next
	outcome 1 "$r" put-if s u mine other
	outcome 1 "$w" put-if s u - other
	done_at "$w" put-if s new - first
	reads u next
	reads new first

	say 'keys'
	put 'port:80/tcp' x
	put k2 x
	put k1 x
	until_true 5 has_key "$r" k1
	outcome 0 "$r" keys s --prefix k
	[ "$OUT" = $'k1\nk2' ] || fail "keys with a prefix: $OUT"
	outcome 0 "$r" keys s
	[ "$(grep -c . <<<"$OUT")" -eq 12 ] || fail "keys: $OUT"
	outcome 0 "$r" get s n --json
	[ "$OUT" = '{"@data-type":"count","data":4}' ] || fail "--json: $OUT"
	done_at "$w" clear s
	until_true 5 empty "$r"
}

# A value beyond the limit of 4 MiB, at a clone and at the master.
{
	printf '{"key":"big","value":"'
	head -c 5000000 /dev/zero | tr '\0' x
	printf '"}\n'
} >"$T/pair"
too_large() {
	local rc=0
	ctl "$1" store restore s <"$T/pair" 2>"$T/err" >/dev/null || rc=$?
	[ $rc -eq 2 ] && has "$T/err" 'too large'
}
for node in manager worker-1; do
	too_large "$node" || fail "$node: $(cat "$T/err")"
	outcome 1 "$node" get s big
done

# A key beyond the 64 KiB of an LMDB store is no fault of the disk.
long=$(head -c 66000 /dev/zero | tr '\0' k)
for node in manager worker-1; do
	outcome 2 "$node" put s "$long" 1
	has "$T/err" 'too large' || fail "$node: $(cat "$T/err")"
done
ctl manager stores | grep -q '^s .* fresh ' || fail 'full of a long key'

through worker-1 worker-2
through manager worker-1
through worker-2 manager

say 'a store in memory whose master is a proxy'
ctl worker-1 store put m a 1
until_true 5 says worker-2 a 1 m
ends_no_store() {
	local rc=0
	ctl manager store get m a 2>"$T/err" || rc=$?
	[ $rc -eq 2 ] &&
	    has "$T/err" 'no clone of "m"; the master is on proxy-1'
}
ends_no_store || fail "the manager has no such store: $(cat "$T/err")"
outcome 2 worker-1 get mm k
has "$T/err" 'has no store "mm" (did you mean "m"?)' || fail "$(cat "$T/err")"


say 'what a clone cannot do without its master'
kill9 proxy-1
until_true 20 is worker-1 status '.state == "degraded"'
rc=0
ctl worker-1 store put m b 1 --timeout 500ms 2>"$T/err" || rc=$?
[ $rc -eq 2 ] && grep -q 'no answer in time\|no such master' "$T/err" ||
    fail "a write without a master: $rc $(cat "$T/err")"

say 'stores says it all'
ctl manager stores >"$T/table"
grep -q '^s  *master  *manager  *lmdb  *fresh' "$T/table" ||
    fail "$(cat "$T/table")"
is manager stores '.stores[] | select(.name == "s") | .clones == 4' ||
    until_true 10 is manager stores \
	'.stores[] | select(.name == "s") | .clones == 3'

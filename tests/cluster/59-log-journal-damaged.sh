#!/usr/bin/env bash
# A logger whose journal is damaged moves it away, says so, and goes on: what
# was acknowledged is there, and new records are taken.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/logs.sh"

N=1000
ports 2
cat >"$LAYOUT" <<END
cluster: logs
tls: none
nodes:
  manager:  {role: manager, port: ${P[0]}}
  logger-1: {role: logger, port: ${P[1]}}
  worker-1: {role: worker}
logs: {rotate: 1 h, flush: 50 ms}
END
JOURNAL=$T/var/lib/muster/logger-1/logger
start manager logger-1 worker-1
await started manager worker-1
n=0

# more: so many records, all of them acknowledged
more() {
	records "$T/in" $n $N
	ctl worker-1 -q log write Test::LOG "$T/in"
	n=$((n + N))
	until_true 20 is worker-1 logs '.sender.spool.waiting == 0'
}

# How a file is damaged: a page of it, its end, its head, all of it.
spoil() {
	local file=$JOURNAL/data.mdb size
	size=$(stat -c %s "$file")
	case $1 in
	page)	# whatever page a table's root is on: all but the two heads
		dd if=/dev/urandom of="$file" bs=4096 seek=2 conv=notrunc \
		    count=$((size / 4096 - 2)) status=none ;;
	short)	truncate -s 8192 "$file" ;; # to its two heads
	head)	dd if=/dev/zero of="$file" bs=64 count=1 conv=notrunc \
		    status=none ;;
	empty)	truncate -s 0 "$file" ;;
	esac
}

more
k=0
for how in page short head empty; do
	say "$how"
	k=$((k + 1))
	kill9 logger-1
	spoil $how
	: >"$T/logger-1.out"
	start logger-1
	until_true 20 has "$T/logger-1.out" '; a new one is begun: '
	has "$T/logger-1.out" 'error: logs: the journal was damaged: ' ||
	    fail 'it is no error'
	[ "$(lines "$T/logger-1.out" 'journal was damaged')" -eq 1 ] ||
	    fail "said more than once: $(cat "$T/logger-1.out")"
	[ "$(ls -d "$JOURNAL".damaged-* | wc -l)" -eq $k ] ||
	    fail "kept: $(ls -d "$JOURNAL"*)"
	await restored manager
	more
	once $n test logger-1
	is logger-1 logs '.logger.state == "writing"' ||
	    fail "$(field logger-1 logs .logger)"
	ctl logger-1 logs | grep -q "damaged: .*kept as .*damaged-" ||
	    fail 'logs does not say it'
	ctl logger-1 status | grep -q "damaged: .*kept as .*damaged-" ||
	    fail 'status does not say it'
done

say 'the next start finds the new one sound'
kill9 logger-1
: >"$T/logger-1.out"
start logger-1
await restored manager
more
once $n test logger-1
[ "$(lines "$T/logger-1.out" 'journal was damaged')" -eq 0 ] ||
    fail "$(cat "$T/logger-1.out")"
is logger-1 logs '.logger.journal == null' || fail 'it is not forgotten'
stop worker-1 logger-1 manager
once $n test logger-1

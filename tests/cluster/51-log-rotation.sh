#!/usr/bin/env bash
# Rotation under load loses and doubles nothing; names and times are those of
# Zeek; the postprocessor gets Zeek's arguments; what a killed logger left is
# rotated by the next; old files go.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/logs.sh"

N=6000
ports 2
layout() {
	cat >"$LAYOUT" <<END
cluster: logs
tls: none
nodes:
  manager:  {role: manager, port: ${P[0]}}
  logger-1: {role: logger, port: ${P[1]}}
  worker-1: {role: worker}
logs: {rotate: $1, flush: 50 ms, batch_records: 40, postprocessor: after, $2}
END
}
# Prints what it was called with, its folder, and whether the file is there.
cat >"$T/after" <<END
#!/bin/sh
[ -s "\$1" ] && there=yes || there=no
echo "\$# \$1 \$2 \$3 \$4 \$5 \$6 \$there suffix=\$ZEEK_ARG_LOG_SUFFIX \$(basename "\$PWD")" >>$T/called
case \$2 in test) exit 0 ;; *) exit 3 ;; esac
END
chmod +x "$T/after"
export TZ=UTC
# Half an hour away from any multiple of an hour: the clock is not to interfere.
base=$((($(date +%s) / 60 + 30) % 60))min
layout '1 s' 'rotate_size: 64 KiB, compress: zstd'
start manager logger-1 worker-1
await started manager worker-1
DIR=$(logs_dir logger-1)

say 'records while files are rotated'
records "$T/in" 0 $N
pieces=6
for ((i = 0; i < pieces; i++)); do
	records "$T/in" $((i * N / pieces)) $((N / pieces))
	ctl worker-1 -q log write Test::LOG "$T/in"
	pause 0.6
done
# Everything that was written is rotated, compressed, post-processed.
calm() {
	is logger-1 logs '.logger.post_waiting == 0 and
	    .logger.post_running == 0 and .logger.waiting_records == 0 and
	    ([.logger.streams[] | select(.path == "test") | .size] | add) == 0'
}
until_true 20 is worker-1 logs '.sender.spool.waiting == 0'
until_true 20 calm
once $N test logger-1
is logger-1 logs '.logger.rotations > 5' || fail 'hardly anything was rotated'

say 'names, headers, last lines'
before=
n=0
for f in "$DIR"/test.*.log.zst; do
	name=${f##*/}
	[[ $name =~ ^test\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.log\.zst$ ]] ||
	    fail "a file is called $name"
	open=${BASH_REMATCH[1]}
	[ "$open" != "$before" ] || fail "$open twice"
	before=$open
	zstd -qdc "$f" >"$T/plain"
	[ "$(sed -n 1p "$T/plain")" = '#separator \x09' ] || fail "$name: header"
	[ "$(tail -n 1 "$T/plain" | cut -f 1)" = '#close' ] || fail "$name: end"
	[ "$(lines "$T/plain" '^#open')" -eq 1 ] || fail "$name: two headers"
	n=$((n + 1))
done
echo "  ($n files)"

say 'what the postprocessor was told'
has "$T/called" test || fail 'it was never called'
grep ' test ' "$T/called" | while read -r count file path from to end writer there suffix folder; do
	[ "$count $path $end $writer $there $suffix $folder" = \
	    '6 test 0 ascii yes suffix= logs' ] ||
	    fail "called: $count $file $path $from $to $end $writer $there $suffix $folder"
	[[ $file =~ ^test\.20([0-9-]+)\.log\.zst$ ]] || fail "file $file"
	# 26-01-31_13.00.00 is 2026-01-31-13-00-00
	[ "${from//[_.]/-}" = "${BASH_REMATCH[1]}" ] || fail "$file opened $from"
	[[ $to > $from ]] || fail "$file from $from to $to"
done
until_true 20 is logger-1 logs '.logger.post_failed > 0' # for cluster.log
until_true 10 has "$T/logger-1.out" 'ended with status 3'

say 'a killed logger, and what it left'
: >"$T/called"
layout 1h "rotate_base: $base, compress: gzip"
ctl logger-1 reload
records "$T/in" $N 500
ctl worker-1 -q log write Test::LOG "$T/in"
until_true 20 all_there $((N + 500)) test logger-1
until_true 10 test -s "$DIR/test.log"
kill9 logger-1
echo 'half a rec' >>"$DIR/test.log" # was promised to nobody
start logger-1
until_true 10 has "$T/logger-1.out" 'test.log of the last run is now'
until_true 10 has "$T/called" ' test '
once $((N + 500)) test logger-1

say 'the end of the daemon is the end of its files'
: >"$T/called"
await restored manager
records "$T/in" $((N + 500)) 100
ctl worker-1 -q log write Test::LOG "$T/in"
until_true 20 all_there $((N + 600)) test logger-1
stop logger-1
once $((N + 600)) test logger-1
grep -q ' test .* 1 ascii yes' "$T/called" || fail "called: $(cat "$T/called")"
[ ! -e "$DIR/test.log" ] || fail 'test.log is still there'

say 'the archiver'\''s names, and a folder of their own'
layout 1h "rotate_base: $base, naming: archiver, rotated: /archive"
start logger-1
await restored manager
records "$T/in" $((N + 600)) 50
ctl worker-1 -q log write Test::LOG "$T/in"
until_true 20 is worker-1 logs '.sender.spool.waiting == 0'
stop logger-1
ls "$T/archive/logger-1" | grep -Eq '^test__[0-9-]{19}__[0-9-]{19}__\.log$' ||
    fail "$(ls "$T/archive/logger-1")"

say 'with several loggers the names say whose they are'
: >"$T/called"
layout 1h "rotate_base: $base, naming: archiver, rotated: /archive"
sed -i 's/^  worker-1:/  logger-2: {role: logger, port: 9}\n&/' "$LAYOUT"
start logger-1
until_true 20 has "$T/logger-1.out" 'node worker-1 is up'
records "$T/in" $((N + 650)) 50
ctl worker-1 -q log write Test::LOG "$T/in"
until_true 20 is worker-1 logs '.sender.spool.waiting == 0'
stop logger-1
ls "$T/archive/logger-1" |
    grep -Eq '^test__[0-9-]{19}__[0-9-]{19}__log_suffix=logger-1__.log$' ||
    fail "$(ls "$T/archive/logger-1")"
grep -q ' test .* 1 ascii yes suffix=logger-1 logger-1$' "$T/called" ||
    fail "called: $(cat "$T/called")"

say 'old files go'
touch -d '2 days ago' "$DIR"/test.*.log.zst
touch -d '2 days ago' "$DIR/mine.txt"
layout 1h "rotate_base: $base, keep: 1 day"
start logger-1
gone_zst() {
	! ls "$DIR"/test.*.log.zst
}
until_true 20 gone_zst
[ -e "$DIR/mine.txt" ] || fail 'it removed what is not its own'
ls "$DIR"/test.*.log.gz >/dev/null || fail 'it removed young files'
until_true 10 is logger-1 logs '.logger.removed > 0'

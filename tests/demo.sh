#!/usr/bin/env bash
#
# make demo: a cluster of nine nodes on this machine.  Installs what is missing,
# builds, makes a CA and certificates, starts everything over mutual TLS, sends
# real Zeek events and shows where they arrived, kills a worker, stops
# everything it started.  The exit status says whether all of it worked.
#
#   B     where to build (default: build)
#   KEEP  if set, the cluster goes on until a key is pressed or Ctrl-C
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."
B=${B:-build}
unset MUSTER_NODE CLUSTER_NODE

root=
pids=()
exec {pause}<> <(:) # nothing ever comes from here: a pause without sleep

# --- how it looks ----------------------------------------------------------------

if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' off=$'\e[0m'
	terminal=yes
else
	bold='' dim='' green='' red='' off='' terminal=
fi

step() {
	printf '%s==> %s%s\n' "$bold" "$*" "$off"
}

# The command that a reader could type, then its output.
shown() {
	printf '%s$ %s%s\n' "$dim" "$*" "$off"
}

progress() { # HAVE WANT
	local bar
	if [ -z "$terminal" ]; then
		echo "    $1 of $2"
		return
	fi
	bar=$(printf '%*s' "$1" '' | tr ' ' '#')
	printf '\r    [%-*s] %s of %s' "$2" "$bar" "$1" "$2"
	[ "$1" != "$2" ] || echo
}

# --- the end ---------------------------------------------------------------------

cleanup() {
	local rc=$? p
	trap - EXIT INT TERM HUP
	set +e
	if [ "$rc" -ne 0 ] && [ -n "$root" ]; then
		printf '\n%sthe demo failed%s; the last messages of the nodes:\n' \
		    "$red" "$off"
		tail -n 20 "$root/musterd.out" 2>/dev/null
	fi
	for p in "${pids[@]}"; do
		kill -TERM "$p" 2>/dev/null
	done
	for p in "${pids[@]}"; do
		wait "$p" 2>/dev/null
	done
	[ -z "$root" ] || rm -rf "$root"
	exit "$rc"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

die() {
	echo "demo: $*" >&2
	exit 1
}

# until_true SECONDS COMMAND...: the time that a fast one needs, and more
until_true() {
	local end=$((SECONDS + 6 * $1)) # a machine may be slow
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || die "this did not happen: $*"
		read -r -t 0.1 -u "$pause" || :
	done
}

ctl() {
	"$B/musterctl" -f "$layout" -r "$root" "$@"
}

# --- build -----------------------------------------------------------------------

step 'what is needed, and the build'
build-aux/deps.sh build
log=$(mktemp)
if ! make -j"$(nproc)" B="$B" >"$log" 2>&1; then
	tail -n 40 "$log"
	rm -f "$log"
	die 'the build failed'
fi
rm -f "$log"
"$B/musterctl" --version
began=$SECONDS

# --- layout and certificates ------------------------------------------------------

root=$(mktemp -d)
layout=$root/demo.yaml

# Does anybody listen there, or is a test about to?
taken() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null ||
	    grep -qsx "$1" "${MUSTER_PORTS:-/dev/null}"
}

# The first digits of five ports that are free: 1234 for 12341 to 12345.
free_ports() {
	local try port
	for try in $(seq 100); do
		: "$try"
		set -- $((1000 + RANDOM % 2200))
		for port in 1 2 3 4 5; do
			if taken "$1$port"; then
				continue 2
			fi
		done
		printf "$1%d\n" 1 2 3 4 5 >>"${MUSTER_PORTS:-/dev/null}"
		echo "$1"
		return
	done
	die 'no free ports'
}

step 'a layout of nine nodes, a private CA, a certificate for each'
sed "s/4776/$(free_ports)/" conf/demo.yaml >"$layout"
cat >>"$layout" <<'END'

stores:                         # master: manager, a clone at every other node
  inventory: {backend: lmdb}
END
sed -n '/^nodes:/,$p' "$layout"
shown 'musterctl check demo.yaml; musterctl tls init; musterctl tls issue --all'
ctl -q check "$layout"
ctl -q tls init
ctl -q tls issue --all
ctl tls show | cut -c 1-60

# --- start -----------------------------------------------------------------------

step 'all nodes start, each a process of its own'
shown 'musterd -a -d -f demo.yaml'
"$B/musterd" -a -d -f "$layout" -r "$root" >"$root/musterd.out" 2>&1 \
    </dev/null &
pids+=($!)

# "HAVE WANT" as the manager counts the nodes that reported
reported() {
	ctl -n manager status --json 2>/dev/null |
	    sed -n 's/.*"progress":{"have":\([0-9]*\),"want":\([0-9]*\)}.*/\1 \2/p'
}
last=
end=$((SECONDS + 180))
while [ "${last% *}" != "${last#* }" ] || [ -z "$last" ]; do
	[ "$SECONDS" -lt "$end" ] || die 'the cluster does not form'
	now=$(reported)
	if [ -n "$now" ] && [ "$now" != "$last" ]; then
		last=$now
		# shellcheck disable=SC2086
		progress $now
	fi
	read -r -t 0.05 -u "$pause" || :
done
ctl -n manager wait --for started --timeout 2min
for i in 1 2 3 4; do
	ctl -n "worker-$i" wait --for started --timeout 2min
done
echo "${green}cluster started${off}"
shown 'musterctl -n manager status'
ctl -n manager status | cut -c 1-70

# --- events ----------------------------------------------------------------------

step 'real Zeek events go from the workers to whoever subscribed'

# The recording if it is there, else our part of it; as musterctl takes it.
events() {
	local all=../shared/data/events/sample.jsonl
	if [ -f "$all" ]; then
		sed -n 's/^{"topic": \("[^"]*"\), "zeek": "[^"]*", "payload": \("[0-9a-f]*"\).*/{"topic":\1,"payload":\2}/p' "$all"
	else
		cat tests/data/events.jsonl
	fi
}

topic_of='"topic": *"[^"]*"'
events >"$root/events"
# What is meant for workers comes from the manager, the rest from the workers.
grep '"topic": *"zeek/cluster/worker"' "$root/events" >"$root/from.manager" || :
grep -v '"topic": *"zeek/cluster/worker"' "$root/events" |
    awk -v root="$root" '{ print >(root "/from.worker-" NR % 4 + 1) }'

# watch NODE TOPIC...: what arrives there, counted later
watchers=()
follow() {
	local node=$1
	shift
	"$B/musterctl" -q -f "$layout" -r "$root" -n "$node" watch --json "$@" \
	    >"$root/at.$node" 2>&1 </dev/null &
	pids+=($!)
	watchers+=("$node")
}
follow manager zeek/events/ zeek/cluster/manager
follow logger-1 zeek/logs/
follow logger-2 zeek/logs/
follow proxy-1 zeek/cluster/pool/proxy
follow proxy-2 zeek/cluster/pool/proxy
for i in 1 2 3 4; do
	follow "worker-$i" zeek/cluster/worker
done

# Everybody knows what the others want to hear.
announced() {
	local i
	for i in 1 2 3 4; do
		ctl -n "worker-$i" peers --topics | grep -q 'manager  zeek/events/' &&
		    ctl -n "worker-$i" peers --topics |
		    grep -q 'proxy-2  zeek/cluster/pool/proxy' || return 1
	done
}
watching() {
	ctl -n "$1" status --json | grep -q '"clients":2'
}
for node in "${watchers[@]}"; do
	until_true 10 watching "$node"
done
until_true 10 announced
shown 'musterctl -n worker-1 publish --stdin < events'
for from in "$root"/from.*; do
	node=${from##*/from.}
	ctl -n "$node" publish --stdin <"$from" 2>"$root/said.$node" ||
	    die "$(cat "$root/said.$node")"
	printf '    %-9s %s\n' "$node" "$(cat "$root/said.$node")"
done

# expected PATTERN: lines whose topic begins so
expected() {
	grep -cE "\"topic\": *\"($1)" "$root/events" || :
}
arrived() {
	grep -c '^{"event"' "$root/at.$1" || :
}
all_there() {
	local i
	[ "$(arrived manager)" -ge "$(expected 'zeek/events/|zeek/cluster/manager')" ] &&
	    [ "$(arrived logger-1)" -ge "$(expected zeek/logs/)" ] &&
	    [ "$(arrived logger-2)" -ge "$(expected zeek/logs/)" ] &&
	    [ "$(arrived proxy-1)" -ge "$(expected zeek/cluster/pool/proxy)" ] &&
	    [ "$(arrived proxy-2)" -ge "$(expected zeek/cluster/pool/proxy)" ] ||
	    return 1
	for i in 1 2 3 4; do
		[ "$(arrived "worker-$i")" -ge "$(wc -l <"$root/from.manager")" ] ||
		    return 1
	done
}
until_true 20 all_there
echo "arrived:"
for node in "${watchers[@]}"; do
	grep -o "^{\"event\":{$topic_of" "$root/at.$node" |
	    sed 's/.*"\(zeek\/logs\)\/.*/\1/
		s/.*"\(zeek\/[a-z]*\/[a-z0-9]*\).*/\1/' |
	    sort | uniq -c | sort -rn |
	    awk -v node="$node" '
		NR <= 6 { printf "    %-9s %5d  %s\n", node, $1, $2; node = "" }
		NR > 6 { more += $1; kinds++ }
		END { if (kinds) printf "    %-9s %5d  in %d more topics\n", "",
		    more, kinds }'
done

# --- degraded, restored ------------------------------------------------------------

step 'worker-2 is killed with -9: degraded, restarted by musterd -a, restored'
"$B/musterctl" -q -f "$layout" -r "$root" -n logger-1 watch \
    muster/cluster/state >"$root/state" 2>&1 </dev/null &
pids+=($!)
attached() {
	ctl -n logger-1 status --json | grep -q '"clients":3'
}
until_true 10 attached
pid=$(cat "$root/var/lib/muster/worker-2/lock")
shown "kill -9 $pid"
kill -9 "$pid"
until_true 20 grep -q Muster::cluster_degraded "$root/state"
until_true 20 grep -q Muster::cluster_restored "$root/state"
ctl -n manager wait --for restored --timeout 2min
sed 's/^/    event  /' "$root/state"
shown 'tail cluster.log'
grep -E $'\t(node down|cluster (connected|degraded|restored)|got hello from worker-2)' \
    "$root/var/log/muster/manager/cluster.log" | cut -f 2,3 | sed 's/^/    /'

# --- stores ------------------------------------------------------------------------

step 'a store: its master is on the manager, everybody has a clone'
store() { # NODE ARGUMENT...
	local node=$1
	shift
	ctl -n "$node" store "$@"
}
is_fresh() {
	ctl -n "$1" stores | grep -q '^inventory .* fresh '
}
reads() { # NODE KEY VALUE
	[ "$(store "$1" get inventory "$2")" = "$3" ]
}
gone() { # NODE KEY
	[ "$(store "$1" exists inventory "$2")" = F ]
}
for node in manager worker-1 worker-2 worker-3 worker-4; do
	until_true 20 is_fresh "$node"
done
shown 'musterctl -n worker-1 store put inventory 192.0.2.1 count:1'
store worker-1 put inventory 192.0.2.1 count:1
shown 'musterctl -n worker-3 store get inventory 192.0.2.1'
until_true 5 reads worker-3 192.0.2.1 1
printf '    worker-3 reads %s\n' "$(store worker-3 get inventory 192.0.2.1)"

shown 'musterctl -n worker-N store put-unique inventory leader worker-N   (all at once)'
racers=()
for i in 1 2 3 4; do
	store "worker-$i" put-unique inventory leader "worker-$i" \
	    >/dev/null 2>"$root/race.$i" &
	racers+=($!)
done
winners=0
for i in 1 2 3 4; do
	rc=0
	wait "${racers[$((i - 1))]}" || rc=$?
	case $rc in
	0)
		winners=$((winners + 1))
		echo "    worker-$i won"
		;;
	1) echo "    worker-$i: $(cat "$root/race.$i")" ;;
	*) die "$(cat "$root/race.$i")" ;;
	esac
done
[ "$winners" -eq 1 ] || die "$winners winners"

shown 'musterctl -n worker-2 store put inventory lease x --expiry 1s'
store worker-2 put inventory lease x --expiry 1s
until_true 5 gone worker-4 lease
until_true 5 gone manager lease
echo '    a second later it is gone everywhere'

step 'the master is killed with -9 under writes: what was acknowledged stays'
for i in $(seq 10000); do
	echo "{\"key\":\"k$i\",\"value\":\"count:$i\"}"
done >"$root/pairs"
pid=$(cat "$root/var/lib/muster/manager/lock")
shown "musterctl -n worker-1 store restore inventory < pairs; kill -9 $pid"
store worker-1 --timeout 3min restore inventory <"$root/pairs" \
    2>"$root/restored" &
writer=$!
# Some are there, many are on the way.
has_some() {
	[ "$(ctl -n manager stores | awk '/^inventory/ { print $6 }')" -gt 100 ]
}
until_true 20 has_some
kill -9 "$pid"
# Whether the writes of that moment were done may be unknown: a put can be
# repeated, from the line that restore names.
if ! wait "$writer"; then
	line=$(sed -n 's/.*go on with line \([0-9]*\):.*/\1/p' "$root/restored")
	[ -n "$line" ] || die "$(cat "$root/restored")"
	sed 's/^/    /' "$root/restored"
	tail -n "+$line" "$root/pairs" | store worker-1 --timeout 3min restore \
	    inventory 2>"$root/restored" || die "$(cat "$root/restored")"
fi
until_true 20 is_fresh manager
ctl -n manager wait --for restored --timeout 2min
printf '    %s\n' "$(cat "$root/restored")"
store manager dump inventory --prefix k >"$root/dumped"
printf '    the master has %s of them after its restart\n' \
    "$(wc -l <"$root/dumped")"
[ "$(wc -l <"$root/dumped")" -eq 10000 ] || die 'some are lost'
reads manager 192.0.2.1 1 || die 'the first pair is lost'
for i in 1 2 3 4; do
	until_true 20 is_fresh "worker-$i"
	until_true 10 reads "worker-$i" k10000 10000
done
shown 'musterctl -n manager stores'
ctl -n manager stores

# --- logs --------------------------------------------------------------------------

step 'real Zeek logs from four workers to two loggers, one of which is killed'
logs=../shared/data/zeek-logs/tsv
[ -d "$logs/merged" ] || logs=tests/data/zeek-logs/tsv
mkdir "$root/logs"
# One file of each path, under names of their own: the events above brought log
# records of Zeek's, too.
for f in "$logs"/merged/*.log* "$logs"/big/*.log*; do
	name=${f##*/}
	name=${name%%.*}
	case $f in
	*\**) continue ;;
	*/big/*) name=big_$name ;;
	*) name=trace_$name ;;
	esac
	case $f in
	*.gz) gzip -dc "$f" ;;
	*) cat "$f" ;;
	esac >"$root/logs/$name.log"
done
total=$(cat "$root"/logs/* | grep -vc '^#')
# on_disk PATH: the records in all files of both loggers
on_disk() {
	cat "$root"/var/log/muster/logger-[12]/logs/"$1".*log 2>/dev/null |
	    grep -v '^#' || :
}
ship() { # WORKER: every fourth file
	local i=0 f name
	for f in "$root"/logs/*; do
		name=${f##*/}
		i=$((i + 1))
		[ $((i % 4 + 1)) -eq "$1" ] || continue
		ctl -q -n "worker-$1" log write "${name%%.*}" "$f"
	done
}
shown "musterctl -n worker-N log write PATH FILE   ($total records in all)"
shippers=()
for i in 1 2 3 4; do
	ship "$i" >"$root/ship.$i" 2>&1 &
	shippers+=($!)
done
half_way() {
	[ "$(cat "$root"/var/log/muster/logger-[12]/logs/*.log 2>/dev/null |
	    grep -vc '^#')" -ge $((total / 2)) ]
}
until_true 60 half_way
pid=$(cat "$root/var/lib/muster/logger-1/lock")
shown "kill -9 $pid   (logger-1)"
kill -9 "$pid"
for i in 1 2 3 4; do
	wait "${shippers[$((i - 1))]}" || die "$(cat "$root/ship.$i")"
done
taken_all() {
	local i
	for i in 1 2 3 4; do
		ctl -n "worker-$i" logs --json |
		    grep -q '"collected":0,"waiting":0,' || return 1
	done
}
until_true 60 taken_all
sums() { # of sorted lines
	LC_ALL=C sort | sha256sum | cut -c 1-16
}
failed=0
for f in "$root"/logs/*; do
	name=${f##*/}
	echo "${name%%.*}"
done | sort -u >"$root/paths"
while read -r path; do
	want=$(cat "$root/logs/$path".* | grep -v '^#' | sums)
	have=$(on_disk "$path" | sums)
	[ "$want" = "$have" ] || {
		echo "    $path: not the same records"
		failed=1
	}
done <"$root/paths"
[ "$failed" -eq 0 ] || die 'records are lost or doubled'
have=$(while read -r path; do on_disk "$path"; done <"$root/paths" | wc -l)
printf '    %s records of %s logs sent, %s on disk, each exactly once\n' \
    "$total" "$(wc -l <"$root/paths")" "$have"
[ "$total" -eq "$have" ] || die 'the numbers differ'
ctl -n manager wait --for restored --timeout 2min
shown 'musterctl -n logger-2 logs'
ctl -n logger-2 logs | head -n 12 | cut -c 1-78

# --- further -----------------------------------------------------------------------

step "everything worked, in $((SECONDS - began)) s after the build"
cat <<END
To look around yourself:
    B=$B
    cp conf/demo.yaml cluster.yaml
    \$B/musterctl -f cluster.yaml tls init
    \$B/musterctl -f cluster.yaml tls issue --all
    \$B/musterd -a -d -f cluster.yaml -r root
and in another terminal
    \$B/musterctl -r root -n manager status
    \$B/musterctl -r root -n worker-1 peers
    \$B/musterctl -r root -n manager watch zeek/ app/
    \$B/musterctl -r root -n worker-1 publish app/x App::hello 192.0.2.1 5min
    \$B/musterctl store --help   (with "stores:" in the layout)
    \$B/musterctl publish --help
Manual: man ./man/musterctl.8, ./man/musterd.8, ./man/muster.yaml.5
END
if [ -n "${KEEP:-}" ]; then
	echo "The cluster goes on below $root until you press return."
	read -r _ || :
fi

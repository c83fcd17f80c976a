# What the scenarios share: a folder of its own for each, layouts with free
# ports, certificates, nodes as real processes, waiting on conditions.
#
# Variables: B is where the programs were built.  After sourcing: $T the
# scenario's folder, which is also the root (-r) of its nodes, $LAYOUT.
# Sourced by bash scripts with "set -eu".

export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
B=${B:-build}
MUSTERD=$B/musterd
MUSTERCTL=$B/musterctl
RAWPEER=$B/tests/rawpeer
unset MUSTER_NODE CLUSTER_NODE
# Factor for all deadlines.  They are for what never happens: one that is met
# at last on a busy machine is no failure.
slow=3
if [ "${MUSTER_SANITIZED:-0}" = 1 ]; then
	slow=8
fi

T=$(mktemp -d "${TMPDIR:-/tmp}/ms.XXXXXX")
LAYOUT=$T/cluster.yaml
export MUSTER_PORTS=${MUSTER_PORTS:-$T/ports} # given out, of all scenarios
declare -A PID=()   # of nodes by name
declare -a OTHERS=() # further processes of ours
STATUS=
WHY=
AT_END= # a command for the end
FAILED_AT=
declare -a STORY=() # what has been said
exec {PAUSE}<> <(:) # nothing ever comes from here: a pause without sleep

# --- the end -------------------------------------------------------------------

cleanup() {
	local rc=$? p name
	trap - EXIT
	set +eu
	for p in "${PID[@]}" "${OTHERS[@]}"; do
		kill -CONT "$p" 2>/dev/null
		kill -TERM "$p" 2>/dev/null
	done
	if [ "$rc" -ne 0 ] && [ "$rc" -ne 77 ]; then
		for name in "$T"/*.out; do
			echo "--- ${name##*/}"
			tail -n 15 "$name"
		done 2>/dev/null | tail -n 200
		tell_story "$rc"
	fi
	for p in "${PID[@]}" "${OTHERS[@]}"; do
		patiently 8 gone "$p" || kill -KILL "$p" 2>/dev/null
	done
	wait 2>/dev/null
	$AT_END
	rm -rf "$T"
	exit "$rc"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# tell_story STATUS: what had been tried and why it ended; comes last, because
# reports of failures show the end
tell_story() {
	[ ! -s "$T/err" ] || {
		echo "--- the last error output"
		tail -n 5 "$T/err"
	}
	echo "--- the story"
	[ "${#STORY[@]}" -eq 0 ] || printf '%s\n' "${STORY[@]}"
	[ -n "$WHY" ] || WHY="at line ${FAILED_AT:-?}"
	echo "FAILED with status $1 after $(since_start): $WHY"
}

# since_start: the time that passed, "12.3 s"
since_start() {
	local d=$(($(now_ms) - STARTED))
	echo "$((d / 1000)).$((d / 100 % 10)) s"
}

fail() {
	echo "FAILED: $*"
	WHY=$*
	exit 1
}
# A command that "set -e" ends the scenario for says where it stands.
set -E
trap 'FAILED_AT="$LINENO: $BASH_COMMAND"' ERR

skip() {
	echo "skipped: $*"
	exit 77
}

# say TEXT: what is being tried; the story of the scenario
say() {
	STORY+=("- $* (at $(since_start))")
	echo "- $*"
}

# --- waiting -------------------------------------------------------------------

pause() {
	read -r -t "${1:-0.05}" -u "$PAUSE" || :
}

# patiently SECONDS COMMAND...: until it succeeds; false after the deadline
patiently() {
	local end
	end=$(($(now_ms) + $(ms "$1") * slow))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ "$(now_ms)" -ge "$end" ]; then
			return 1
		fi
		pause
	done
}

now_ms() {
	local t=$EPOCHREALTIME
	echo "${t%.*}${t:$((${#t} - 6)):3}"
}

# ms SECONDS: "1.5" gives 1500
ms() {
	local whole=${1%.*} rest=
	case $1 in
	*.*)	rest=${1#*.} ;;
	esac
	rest=${rest}000
	echo $((10#$whole * 1000 + 10#${rest:0:3}))
}

# until_true SECONDS COMMAND...: the same, and it must
until_true() {
	patiently "$@" || fail "not within $1 s: ${*:2}"
}

# never SECONDS COMMAND...: it must not succeed meanwhile
never() {
	if slow=1 patiently "$@"; then
		fail "happened: ${*:2}"
	fi
}

gone() {
	# A child that ended but was not waited for counts as gone, unless a
	# thread of it still waits for the disk, with all its locks.
	[ ! -d "/proc/$1" ] || {
		grep -q '^State:[[:space:]]*Z' "/proc/$1/status" &&
		    grep -q '^Threads:[[:space:]]*[01]$' "/proc/$1/status"
	}
}

# has FILE TEXT: some line of FILE holds this text
has() {
	grep -qF -- "$2" "$1"
}

# lines FILE PATTERN: how many lines match (extended expression)
lines() {
	grep -cE -- "$2" "$1" || :
}

# expect_lines N FILE PATTERN
expect_lines() {
	local n
	n=$(lines "$2" "$3")
	[ "$n" -eq "$1" ] || fail "$n lines, not $1, match '$3' in ${2##*/}"
}

has_lines() {
	[ "$(lines "$2" "$3")" -ge "$1" ]
}

STARTED=$(now_ms)

# --- layouts -------------------------------------------------------------------

# ports N: N free ports into the array P
ports() {
	mapfile -t P < <("$B/tests/freeports" "$1")
	[ "${#P[@]}" -eq "$1" ] || fail "no $1 free ports"
}

# certificates: a CA and a certificate for each node of the layout
certificates() {
	"$MUSTERCTL" -q -f "$LAYOUT" tls init
	"$MUSTERCTL" -q -f "$LAYOUT" tls issue --all
}

# nine_nodes [EXTRA]: manager, 2 loggers, 2 proxies, 4 workers; EXTRA is added
# to the layout
nine_nodes() {
	ports 5
	cat >"$LAYOUT" <<END
cluster: nine
nodes:
  manager:      {role: manager, host: 127.0.0.1, port: ${P[0]}}
  logger-1:     {role: logger, host: 127.0.0.1, port: ${P[1]}}
  logger-2:     {role: logger, host: 127.0.0.1, port: ${P[2]}}
  proxy-1:      {role: proxy, host: 127.0.0.1, port: ${P[3]}}
  proxy-2:      {role: proxy, host: 127.0.0.1, port: ${P[4]}}
  worker-[1-4]: {role: worker, host: 127.0.0.1}
${1:-}
END
	NODES='manager logger-1 logger-2 proxy-1 proxy-2
		worker-1 worker-2 worker-3 worker-4'
}

# five_nodes [EXTRA]: manager, logger, proxy, 2 workers
five_nodes() {
	ports 3
	cat >"$LAYOUT" <<END
cluster: five
nodes:
  manager:      {role: manager, host: 127.0.0.1, port: ${P[0]}}
  logger-1:     {role: logger, host: 127.0.0.1, port: ${P[1]}}
  proxy-1:      {role: proxy, host: 127.0.0.1, port: ${P[2]}}
  worker-[1-2]: {role: worker, host: 127.0.0.1}
${1:-}
END
	NODES='manager logger-1 proxy-1 worker-1 worker-2'
}

# --- nodes ---------------------------------------------------------------------

# start NODE...: each a process; its messages go to $T/NODE.out
start() {
	local node
	for node; do
		"$MUSTERD" -d -f "$LAYOUT" -r "$T" "$node" \
		    >>"$T/$node.out" 2>&1 </dev/null &
		PID[$node]=$!
	done
}

# start_slow NODE: on the disk of slowdisk.c, as SLOWDISK_... in the environment
# say
start_slow() {
	local disk=$B/tests/slowdisk.so
	[ -f "$disk" ] || fail "$disk is not built"
	# The sanitizers want to be first, and need not be.
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 \
	    LD_PRELOAD=$(realpath "$disk") start "$1"
}

# finish NODE SECONDS: wait for its end; its status is in STATUS
finish() {
	until_true "$2" gone "${PID[$1]}"
	STATUS=0
	{ wait "${PID[$1]}"; } 2>/dev/null || STATUS=$?
	unset "PID[$1]"
}

# stop NODE...: in an orderly way
stop() {
	local node
	for node; do
		kill -TERM "${PID[$node]}"
	done
	for node; do
		finish "$node" 10
		[ "$STATUS" -eq 0 ] || fail "$node ended with status $STATUS"
	done
}

# kill9 NODE...
kill9() {
	local node
	for node; do
		disown "${PID[$node]}" # or the shell would report its death
		kill -KILL "${PID[$node]}"
		until_true 5 gone "${PID[$node]}"
		unset "PID[$node]"
	done
}

freeze() {
	kill -STOP "${PID[$1]}"
}

thaw() {
	kill -CONT "${PID[$1]}"
}

# ctl NODE ARGUMENT...: musterctl about that node
ctl() {
	"$MUSTERCTL" -f "$LAYOUT" -r "$T" -n "$@"
}

# await STATE NODE...: as "musterctl wait --for"
await() {
	local state=$1 node
	shift
	for node; do
		ctl "$node" wait --for "$state" --timeout "$((20 * slow))s" ||
		    fail "$node is not $state"
	done
}

# field NODE REQUEST EXPRESSION: of the JSON answer, by jq
field() {
	ctl "$1" "$2" --json | jq -r "$3"
}

# is NODE REQUEST EXPRESSION: the expression is true
is() {
	[ "$(field "$@" 2>/dev/null)" = true ]
}

# The records of a node's log, without its header.
log_of() {
	echo "$T/var/log/muster/$1/$2.log"
}

# messages NODE: the column "message" of its cluster.log
messages() {
	grep -v '^#' "$(log_of "$1" cluster)" | cut -f 3
}

# rss NODE: resident memory in kB
rss() {
	awk '/^VmRSS:/ { print $2 }' "/proc/${PID[$1]}/status"
}

# ticks NODE: clock ticks of CPU that it has used
ticks() {
	sed 's/.*) //' "/proc/${PID[$1]}/stat" | awk '{ print $12 + $13 }'
}

# rests NODE: it has nothing to do, and uses less than half a core
rests() {
	local before
	before=$(ticks "$1")
	pause 1
	[ $(($(ticks "$1") - before)) -lt $(($(getconf CLK_TCK) / 2)) ]
}

# raw NAME ARGUMENT...: rawpeer in the background; its lines go to $T/NAME.out.
# It ends when the scenario does, at the latest.
raw() {
	local name=$1
	shift
	: >"$T/$name.out"
	"$RAWPEER" --deadline $((20 * slow)) "$@" >>"$T/$name.out" 2>&1 \
	    <&"$PAUSE" &
	PID[$name]=$!
}

# watch NODE NAME TOPIC...: musterctl watch in the background, in $T/NAME.out
watch() {
	local node=$1 name=$2
	shift 2
	rm -f "$T/$name.out" "$T/$name.err" # of another one by that name
	# Not through ctl: the process itself must be the child.
	"$MUSTERCTL" -f "$LAYOUT" -r "$T" -n "$node" watch "$@" \
	    >"$T/$name.out" 2>"$T/$name.err" </dev/null &
	PID[$name]=$!
	until_true 5 has "$T/$name.err" watching
}

for program in "$MUSTERD" "$MUSTERCTL" "$RAWPEER" "$B/tests/freeports"; do
	[ -x "$program" ] || fail "$program is not built"
done
for program in jq socat; do
	command -v "$program" >/dev/null || skip "$program is not installed"
done

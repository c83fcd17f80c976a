# What the scenarios about sending logs share; sourced after lib.sh.

# sender NODE EXPRESSION: of what is on its way from that node, by jq
sender() {
	field "$1" logs ".sender | $2"
}

# sender_is NODE EXPRESSION: the expression is true
sender_is() {
	[ "$(sender "$@" 2>/dev/null)" = true ]
}

# delivered NODE...: nothing is on its way from them
delivered() {
	local node
	for node; do
		sender_is "$node" '.spool | .waiting == 0 and .collected == 0' ||
		    return 1
	done
}

# records PATH: the records of that log on the disks of all loggers, without
# headers
records() {
	cat "$T"/var/log/muster/*/logs/"$1"{,.*}.log 2>/dev/null |
	    grep -v '^#' || :
}

# numbers FIRST LAST: JSON lines {"n":...}
numbers() {
	seq "$1" "$2" | sed 's/.*/{"n":&}/'
}

# ship NODE STREAM FIRST LAST [FILE]: write these numbers there; what musterctl
# says goes to FILE, and its status is returned; it waits for room $PATIENCE
ship() {
	numbers "$3" "$4" |
	    ctl "$1" log write "$2" --timeout "${PATIENCE:-1min}" --types n:count >"${5:-/dev/null}" 2>&1
}

# once FIRST LAST PATH: each of these numbers is on disk exactly once, and
# nothing else
once() {
	seq "$1" "$2" >"$T/want"
	records "$3" | sort -n >"$T/have"
	cmp -s "$T/want" "$T/have" ||
	    fail "$3: $(diff "$T/want" "$T/have" | head -n 5 | tr '\n' ' ')"
}

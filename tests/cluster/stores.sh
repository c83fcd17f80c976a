# What the scenarios of stores share; sourced after lib.sh.

# fresh STORE NODE...: their copies are up to date, before long
fresh() {
	local store=$1 node
	shift
	for node; do
		patiently 20 is "$node" stores \
		    ".stores[] | select(.name == \"$store\") | .state == \"fresh\"" ||
		    fail "$store is not fresh: $(ctl "$node" stores --json 2>&1)"
	done
}

# outcome STATUS NODE ARGUMENT...: of "musterctl store"; output in OUT, $T/err
outcome() {
	local rc=0 status=$1 node=$2
	shift 2
	OUT=$(ctl "$node" store "$@" 2>"$T/err") || rc=$?
	[ $rc -eq "$status" ] ||
	    fail "$node: store $*: status $rc, not $status: $(cat "$T/err")"
}

# done_at NODE ARGUMENT...: it works, without a word
done_at() {
	outcome 0 "$@"
	[ -z "$OUT$(cat "$T/err")" ] || fail "store $*: $OUT $(cat "$T/err")"
}

# put KEY VALUE: at $writer into s
put() {
	done_at "$writer" put s "$@"
}

# says NODE KEY VALUE [STORE]
says() {
	[ "$(ctl "$1" store get "${4:-s}" "$2" 2>/dev/null)" = "$3" ]
}

# reads KEY VALUE: at $reader, before long
reads() {
	patiently 5 says "$reader" "$1" "$2" ||
	    fail "$reader: $1 is $(ctl "$reader" store get s "$1" 2>&1), not $2"
}

# missing NODE KEY [STORE]
missing() {
	local rc=0
	ctl "$1" store get "${3:-s}" "$2" >/dev/null 2>&1 || rc=$?
	[ $rc -eq 1 ]
}

has_key() {
	ctl "$1" store exists s "$2" >/dev/null 2>&1
}

# empty NODE: no keys in s
empty() {
	[ -z "$(ctl "$1" store keys s)" ]
}

# content NODE [STORE]: all pairs in one order, for comparing
content() {
	ctl "$1" store dump "${2:-s}" | sort
}

# same NODE NODE: the same content
same() {
	[ "$(content "$1")" = "$(content "$2")" ]
}

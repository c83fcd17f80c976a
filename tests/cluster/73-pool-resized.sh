#!/usr/bin/env bash
#
# A pool is resized by a reload while everything runs: exactly the keys of the
# node that came or went move, all nodes agree about every key, and events that
# are published by key arrive where the keys now are.
set -eu
. "$(dirname "$0")/lib.sh"

ports 6
write_layout() { # MAX_NODES [PROXY]
	cat >"$LAYOUT" <<END
cluster: resized
nodes:
  manager:   {role: manager, host: 127.0.0.1, port: ${P[0]}}
  proxy-1:   {role: proxy, host: 127.0.0.1, port: ${P[1]}}
  proxy-2:   {role: proxy, host: 127.0.0.1, port: ${P[2]}}
  proxy-3:   {role: proxy, host: 127.0.0.1, port: ${P[3]}}
  proxy-4:   {role: proxy, host: 127.0.0.1, port: ${P[4]}}
${2:-}
  worker-1:  {role: worker, host: 127.0.0.1}
  worker-2:  {role: worker, host: 127.0.0.1}
pools:
  work:      {type: proxy, max_nodes: $1}
END
}
NODES='manager proxy-1 proxy-2 proxy-3 proxy-4 worker-1 worker-2'
NKEYS=2000
seq -f 'key-%g' $NKEYS >"$T/keys"

resize() { # MAX_NODES [PROXY]
	local node
	write_layout "$@"
	for node in $NODES; do
		ctl "$node" reload >/dev/null
	done
}

# where NAME [POOL]: who has which key, as everybody says it, in $T/NAME.where
where() {
	local node pool=${2:-work}
	# Those who see every proxy, by what they see.
	for node in manager worker-1 worker-2; do
		# shellcheck disable=SC2046
		ctl $node pool where --type string "$pool" $(cat "$T/keys") \
		    >"$T/$1.$node"
		cmp -s "$T/$1.manager" "$T/$1.$node" ||
		    fail "$1: manager and $node do not agree"
	done
	# A proxy does not see itself.
	for node in proxy-1 proxy-2 proxy-3 proxy-4; do
		# shellcheck disable=SC2046
		ctl $node pool where --type string "$pool" --assume-alive \
		    $(cat "$T/keys") >"$T/$1.$node"
		cmp -s "$T/$1.manager" "$T/$1.$node" ||
		    fail "$1: manager and $node do not agree"
	done
	mv "$T/$1.manager" "$T/$1.where"
	expect_lines $NKEYS "$T/$1.where" '	proxy-[1-5]$'
}

# arrives: every 10th key is published; each proxy gets exactly its own
round=0
arrives() { # NAME
	local p
	round=$((round + 1))
	awk 'NR % 10 == 0' "$T/$1.where" >"$T/sample"
	cut -f 1 "$T/sample" | sed "s/.*/{\"hrw\":\"work\",\"key\":\"string:&\",\
\"event\":\"Test::round$round\",\"args\":[\"&\"]}/" |
	    ctl worker-1 publish - 2>"$T/err" || fail "$(cat "$T/err")"
	has "$T/err" "$((NKEYS / 10)) published, 0 refused"
	for p in 1 2 3 4; do
		until_true 10 has_lines \
		    "$(grep -c "	proxy-$p\$" "$T/sample")" \
		    "$T/seen-$p.out" "Test::round$round\\("
		sed -n "s/.*Test::round$round(\\(key-[0-9]*\\)).*/\\1/p" \
		    "$T/seen-$p.out" | sort >"$T/got"
		grep "	proxy-$p\$" "$T/sample" | cut -f 1 | sort |
		    cmp -s - "$T/got" || fail "$1: proxy-$p got other keys"
	done
}

# moved FROM TO NODE: keys moved between NODE and others only, and all of them
moved() {
	paste "$T/$1.where" "$T/$2.where" | awk -v node="$3" '
		$1 != $3 { exit 1 }
		$2 == $4 && $2 == node { exit 1 }
		$2 != $4 && $2 != node && $4 != node { exit 1 }
		$2 != $4 { n++ }
		END { print n + 0 }' >"$T/moved" ||
	    fail "from $1 to $2: other keys moved than those of $3"
}

write_layout 3
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
for p in 1 2 3 4; do
	watch proxy-$p seen-$p zeek/cluster/node/proxy-$p/
done
all_alive() { # NODE NUMBER [POOL]
	is "$1" pools ".pools[] | select(.name == \"${3:-work}\") | .alive == $2"
}

say 'three of four proxies share the keys'
for node in manager worker-1 worker-2; do
	until_true 10 all_alive $node 3
done
where three
expect_lines 0 "$T/three.where" 'proxy-4$'
arrives three

say 'the pool grows: only keys that the new member wants move, to it'
resize 4
for node in manager worker-1 worker-2; do
	all_alive $node 4 || fail "$node does not see the fourth"
done
where four
moved three four proxy-4
n=$(cat "$T/moved")
[ "$n" -eq "$(grep -c 'proxy-4$' "$T/four.where")" ]
[ "$n" -ge $((NKEYS / 5)) ] && [ "$n" -le $((NKEYS * 3 / 10)) ] ||
    fail "$n of $NKEYS keys moved"
arrives four

say 'it shrinks: exactly they move back'
resize 3
where again
cmp "$T/three.where" "$T/again.where"
arrives again

say 'and to two: only those of the third move'
resize 2
where two
moved three two proxy-3
[ "$(cat "$T/moved")" -eq "$(grep -c 'proxy-3$' "$T/three.where")" ]
arrives two

say 'a node more in the layout: the standard pool grows by it'
where before proxy
fifth="  proxy-5:   {role: proxy, host: 127.0.0.1, port: ${P[5]}}"
resize 2 "$fifth"
"$MUSTERCTL" -q -f "$LAYOUT" tls issue proxy-5
start proxy-5
for node in manager worker-1 worker-2; do
	until_true 20 all_alive $node 5 proxy
done
where after proxy
moved before after proxy-5
[ "$(cat "$T/moved")" -eq "$(grep -c 'proxy-5$' "$T/after.where")" ]
[ "$(cat "$T/moved")" -gt 0 ]
# the smaller pool did not notice
where still
cmp "$T/two.where" "$T/still.where"

say 'and when it dies exactly these go back'
kill9 proxy-5
for node in manager worker-1 worker-2; do
	until_true 20 all_alive $node 4 proxy
	# shellcheck disable=SC2046
	ctl $node pool where --type string proxy $(cat "$T/keys") |
	    cmp "$T/before.where" -
done
# shellcheck disable=SC2086
stop worker-1 worker-2 proxy-1 proxy-2 proxy-3 proxy-4 manager

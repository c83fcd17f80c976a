#!/usr/bin/env bash
#
# The layouts in conf/examples about patterns of communication do what their
# comments say, but for the ports.
set -eu
. "$(dirname "$0")/lib.sh"

# example NAME NODE...: the layout on free ports, these nodes run
example() {
	local i name=$1
	shift
	say "$name"
	ports 6
	cp "conf/examples/$name.yaml" "$LAYOUT"
	sed -i "s/port: 47761/port: ${P[0]}/" "$LAYOUT"
	# ports that need not be neighbours
	for i in 1 2 3 4 5; do
		grep -q "^  proxy-\[1-[$i-5]\]:" "$LAYOUT" || continue
		echo "  proxy-$i: {role: proxy, port: ${P[$i]}}"
	done >"$T/proxies"
	sed -i -e "/^  proxy-\[/{r $T/proxies
	    d}" "$LAYOUT"
	RUNNING=("$@")
	start "$@"
	await started "$@"
}

# over: end them, and begin anew
over() {
	stop "${RUNNING[@]}"
	rm -rf "$T/var" "$T/run" "$T"/*.out
}

example manager-to-workers manager worker-1 worker-2 worker-3
for w in 1 2 3; do
	watch worker-$w ear-$w zeek/cluster/worker "zeek/cluster/node/worker-$w/"
done
ctl manager publish zeek/cluster/worker App::block 192.0.2.1
for w in 1 2 3; do
	until_true 10 has "$T/ear-$w.out" 'App::block(192.0.2.1)'
done
ctl manager publish zeek/cluster/node/worker-2/ App::hello
until_true 10 has "$T/ear-2.out" App::hello
expect_lines 0 "$T/ear-1.out" App::hello
ctl manager id set App::limit count:7
ctl manager id publish App::limit zeek/cluster/worker
limit_is() {
	[ "$(ctl "$1" id get App::limit)" = "$2" ]
}
until_true 10 limit_is worker-3 7
over

example worker-to-manager manager worker-1 worker-2
watch manager ear zeek/cluster/manager
ctl worker-1 publish zeek/cluster/manager App::seen worker-1
ctl worker-1 publish zeek/cluster/manager App::seen worker-1
until_true 10 has_lines 2 "$T/ear.out" 'App::seen\(worker-1\)'
seen() {
	[ "$(ctl worker-2 store get seen worker-1)" = "$1" ]
}
until_true 10 seen 2
over

PROXIES='proxy-1 proxy-2 proxy-3 proxy-4 proxy-5'
# shellcheck disable=SC2086
example uniform-over-proxies manager $PROXIES worker-1 worker-2
for p in $PROXIES; do
	watch "$p" "ear-$p" "zeek/cluster/node/$p/"
done
alive() {
	is worker-1 pools "[.pools[] | select(.name == \"proxy\") | .alive == $1] | all" &&
	    is worker-2 pools "[.pools[] | select(.name == \"proxy\") | .alive == $1] | all"
}
until_true 10 alive 4
is worker-1 pools '[.pools[] | select(.name == "intel") | .members[].name] == ["proxy-1"]'
is worker-1 pools '[.pools[] | select(.name == "proxy") | .members[] |
    .share_ppm > 200000 and .share_ppm < 300000] | all'
# 400 keys from two workers, each to one proxy and both to the same
for w in 1 2; do
	for i in $(seq 200); do
		echo "{\"hrw\":\"proxy\",\"key\":\"192.0.2.$i\",\"event\":\"App::look\",\"args\":[\"192.0.2.$i\"]}"
	done | ctl worker-$w publish - -q
done
all_there() {
	[ "$(cat "$T"/ear-proxy-*.out | grep -c App::look)" -eq 400 ]
}
until_true 15 all_there
expect_lines 0 "$T/ear-proxy-1.out" App::look
for p in 2 3 4 5; do
	n=$(grep -c App::look "$T/ear-proxy-$p.out")
	[ "$n" -ge 60 ] && [ "$n" -le 140 ] || fail "proxy-$p has $n of 400"
	# each key twice, from both workers
	[ "$(sort -u "$T/ear-proxy-$p.out" | wc -l)" -eq "$((n / 2))" ]
done
# only what a dead proxy had moves, and it comes back
mapfile -t KEYS < <(seq -f 192.0.2.%.0f 200)
ctl worker-1 pool where proxy "${KEYS[@]}" >"$T/before"
kill9 proxy-3
until_true 10 alive 3
ctl worker-2 pool where proxy "${KEYS[@]}" >"$T/without"
diff "$T/before" "$T/without" | sed -n 's/^< //p' >"$T/moved" || :
grep 'proxy-3$' "$T/before" | diff - "$T/moved"
start proxy-3
until_true 20 alive 4
ctl worker-1 pool where proxy "${KEYS[@]}" | diff "$T/before" -
turns=$(for _ in 1 2 3 4; do ctl worker-1 publish --rr proxy App::work; done |
    sort | uniq -c | awk '$1 == 1' | wc -l)
[ "$turns" -eq 4 ]
over

example known-hosts manager worker-1 worker-2
ctl worker-1 store put-unique zeek/known/hosts 192.0.2.1 T
rc=0
ctl worker-2 store put-unique zeek/known/hosts 192.0.2.1 T >"$T/o" || rc=$?
[ "$rc" -eq 1 ]
kill9 manager
start manager
await started manager
rc=0
ctl worker-2 store put-unique zeek/known/hosts 192.0.2.1 T >"$T/o" || rc=$?
[ "$rc" -eq 1 ]
has_host() {
	[ "$(ctl worker-2 store keys zeek/known/hosts)" = 192.0.2.1 ]
}
until_true 10 has_host
over

example software-by-partition manager proxy-1 proxy-2 worker-1 worker-2
until_true 10 is worker-1 pools '[.pools[] | select(.name == "proxy") | .alive == 2] | all'
for i in $(seq 20); do
	ctl worker-1 publish -q --hrw proxy "192.0.2.$i" Software::found "192.0.2.$i" nginx
	ctl worker-1 publish -q --hrw proxy "192.0.2.$i" Software::found "192.0.2.$i" sshd
done
partition() {
	ctl "proxy-$1" store keys "software/$1" | sort
}
complete() {
	[ "$({ partition 1; partition 2; } | wc -l)" -eq 20 ]
}
until_true 10 complete
mapfile -t KEYS < <(seq -f 192.0.2.%.0f 20)
for p in 1 2; do
	[ "$(partition $p)" = "$(ctl worker-2 pool where proxy "${KEYS[@]}" |
	    sed -n "s/\tproxy-$p\$//p" | sort)" ] || fail "parts differ"
	[ -n "$(partition $p)" ]
done
both_known() {
	[ "$(ctl "$1" store get "software/${1#proxy-}" 192.0.2.5)" = '{nginx, sshd}' ]
}
until_true 10 both_known "$(ctl worker-1 pool where proxy 192.0.2.5 | cut -f 2)"
over

say "no example is without a test"
for f in conf/examples/*.yaml; do
	name=${f##*/}
	grep -q "^example ${name%.yaml}\( \|\$\)" tests/cluster/*-examples-of-*.sh ||
	    fail "nobody runs $f"
done

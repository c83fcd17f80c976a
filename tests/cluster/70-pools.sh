#!/usr/bin/env bash
#
# Pools: the keys of Zeek's baseline go to the proxies Zeek sends them to, each
# to one; only the keys of a dead proxy move, and move back; round robin; what
# musterctl says about it.
set -eu
. "$(dirname "$0")/lib.sh"

ports 3
cat >"$LAYOUT" <<END
cluster: pools
nodes:
  manager:   {role: manager, host: 127.0.0.1, port: ${P[0]}}
  proxy-1:   {role: proxy, host: 127.0.0.1, port: ${P[1]}}
  proxy-2:   {role: proxy, host: 127.0.0.1, port: ${P[2]}}
  worker-1:  {role: worker, host: 127.0.0.1}
pools:
  pair:      {type: proxy, replicas: 2, weights: {proxy-1: 3}}
END
certificates
start manager proxy-1 proxy-2 worker-1
await started manager worker-1
for p in 1 2; do
	watch proxy-$p seen-$p zeek/cluster/node/proxy-$p/
done

KEYS='0 1 2 3 13 37 42 101'

# publish: the baseline's keys from the worker; prints the proxies chosen
publish() {
	local key
	for key in $KEYS; do
		ctl worker-1 publish --hrw proxy "count:$key" \
		    Test::key "count:$key" || return
	done | tr '\n' ' '
}
both_alive() {
	is worker-1 pools \
	    '[.pools[] | select(.name == "proxy") | .alive == '"$1"'] | all'
}
until_true 10 both_alive 2

say "every key to the proxy that Zeek's baseline has"
[ "$(publish)" = 'proxy-2 proxy-1 proxy-2 proxy-2 proxy-1 proxy-1 proxy-1 proxy-1 ' ]
until_true 10 has_lines 5 "$T/seen-1.out" Test::key
until_true 10 has_lines 3 "$T/seen-2.out" Test::key
expect_lines 5 "$T/seen-1.out" 'Test::key'
expect_lines 3 "$T/seen-2.out" 'Test::key'
expect_lines 3 "$T/seen-2.out" 'Test::key.*(0|2|3)'

say "proxy-1 dies: all keys go to proxy-2"
kill9 proxy-1
until_true 10 both_alive 1
[ "$(publish)" = 'proxy-2 proxy-2 proxy-2 proxy-2 proxy-2 proxy-2 proxy-2 proxy-2 ' ]
until_true 10 has_lines 11 "$T/seen-2.out" Test::key
expect_lines 5 "$T/seen-1.out" 'Test::key'

say "both are gone: nobody is alive, and that is said"
kill9 proxy-2
until_true 10 both_alive 0
rc=0
ctl worker-1 publish --hrw proxy count:1 Test::key 2>"$T/err" || rc=$?
[ "$rc" -eq 1 ]
has "$T/err" 'nobody of pool "proxy" is alive'
rc=0
ctl worker-1 publish --rr proxy Test::key 2>"$T/err" || rc=$?
[ "$rc" -eq 1 ]
rc=0
ctl worker-1 pool where proxy count:1 >"$T/where" || rc=$?
[ "$rc" -eq 1 ]
[ "$(cat "$T/where")" = 'count:1	nobody' ]
[ "$(ctl worker-1 pool where --assume-alive proxy count:1)" = 'count:1	proxy-1' ]

say "they return: the old mapping is back"
start proxy-1 proxy-2
until_true 20 both_alive 2
[ "$(publish)" = 'proxy-2 proxy-1 proxy-2 proxy-2 proxy-1 proxy-1 proxy-1 proxy-1 ' ]

say "round robin takes turns, each key its own"
turn() {
	ctl worker-1 publish --rr proxy "$@" Test::turn
}
first=$(turn)
second=$(turn)
[ "$first" != "$second" ]
[ "$(turn)" = "$first" ]
[ "$(turn --key x)" = proxy-1 ]
[ "$(turn --key x)" = proxy-2 ]
[ "$(turn x --)" = proxy-1 ]
[ "$(ctl worker-1 publish Test::turn 7 --rr proxy x)" = proxy-2 ]
[ "$(ctl worker-1 publish Test::turn --rr proxy y)" = proxy-1 ]
[ "$(turn --key x)" = proxy-1 ]
rc=0
ctl worker-1 publish Test::turn --rr proxy x --key z 2>"$T/err" || rc=$?
[ "$rc" -eq 64 ]
has "$T/err" 'two keys, "x" and --key "z"'

rc=0
ctl worker-1 publish --stdin --rr proxy </dev/null 2>"$T/err" || rc=$?
[ "$rc" -eq 64 ]

say "replicas and weights: both get it, the heavy one has more"
for p in 1 2; do
	watch proxy-$p again-$p zeek/cluster/node/proxy-$p/
done
[ "$(ctl worker-1 pool where pair count:0 | tr ' ' '\n' | wc -l)" -eq 2 ]
[ "$(ctl worker-1 publish --hrw pair count:0 Test::both | sort | tr '\n' ' ')" = \
    'proxy-1 proxy-2 ' ]
for p in 1 2; do
	until_true 10 has "$T/again-$p.out" Test::both
	expect_lines 1 "$T/again-$p.out" Test::both
done
for i in 1 2 3 4 5 6 7 8; do
	ctl worker-1 publish --rr pair Test::turn
done | sort | uniq -c | tr -s ' ' >"$T/turns"
[ "$(cat "$T/turns")" = "$(printf ' 6 proxy-1\n 2 proxy-2')" ]
is worker-1 pools '.pools[] | select(.name == "pair") | .members |
    map(.weight) == [3, 1] and (map(.share_ppm) | add) > 999990 and
    .[0].share_ppm > 700000 and .[0].share_ppm < 800000'
ctl worker-1 pools >"$T/table"
expect_lines 1 "$T/table" '^pair +proxy-1 +alive +3 +7[0-9]\.[0-9] % +[0-9]+ +6$'
expect_lines 1 "$T/table" '^ +proxy-2 +alive +1 +2[0-9]\.[0-9] % +[0-9]+ +2$'

say "every way to address: a node, its id, its class, its pools"
reaches() { # RECEIVERS TOPIC
	[ "$(ctl worker-1 publish --json "$2" Test::at | jq .receivers)" -eq "$1" ] ||
	    fail "$2 does not reach $1"
}
reaches 1 zeek/cluster/node/proxy-1/
reaches 1 "zeek/cluster/nodeid/$(field proxy-2 status .id)/"
reaches 2 zeek/cluster/proxy
reaches 1 zeek/cluster/manager
reaches 2 zeek/cluster/pool/proxy
reaches 2 zeek/cluster/pool/pair
# there is no logger, so the manager is one
reaches 1 zeek/cluster/pool/logger
reaches 0 zeek/cluster/pool/worker
reaches 0 zeek/cluster/node/proxy-3/

say "questions: types, missing nodes, JSON, mistakes"
[ "$(ctl worker-1 pool where proxy count:0 string:abc 1.2.3.4 80/tcp)" = \
    "$(printf 'count:0\tproxy-2\nstring:abc\tproxy-2\n1.2.3.4\tproxy-1\n80/tcp\tproxy-2')" ]
[ "$(ctl worker-1 pool where --type addr proxy 1.2.3.4)" = '1.2.3.4	proxy-1' ]
[ "$(ctl worker-1 pool where --type string proxy 1.2.3.4)" = '1.2.3.4	proxy-2' ]
[ "$(ctl worker-1 pool where --type enum:transport_proto proxy tcp \
    --json | jq -c '.keys[0].digest')" = 3073364589 ]
part() { # TYPE DATA: a value in the JSON form
	printf '{"@data-type":"%s","data":%s}' "$1" "$2"
}
digest() { # KEY [OPTION...]
	ctl worker-1 pool where proxy --json "$@" | jq -c '.keys[0].digest'
}
pair="$(part address '"1.2.3.4"'),$(part port '"80/tcp"')"
fields='record { a: addr; p: port; s: string &optional; }'
[ "$(digest "$(part vector "[$pair,$(part none '{}')]")" \
    --type "$fields")" = 1721541016 ]
[ "$(digest "$(part set "[$(part count 5)]")")" = 2937863005 ]
[ "$(ctl worker-1 publish --hrw proxy "$(part vector "[$pair,$(part string '"x"')]")" \
    --type "$fields" Test::record)" = proxy-2 ]
rc=0
ctl worker-1 pool where proxy "$(part vector '[]')" 2>"$T/err" || rc=$?
[ "$rc" -eq 64 ]
has "$T/err" 'key: an empty container does not tell its type'
[ "$(ctl worker-1 pool where proxy count:0 --without proxy-2)" = 'count:0	proxy-1' ]
is worker-1 'pools' '.pools | map(.name) == ["logger", "pair", "proxy", "worker"]'
for wrong in 'where proxi count:1' 'where proxy' 'were proxy count:1' \
    'where proxy enum-value:tcp' 'where proxy count:1 --without manager'; do
	rc=0
	# shellcheck disable=SC2086
	ctl worker-1 pool $wrong >"$T/out" 2>"$T/err" || rc=$?
	[ "$rc" -eq 64 ] || fail "pool $wrong: status $rc"
	[ ! -s "$T/out" ] && [ -s "$T/err" ]
done
ctl worker-1 pools >"$T/table"
has "$T/table" 'proxy: 2 of 2 alive, topic zeek/cluster/pool/proxy'
ctl worker-1 status >"$T/table" || :
has "$T/table" 'active: 1 manager, 2 proxy'
printf '%s\n' '{"hrw":"proxy","key":{"@data-type":"count","data":1},"event":"Test::stream"}' \
    '{"rr":"proxy","event":"Test::stream","args":[1]}' '{"hrw":"proxy","event":"x"}' \
    '{"hrw":"proxy","key":'"$(part vector "[$pair]")"',"key_type":"record { a: addr; p: port; }","event":"Test::stream"}' |
    { ctl worker-1 publish - 2>"$T/err" || [ $? -eq 1 ]; }
has "$T/err" '3 published, 1 refused, 3 deliveries'
stop worker-1 proxy-1 proxy-2 manager

#!/usr/bin/env bash
# Handlers: programs get events as JSON, stores are written; a program that
# hangs, floods, dies or is missing disturbs nobody, and it shows.
set -eu
. "$(dirname "$0")/lib.sh"

mkdir "$T/bin"
program() {
	{
		echo '#!/bin/sh'
		cat
	} >"$T/bin/$1"
	chmod +x "$T/bin/$1"
}
program keep <<END
echo "\$MUSTER_NODE \$MUSTER_CLUSTER \$#\$1" >>"$T/env"
cat >>"$T/kept"
END
program hang <<END
trap '' TERM
echo \$\$ >>"$T/hung"
sleep 1000 &
wait
wait
END
program flood <<'END'
while :; do echo 'all work and no play makes jack a dull boy'; done
END
program zeros <<'END'
exec cat /dev/zero
END
program down <<END
cat >>"$T/down"
END
program fail <<'END'
echo 'that did not work' >&2
exit 3
END
program die <<'END'
kill -SEGV $$
END
program begin <<END
cat >>"$T/begun"
END
program quiet <<'END'
cat >/dev/null
END

write_layout() {
	cat >"$LAYOUT" <<END
cluster: hands
tls: none
nodes:
  manager:      {role: manager, host: 127.0.0.1, port: ${P[0]}}
  worker-[1-2]: {role: worker, host: 127.0.0.1}
stores:
  hosts: {backend: memory}
auto_publish:
  - {event: "App::alert", on: [worker], to: zeek/cluster/manager}
handlers:
  - {event: "App::alert", on: [manager], run: [$T/bin/keep, "two words; no shell"]}
  - {event: "App::hang", run: [$T/bin/hang], time: 300 ms}
  - {event: "App::flood", run: [$T/bin/flood]}
  - {event: "App::fail", run: [$T/bin/fail]}
  - {event: "App::die", run: [$T/bin/die]}
  - {event: "App::missing", run: [$T/bin/missing]}
  - {event: "App::host", topic: app/hosts/, store: {name: hosts, key: 0, value: 1}}
  - {event: "App::seen", store: {name: hosts, op: increment, key: 0}}
  - {event: "App::many", run: [$T/bin/quiet], queue: 5}
  - {event: "App::logged", log: App::EVENTS}
  - {event: "Cluster::node_down", on: [manager], run: [$T/bin/down]}
  - {event: "App::zeros", run: [$T/bin/zeros]}
  - {event: "Cluster::Experimental::cluster_started", on: [manager], run: [$T/bin/begin]}
${1:-}
END
}
ports 1
write_layout
start manager worker-1 worker-2
await connected manager worker-1 worker-2
until_true 20 is manager status '[.nodes[] | select(.state == "up")] | length == 3'

# rule NODE NUMBER EXPRESSION: holds of a handler
rule() {
	is "$1" rules ".handlers[] | select(.rule == $2) | $3"
}

say 'an event raised on a worker: published, and the manager runs a program'
ctl worker-1 raise App::alert 192.0.2.1 'port:53/udp'
until_true 10 test -s "$T/kept"
jq -e '.type == "data-message" and .topic == "zeek/cluster/manager" and
    .data[2].data[0].data == "App::alert" and
    .data[2].data[1].data[0] == {"@data-type": "address", "data": "192.0.2.1"} and
    .data[2].data[1].data[1].data == "53/udp"' "$T/kept" >/dev/null ||
    fail "not the event: $(cat "$T/kept")"
[ "$(cat "$T/env")" = 'manager hands 1two words; no shell' ] ||
    fail "surroundings: $(cat "$T/env")"
until_true 10 rule manager 1 '.done == 1'
is worker-1 rules '.auto_publish[0].published == 1' || fail 'not counted'

say 'what only arrives is not published again'
ctl manager publish zeek/cluster/worker App::alert 1
never 0.3 is worker-2 rules '.auto_publish[0].published > 0'
[ "$(lines "$T/kept" .)" -eq 1 ] || fail 'it came back'

say 'nobody is interested'
rc=0
ctl worker-1 raise App::unknown 2>"$T/err" || rc=$?
[ $rc -eq 1 ] && has "$T/err" 'no rule' || fail "status $rc"

say 'one that hangs, and ignores to be told to end'
ctl manager raise App::hang
until_true 10 test -s "$T/hung"
until_true 10 rule manager 2 '.failed == 1 and .running == 0'
until_true 5 gone "$(cat "$T/hung")"
rule manager 2 '.last_failure | test("too long")' || fail 'why?'

say 'one that floods'
ctl manager raise App::flood
until_true 10 rule manager 3 '.failed == 1 and .lines_not_shown > 100'
[ "$(lines "$T/manager.out" 'jack a dull boy')" -le 25 ] ||
    fail 'its output flooded the log'

say 'one that floods with what is no text, and has no lines'
ctl worker-2 raise App::zeros
until_true 10 rule worker-2 12 '.failed == 1 and .running == 0'
rule worker-2 12 '.last_failure | test("more than its output")' || fail 'why?'

say 'one that fails, one that dies, one that is missing'
ctl manager raise App::fail
ctl manager raise App::die
ctl manager raise App::missing
until_true 10 rule manager 4 '.failed == 1 and .last_failure == "exit status 3"'
has "$T/manager.out" 'handler 4 (App::fail): that did not work' ||
    fail 'its words are not in the log'
until_true 10 rule manager 5 '.failed == 1 and (.last_failure | test("signal 11"))'
until_true 10 rule manager 6 '.failed == 1 and (.last_failure | test("No such file"))'

say 'failures are visible'
ctl manager status >"$T/status"
for what in hang flood fail die missing; do
	grep -q "failing: handler . (App::$what), 1 times: " "$T/status" ||
	    fail "$what is not in the status"
done
is manager status '.failing_handlers | length == 5' || fail 'not five'
ctl manager rules | grep -q 'handler 4 failed 1 times in a row: exit status 3' ||
    fail 'not in rules'

say 'and the daemon never minded'
ctl manager raise App::alert works
until_true 10 has "$T/kept" works
is manager status '.state == "started"' || fail 'not started'

say 'more events than programs can take: some are dropped and counted'
for i in $(seq 200); do
	echo "{\"op\":\"raise\",\"event\":\"App::many\",\"args\":[]}"
done >"$T/many"
# in one piece: while they come one by one the queue may be half empty again
socat -b 65536 -t 60 - "UNIX-CONNECT:$T/run/muster/manager.sock" \
    <"$T/many" >"$T/answers"
[ "$(lines "$T/answers" '"ok":true')" -eq 200 ] || fail 'not all were taken'
balanced() {
	rule manager 9 '.matched == 200 and .waiting == 0 and .running == 0 and
	    .done + .dropped == 200 and .dropped > 0'
}
until_true 20 balanced
expect_lines 1 "$T/manager.out" 'handler 9 .*too many events wait'

say 'stores are written, from a topic and from events raised'
ctl worker-1 publish app/hosts/new App::host 10.0.0.1 string:first
until_true 10 ctl worker-2 store exists hosts 10.0.0.1
[ "$(ctl worker-2 store get hosts 10.0.0.1)" = first ] || fail 'another value'
for i in 1 2 3; do
	ctl worker-2 raise App::seen counter
done
three() {
	[ "$(ctl worker-1 store get hosts counter)" = 3 ]
}
until_true 10 three
ctl worker-2 raise App::seen
until_true 10 rule worker-2 8 '.failed == 1 and .done == 3'

say 'records are accepted for the loggers'
for node in manager worker-1; do
	ctl $node raise App::logged 192.0.2.1 'string:some text'
	until_true 10 rule $node 10 '.done == 1 and .failed == 0'
done

say 'a node that dies'
kill9 worker-2
until_true 10 has "$T/down" worker-2

say 'a reload: another rule, and one less whose program is ended'
ctl manager raise App::hang
until_true 10 has_lines 2 "$T/hung" .
sed -i '/App::hang/d' "$LAYOUT"
sed -i 's/App::missing", run: .*missing\]/App::new", run: ["\/bin\/true"]/' "$LAYOUT"
ctl manager reload >"$T/reloaded"
grep -q 'handlers .*App::new.* added' "$T/reloaded" || fail "$(cat "$T/reloaded")"
until_true 10 gone "$(tail -n 1 "$T/hung")"
ctl manager raise App::new
until_true 10 rule manager 5 '.done == 1'
rule manager 3 '.failed == 1' || fail 'a rule that stayed forgot'

say 'the end waits for no program'
write_layout "  - {event: App::hang, run: [$T/bin/hang]}"
sed -i '0,/App::hang/{/App::hang/d}' "$LAYOUT"
ctl manager reload >/dev/null
ctl manager raise App::hang
until_true 10 has_lines 3 "$T/hung" .
stop manager
until_true 5 gone "$(tail -n 1 "$T/hung")"

say 'a manager that comes back: the cluster has started before'
until_true 5 has_lines 1 "$T/begun" cluster_started
start worker-2 manager
await restored manager
until_true 10 has "$T/manager.out" 'the cluster has started before'
never 0.3 has_lines 2 "$T/begun" cluster_started

#!/usr/bin/env bash
#
# Identifiers: set on the manager and published, they change on the workers;
# what is unknown or comes from others is refused with a line; a setting of the
# daemon changes; a control tool that is no node is answered.
set -eu
. "$(dirname "$0")/lib.sh"

five_nodes 'identifiers: {App::limit: count:5, App::hosts: "set:[]"}'
echo 'control: {shutdown: true}' >>"$LAYOUT"
certificates
# shellcheck disable=SC2086
start $NODES
await started manager worker-1 worker-2

value_is() {
	[ "$(ctl "$1" id get "$2")" = "$3" ]
}

say "one node, then all workers"
value_is worker-1 App::limit 5
ctl manager id set App::limit count:7
value_is manager App::limit 7
value_is worker-1 App::limit 5
ctl manager id publish App::limit zeek/cluster/worker
until_true 10 value_is worker-1 App::limit 7
until_true 10 value_is worker-2 App::limit 7
until_true 5 has "$T/worker-1.out" 'identifier App::limit set by manager'
ctl manager id set App::hosts \
    'set:[{"@data-type":"address","data":"10.0.0.1"}]'
ctl manager id publish App::hosts zeek/cluster/node/worker-1/
until_true 10 value_is worker-1 App::hosts '{10.0.0.1}'
value_is worker-2 App::hosts '{}'

say "only the manager may"
ctl proxy-1 id publish App::limit zeek/cluster/worker
until_true 10 has "$T/worker-1.out" \
    'identifier App::limit from proxy-1 refused: only the manager may change it'
value_is worker-1 App::limit 7

say "a setting of the daemon"
value_is worker-1 Muster::log_level info
ctl manager id set Muster::log_level debug
ctl manager id publish Muster::log_level zeek/cluster/node/worker-1/
until_true 10 value_is worker-1 Muster::log_level debug
value_is worker-2 Muster::log_level info
ctl worker-2 id set Broker::log_batch_interval 250ms
[ "$(ctl worker-2 id get Broker::log_batch_interval --json |
    jq -r .value.data)" = 250ms ]
ctl worker-2 id list --json |
    jq -r '.identifiers[] | .name + " " + .type' >"$T/o"
has "$T/o" 'App::limit count'
has "$T/o" 'Broker::log_batch_interval timespan'

say "mistakes"
refused() { # STATUS ARGUMENT...
	local rc=0 want=$1
	shift
	ctl worker-1 id "$@" >"$T/o" 2>"$T/err" || rc=$?
	[ "$rc" -eq "$want" ] || fail "id $*: status $rc"
	[ ! -s "$T/o" ] && [ -s "$T/err" ]
}
refused 1 get App::limits
has "$T/err" 'did you mean "App::limit"'
refused 1 set App::nothing 5
refused 64 set App::limit string:x
has "$T/err" 'of another type'
refused 64 set Cluster::node string:x
refused 64 set Muster::log_level loud
refused 64 set Broker::log_batch_interval 2h
refused 64 set App::limit
refused 64 gett App::limit

say "the whole again in a reload"
sed -i 's/count:5/count:9/' "$LAYOUT"
ctl worker-1 reload >"$T/o"
has "$T/o" 'identifier App::limit count:5 -> count:9'
value_is worker-1 App::limit 9
value_is worker-1 App::hosts '{10.0.0.1}'

say "Zeek's control framework, from a node and by its topic"
watch manager answers zeek/control/
ctl manager publish zeek/cluster/node/worker-2/ Control::id_value_request \
    App::limit
until_true 10 has "$T/answers.out" \
    'zeek/control/id_value_response/worker-2  Control::id_value_response(App::limit, 7)'
ctl manager publish zeek/cluster/node/worker-2/ Control::peer_status_request
until_true 10 has "$T/answers.out" 'status=Broker::PEERED'
ctl manager publish zeek/cluster/node/worker-2/ Control::net_stats_request
until_true 10 has "$T/answers.out" 'Control::net_stats_response('
ctl manager publish zeek/cluster/node/worker-2/ \
    Control::configuration_update_request
until_true 10 has "$T/answers.out" 'Control::configuration_update_response()'
ctl manager publish zeek/cluster/node/worker-2/ Control::shutdown_request
until_true 10 has "$T/answers.out" 'Control::shutdown_response()'
finish worker-2 15
[ "$STATUS" -eq 0 ]
has "$T/worker-2.out" 'shutdown asked for by manager: ending'
stop worker-1 proxy-1 logger-1 manager

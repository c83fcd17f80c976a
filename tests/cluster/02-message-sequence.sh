#!/usr/bin/env bash
# On the wire the cluster forms by Zeek's message sequence: seen by a foreign
# worker that completes it and by a foreign manager that starts it.
set -eu
. "$(dirname "$0")/lib.sh"

# expect_order FILE PATTERN...: the patterns match lines in this order
expect_order() {
	local file=$1 at=0 n
	shift
	for pattern; do
		n=$(grep -nE -- "$pattern" "$file" | cut -d : -f 1 |
		    awk -v at="$at" '$1 > at { print; exit }')
		[ -n "$n" ] || fail "$pattern is not in ${file##*/} after line $at"
		at=$n
	done
}

five_nodes 'tls: none'

say "a foreign worker-2 completes the cluster"
start logger-1 manager proxy-1 worker-1
await connected manager proxy-1 worker-1
raw worker-2 --filter zeek/cluster/worker \
    --filter zeek/cluster/nodeid/55555555-5555-5555-8555-555555555555/ \
    --filter zeek/cluster/experimental/started \
    --id 55555555-5555-5555-8555-555555555555 \
    connect 127.0.0.1 "${P[0]}" handshake \
    expect zeek/cluster/nodeid/55555555-5555-5555-8555-555555555555/ \
    Cluster::hello \
    hello worker-2 quiet 300 echo reporting \
    publish zeek/cluster/manager \
    Cluster::Experimental::node_fully_connected \
    string:worker-2 string:55555555-5555-5555-8555-555555555555 F . \
    expect zeek/cluster/experimental/started \
    Cluster::Experimental::cluster_started quiet 300 echo "all steps" hold
until_true 20 has "$T/worker-2.out" "all steps"
id=$(field manager status .id)
expect_order "$T/worker-2.out" '^probe$' \
    "^filter .*zeek/cluster/manager.*zeek/cluster/nodeid/$id/" "^up $id$" \
    "^data zeek/cluster/nodeid/5{8}-.*/ Broker::announce_masters \(\{\}\)$" \
    "^data zeek/cluster/nodeid/5{8}-.*/ Cluster::hello \(manager, $id\)$" \
    '^reporting$' \
    '^data zeek/cluster/experimental/started Cluster::Experimental::cluster_started \(\)$' \
    '^all steps$'
expect_lines 1 "$T/worker-2.out" ' Cluster::Experimental::cluster_started '
expect_lines 1 "$T/worker-2.out" ' Cluster::hello '
await started manager logger-1 proxy-1 worker-1
stop manager logger-1 proxy-1 worker-1
finish worker-2 5 # it saw the manager go

say "a foreign manager hears worker-1 say hello, then report once"
manager() { # NAME RESENDING STEP...: a manager that waits for worker-1's report
	local name=$1 resending=$2
	shift 2
	raw "$name" --filter zeek/cluster/manager \
	    --filter zeek/cluster/nodeid/44444444-4444-5444-8444-444444444444/ \
	    --id 44444444-4444-5444-8444-444444444444 \
	    listen 127.0.0.1 "${P[0]}" handshake hello manager \
	    expect zeek/cluster/manager \
	    Cluster::Experimental::node_fully_connected "$@" echo "all steps" \
	    hold
	until_true 5 has "$T/$name.out" listening
}
cat >"$T/two.yaml" <<END
cluster: five
tls: none
nodes:
  manager:  {role: manager, host: 127.0.0.1, port: ${P[0]}}
  logger-1: {role: logger, host: 127.0.0.1, port: ${P[1]}}
  proxy-1:  {role: proxy, host: 127.0.0.1, port: ${P[2]}, connect: [logger-1]}
  worker-1: {role: worker, host: 127.0.0.1}
  worker-2: {role: worker, host: 127.0.0.1}
END
LAYOUT=$T/two.yaml
start logger-1 proxy-1
manager manager-1 F publish zeek/cluster/experimental/started \
    Cluster::Experimental::cluster_started . quiet 300
start worker-1
until_true 20 has "$T/manager-1.out" "all steps"
id=$(field worker-1 status .id)
expect_order "$T/manager-1.out" "^hello $id$" \
    "^filter .*zeek/cluster/experimental/started.*zeek/cluster/node/worker-1/.*zeek/cluster/nodeid/$id/.*zeek/cluster/pool/worker.*zeek/cluster/worker" \
    "^data zeek/cluster/nodeid/4{8}-.*/ Cluster::hello \(worker-1, $id\)$" \
    "^data zeek/cluster/manager Cluster::Experimental::node_fully_connected \(worker-1, $id, F\)$"
expect_lines 1 "$T/manager-1.out" node_fully_connected
until_true 5 is worker-1 status .started

say "that manager comes back and is told again, with resending set"
kill9 manager-1
manager manager-2 T
until_true 20 has "$T/manager-2.out" "all steps"
expect_order "$T/manager-2.out" \
    "^data zeek/cluster/nodeid/4{8}-.*/ Cluster::hello \(worker-1, $id\)$" \
    "^data zeek/cluster/manager Cluster::Experimental::node_fully_connected \(worker-1, $id, T\)$"

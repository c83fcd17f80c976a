#!/usr/bin/env bash
# A peer that says nothing at all is noticed within seconds, and is back as
# soon as it goes on; a quiet one that answers is left alone.
set -eu
. "$(dirname "$0")/lib.sh"

five_nodes 'limits: {ping: 500 ms, dead: 4 s}'
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES

say 'quiet peers are pinged and stay'
never 6 has "$(log_of manager cluster)" 'node down'
is manager peers '[.peers[] | .rtt_us > 0] | all' ||
    fail 'nobody was pinged'

say 'worker-2 stops dead'
ctl worker-2 log-level debug
freeze worker-2
until_true 20 has "$(log_of manager cluster)" 'node down: worker-2'
until_true 10 is manager status '.state == "degraded"'
expect_lines 1 "$(log_of manager cluster)" 'node down'
until_true 10 has "$(log_of proxy-1 cluster)" 'node down: worker-2'

say 'it goes on'
thaw worker-2
# shellcheck disable=SC2086
await restored $NODES
expect_lines 2 "$(log_of manager cluster)" 'got hello from worker-2'

say 'without full handshakes: its TLS sessions are resumed'
until_true 10 has "$T/worker-2.out" 'tls session resumed'

#!/usr/bin/env bash
# A control row never reports and holds up nobody; a logger with a manager in
# its row reports itself, one without is reported by the manager.
set -eu
. "$(dirname "$0")/lib.sh"

ports 4
cat >"$LAYOUT" <<END
cluster: rows
tls: none
nodes:
  control:  {role: control, host: 127.0.0.1}
  manager:  {role: manager, host: 127.0.0.1, port: ${P[0]}}
  logger-1: {role: logger, host: 127.0.0.1, port: ${P[1]}, manager: manager}
  logger-2: {role: logger, host: 127.0.0.1, port: ${P[2]}}
  proxy-1:  {role: proxy, host: 127.0.0.1, port: ${P[3]}}
  worker-1: {role: worker, host: 127.0.0.1}
END
start manager logger-1 logger-2 proxy-1 worker-1
await started manager logger-1 logger-2 proxy-1 worker-1

say "logger-1 reported itself, the manager did so for logger-2"
expect_lines 1 "$(log_of logger-1 cluster)" 'fully connected$'
expect_lines 0 "$(log_of logger-2 cluster)" 'fully connected$'
expect_lines 2 "$(log_of manager cluster)" 'fully connected$'

say "the control row counts nowhere"
is manager status '.progress == {have: 5, want: 5}' ||
    fail "progress $(field manager status .progress)"
is manager status '[.nodes[] | select(.name == "control") | .counts] == [false]' ||
    fail "the control row counts"

#!/usr/bin/env bash
# What relaying one small event costs, in instructions outside of libcrypto:
# they are the same on a busy machine.  The bound is generous; who reaches it
# has put something into the path of each event.
set -eu
. "$(dirname "$0")/lib.sh"

[ "${MUSTER_SANITIZED:-0}" = 0 ] || skip "sanitizers count, too"
command -v valgrind >/dev/null || skip "valgrind is not installed"
say "less than 2000 instructions (1670 when this was written)"
LIMIT=2000 tests/bench/callgrind.sh >"$T/counts" || fail "$(cat "$T/counts")"
head -n 1 "$T/counts"

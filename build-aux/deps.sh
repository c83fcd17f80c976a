#!/bin/sh
#
# Installs the Debian packages Muster needs; does nothing when all are there.
#
#   deps.sh          everything, tests and CI included
#   deps.sh build    only what is needed to build, install and run
set -eu

build='autoconf gcc gzip libc6-dev libevent-dev libjansson-dev liblmdb-dev
	libssl-dev libyaml-dev libzstd-dev make pkg-config uthash-dev
	zlib1g-dev'
tests='check clang-14 clang-format-14 iproute2 jq libc6-dbg
	libclang-rt-14-dev libsubunit-dev mandoc openssl procps python3 socat
	systemd valgrind zstd'

case ${1:-all} in
all)	wanted="$build $tests" ;;
build)	wanted=$build ;;
*)	echo "usage: deps.sh [build]" >&2
	exit 64 ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	cat >&2 <<END
deps: this is not a Debian system (no apt-get); install the counterparts of
$(echo $wanted | fold -s -w 72 | sed 's/^/    /')
with your package manager, then go on with "make"
END
	exit 1
fi

missing=
for package in $wanted; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" \
	    2>/dev/null) || status=
	if [ "$status" != installed ]; then
		missing="$missing $package"
	fi
done
if [ -z "$missing" ]; then
	echo "deps: everything is there"
	exit 0
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "deps: not root and no sudo; as root run" >&2
		echo "    apt-get install$missing" >&2
		exit 1
	fi
	as_root='sudo env'
else
	as_root='env'
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# apt WHAT ARGUMENT...: run apt-get silently; its output only if it fails
apt() {
	if ! $as_root DEBIAN_FRONTEND=noninteractive apt-get -q \
	    -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1 </dev/null; then
		tail -n 30 "$log" >&2
		echo "deps: apt-get $1 failed" >&2
		return 1
	fi
}

echo "deps: installing$missing"
# An outdated list only matters if the packages cannot be had from it.
apt update || echo "deps: going on with the package lists there are" >&2
# shellcheck disable=SC2086
apt install -y --no-install-recommends $missing
echo "deps: done"

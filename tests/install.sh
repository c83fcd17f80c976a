#!/usr/bin/env bash
#
# make install puts everything in its place below DESTDIR, keeps a site's
# layout, and what it installs can be built against; make uninstall takes all
# of it away again.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."
B=${B:-build}
dest=$(mktemp -d)
trap 'rm -rf "$dest"' EXIT

fail() {
	echo "$*"
	exit 1
}

install_to() {
	make -s B="$B" DESTDIR="$dest" prefix=/usr exec_prefix=/usr \
	    libdir=/usr/lib sysconfdir=/etc "$1"
}

# A site's layout lies there already.
mkdir -p "$dest/etc/muster"
echo "cluster: mine" >"$dest/etc/muster/cluster.yaml"
install_to install
[ "$(cat "$dest/etc/muster/cluster.yaml")" = "cluster: mine" ] ||
	fail "install changed the site's layout"

expected="
/etc/muster/cluster.yaml
/etc/muster/cluster.yaml.example
/usr/bin/musterctl
/usr/lib/libmuster.a
/usr/lib/libmuster.so
/usr/lib/libmuster.so.0
/usr/lib/pkgconfig/muster.pc
/usr/lib/systemd/system/muster.target
/usr/lib/systemd/system/musterd@.service
/usr/lib/sysusers.d/muster.conf
/usr/lib/tmpfiles.d/muster.conf
/usr/sbin/musterd
/usr/share/doc/muster/CHANGES
/usr/share/doc/muster/LICENSE
/usr/share/doc/muster/README.md
$(cd lib && printf '/usr/include/%s\n' muster/*.h)
$(for f in conf/*.yaml conf/examples/*.yaml; do echo "/usr/share/doc/muster/examples/${f##*/}"; done)
$(for f in man/*.[1-9]; do echo "/usr/share/man/man${f##*.}/${f##*/}"; done)
$(for f in conf/completion/*.bash; do
	f=${f##*/}
	echo "/usr/share/bash-completion/completions/${f%.bash}"
done)
$(for f in conf/completion/_*; do
	echo "/usr/share/zsh/site-functions/${f##*/}"
done)"
diff <(printf '%s\n' "$expected" | sed '/^$/d' | sort) \
    <(cd "$dest" && find . ! -type d | sed 's/^\.//' | sort) ||
	fail "expected (<) and installed (>) files differ"

! grep -rn '@[a-z]*@' "$dest/usr/lib/systemd" "$dest/usr/lib/pkgconfig" ||
	fail "a name is not substituted"
grep -q '^ExecStart=/usr/sbin/musterd -d -f /etc/muster/cluster.yaml %i$' \
    "$dest/usr/lib/systemd/system/musterd@.service" ||
	fail "the unit starts something else"
! grep -rl "$dest" "$dest/usr/lib/systemd" "$dest/usr/lib/pkgconfig" ||
	fail "DESTDIR got into a file"
[ "$(stat -c %a "$dest/usr/sbin/musterd")" = 755 ] || fail "mode of musterd"

# What is installed is enough to build a program, shared and static.
cat >"$dest/program.c" <<'END'
#include <muster/err.h>
#include <stdio.h>

int
main(void)
{
	return puts(muster_strerror(MUSTER_ETLS)) < 0;
}
END
export PKG_CONFIG_SYSROOT_DIR=$dest PKG_CONFIG_PATH=$dest/usr/lib/pkgconfig
export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
for mode in shared static; do
	flags=$(pkg-config --cflags --libs $([ $mode = static ] && echo --static) muster)
	[ $mode = shared ] || flags="-static-libgcc ${flags/-lmuster/-l:libmuster.a}"
	${CC:-cc} -std=c17 -Wall -Werror -o "$dest/program" "$dest/program.c" $flags
	said=$(LD_LIBRARY_PATH=$dest/usr/lib "$dest/program")
	[ "$said" = "tls failure" ] || fail "$mode program says: $said"
done

rm "$dest/program.c" "$dest/program"
install_to uninstall
left=$(cd "$dest" && find . ! -type d)
[ "$left" = ./etc/muster/cluster.yaml ] ||
	fail "uninstall leaves or takes too much: $left"

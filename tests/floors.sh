#!/usr/bin/env bash
#
# Does every room include only what tests/floors.txt permits?  Also: libevent
# stays in daemon/io, the floors have no cycle, every source is listed.
#
#   tests/floors.sh [ROOT]   check the tree at ROOT; without: this one, and
#                            that the check itself sees each kind of mistake
set -u
export LC_ALL=C

# floors ROOT: print each violation; status 1 if there is any
floors() {
	local root=$1 found
	found=$(cd "$root" && {
		includes
		libevent
		cycles
		lists
	})
	[ -z "$found" ] && return 0
	printf '%s\n' "$found"
	return 1
}

sources() {
	find lib daemon -name '*.[ch]' | sort
}

includes() {
	sources | xargs -r awk '
	function room_of(path) { sub("/[^/]*$", "", path); return path }
	BEGIN {
		while ((getline line < "tests/floors.txt") > 0) {
			if (line ~ /^#/ || line !~ /:/)
				continue
			split(line, half, ":")
			known[half[1]] = 1
			n = split(half[2], names, " ")
			for (i = 1; i <= n; i++)
				may[half[1], names[i]] = 1
		}
	}
	FNR == 1 {
		room = room_of(FILENAME)
		own = room
		sub("^[^/]*/", "", own)
		if (!(room in known))
			print FILENAME ": room " room " is not in floors.txt"
	}
	/^[ \t]*#[ \t]*include[ \t]*"/ {
		split($0, quoted, "\"")
		file = quoted[2]
		if (file == "config.h")
			next
		target = file
		if (!sub("/.*", "", target))
			target = "(none)"
		if (target != own && !((room, target) in may))
			print FILENAME ":" FNR ": " room \
			    " may not include \"" file "\""
	}'
}

libevent() {
	sources | grep -v '^daemon/io/' | xargs -r grep -nE \
	    '^[[:space:]]*#[[:space:]]*include[[:space:]]*<(event2/|ev(ent|dns|http|util|rpc)\.h)' \
	    /dev/null | sed 's/:[^:]*$/: libevent belongs to daemon\/io/'
}

# The floors are one order over rooms: "value: base" says base lies below.
cycles() {
	{
		sed -n '/^#/d; s|^\([a-z]*\)/\([a-z]*\):|\1 \2|p' \
		    tests/floors.txt |
		while read -r tower room below; do
			for b in $below; do
				echo "$b $room"
				if [ "$tower" = lib ] && [ ! -d "lib/$b" ] &&
				    [ -d "daemon/$b" ]; then
					echo "floors.txt: lib/$room stands on daemon/$b" >&3
				fi
			done
		done | tsort 2>&1 >/dev/null |
		    sed -n 's/.*loop.*/floors.txt: the floors have a cycle/p'
	} 3>&1
}

# Every .c is in a list, every entry exists.  The two main.c are named in the
# Makefile, because they belong to a program and not to a room.
lists() {
	local listed
	listed=$(sed -n 's/^[ \t]*\([a-z]*\/[a-z]*\/[a-z0-9_]*\.c\).*/\1/p' \
	    lib/files.mk daemon/files.mk | sort)
	{ echo "$listed"; printf 'daemon/%s/main.c\n' ctl node; } | sort -u |
	    comm -13 - <(sources | grep '\.c$') |
	    sed 's/$/: not listed in files.mk/'
	comm -23 <(echo "$listed") <(sources | grep '\.c$') |
	    sed 's/$/: listed in files.mk but not there/'
	echo "$listed" | uniq -d | sed 's/$/: listed twice/'
}

# --- the test of the test ---------------------------------------------------

# A tree of three rooms that keeps all rules.
good_tree() {
	mkdir -p "$1"/{lib/{base,value},daemon/io,tests}
	printf 'lib/base:\nlib/value: base\ndaemon/io: base value\n' \
	    >"$1/tests/floors.txt"
	printf 'base_SRCS = \\\n\tlib/base/a.c\nvalue_SRCS = \\\n\tlib/value/b.c\n' \
	    >"$1/lib/files.mk"
	printf 'io_SRCS = \\\n\tdaemon/io/c.c\n' >"$1/daemon/files.mk"
	printf '#include "base/a.h"\n#include "config.h"\n' >"$1/lib/base/a.c"
	printf '#include "base/a.h"\n' >"$1/lib/value/b.c"
	printf '#include <event2/event.h>\n#include "value/b.h"\n' \
	    >"$1/daemon/io/c.c"
}

# refuses CLAIM EXPECTED FILE TEXT: TEXT appended to FILE must be noticed
refuses() {
	local tree said
	tree=$(mktemp -d)
	good_tree "$tree"
	printf "$4" >>"$tree/$3"
	said=$(floors "$tree")
	rm -rf "$tree"
	case $said in
	*"$2"*)	return 0 ;;
	esac
	echo "floors.sh itself: $1 goes unnoticed (it said \"$said\")"
	return 1
}

self_test() {
	local tree failed=0
	tree=$(mktemp -d)
	good_tree "$tree"
	floors "$tree" || { echo "floors.sh itself: refuses a good tree"; failed=1; }
	rm -rf "$tree"
	refuses "an include upwards" 'lib/base/a.c:3: lib/base may not include "value/b.h"' \
	    lib/base/a.c '#include "value/b.h"\n' || failed=1
	refuses "an indented include" 'may not include' \
	    lib/base/a.c '#  include "value/b.h"\n' || failed=1
	refuses "an include without a room" 'may not include "a.h"' \
	    lib/base/a.c '#include "a.h"\n' || failed=1
	refuses "libevent in lib" 'libevent belongs to daemon/io' \
	    lib/value/b.c '#include <event2/buffer.h>\n' || failed=1
	refuses "a cycle" 'have a cycle' \
	    tests/floors.txt 'lib/pool: base topic\nlib/topic: pool\n' || failed=1
	refuses "lib on daemon" 'lib/pool stands on daemon/io' \
	    tests/floors.txt 'lib/pool: io\n' || failed=1
	refuses "a forgotten source" 'lib/base/new.c: not listed' \
	    lib/base/new.c 'int x;\n' || failed=1
	refuses "a source that is gone" 'lib/base/old.c: listed' \
	    lib/files.mk '\tlib/base/old.c\n' || failed=1
	refuses "a room nobody permitted" 'is not in floors.txt' \
	    lib/files.c 'int x;\n' || failed=1
	return $failed
}

if [ $# -gt 0 ]; then
	floors "$1"
	exit
fi
cd "$(dirname "$0")/.." || exit 1
self_test && floors .

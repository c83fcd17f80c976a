#!/usr/bin/env bash
#
# Every manual page is there and mandoc has nothing to say about it, not even
# on style.
set -u
export LC_ALL=C
cd "$(dirname "$0")/.." || exit 1
if ! command -v mandoc >/dev/null; then
	echo "skipped: no mandoc"
	exit 77
fi

pages="musterd.8 musterctl.8 muster.yaml.5 muster-protocol.7 muster-logs.7"
failed=0
# References among our own pages are looked up like installed ones.
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for page in man/*.[1-9]; do
	[ -f "$page" ] || continue
	mkdir -p "$tmp/man${page##*.}"
	cp "$page" "$tmp/man${page##*.}/"
done
makewhatis "$tmp"
export MANPATH="$tmp"

# What mandoc says of a page.  Which pages of others are installed is not our
# concern; a reference to a page of ours that does not exist is.
lint() {
	mandoc -Tlint -Wstyle "$1" 2>&1 | awk '
		/outdated mandoc\.db/ { next }
		/referenced manual not found: Xr / {
			name = $0
			sub(/.*: Xr /, "", name)
			if (name !~ /^muster/)
				next
		}
		{ print }'
}

for page in $pages; do
	if [ ! -f "man/$page" ]; then
		echo "man/$page is missing"
		failed=1
	fi
done
for page in man/*.[1-9]; do
	[ -f "$page" ] || continue
	said=$(lint "$page")
	if [ -n "$said" ]; then
		printf '%s\n' "$said"
		failed=1
	fi
	for section in NAME DESCRIPTION 'SEE ALSO'; do
		if ! grep -q "^\.Sh $section\$" "$page"; then
			echo "$page: no section $section"
			failed=1
		fi
	done
done
exit $failed

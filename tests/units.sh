#!/usr/bin/env bash
#
# The unit files as they are installed: systemd finds no fault with them, the
# sandbox leaves an exposure below 2.0, and what ends a node for good is what
# the manual says.
set -u
export LC_ALL=C
cd "$(dirname "$0")/.." || exit 1

# Statuses after which the unit does not try again: those of the manual, which
# are in its table, too.
unit=$(sed -n 's/^RestartPreventExitStatus=//p' systemd/musterd@.service.in)
said=$(sed -n '/^\.Sh SYSTEMD/,/^\.Sh EXAMPLES/p' man/musterd.8 | tr '\n' ' ' |
    sed -n 's/.*its status is \([0-9, or]*\):.*/\1/p' | tr -cs '0-9\n' ' ')
if [ -z "$unit" ] || [ "$unit" != "${said% }" ]; then
	echo "not tried again: \"$unit\" by the unit, \"$said\" by musterd(8)"
	exit 1
fi
for status in $unit; do
	if ! sed -n '/^\.Sh EXIT STATUS/,/^\.Sh SYSTEMD/p' man/musterd.8 |
	    grep -qx "\.It $status"; then
		echo "musterd(8) has no exit status $status"
		exit 1
	fi
done

if ! command -v systemd-analyze >/dev/null; then
	echo "skipped: no systemd-analyze"
	exit 77
fi

failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
# Verification asks whether the program exists: here it does.
mkdir -p "$tmp/sbin"
printf '#!/bin/sh\n' >"$tmp/sbin/musterd"
chmod 755 "$tmp/sbin/musterd"
for file in systemd/*.in; do
	name=$(basename "$file" .in)
	sed -e "s|@sbindir@|$tmp/sbin|g" -e "s|@sysconfdir@|/etc|g" \
	    "$file" >"$tmp/$name"
	if grep -n '@[a-z]*@' "$tmp/$name"; then
		echo "$name: a name is not substituted"
		failed=1
	fi
done
for unit in muster.target musterd@.service; do
	[ -f "systemd/$unit" ] && cp "systemd/$unit" "$tmp/$unit"
	if [ ! -f "$tmp/$unit" ]; then
		echo "systemd/$unit is missing"
		exit 1
	fi
done

# An instance stands for its template; other units of the machine, which are
# not ours to judge, are told apart by their names.
cp "$tmp/musterd@.service" "$tmp/musterd@worker-1.service"
said=$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no \
    "$tmp/musterd@worker-1.service" "$tmp/muster.target" 2>&1)
status=$?
ours=$(printf '%s\n' "$said" | grep -E 'muster')
if [ -n "$ours" ] || { [ $status -ne 0 ] && [ -n "$said" ]; }; then
	printf '%s\n' "$said"
	echo "systemd-analyze verify: status $status"
	failed=1
fi

if ! said=$(systemd-sysusers --dry-run "$PWD/systemd/muster.sysusers" 2>&1) ||
    ! printf '%s\n' "$said" | grep -q "user 'muster'"; then
	printf '%s\n' "$said"
	echo "systemd-sysusers does not make the user muster"
	failed=1
fi

# A node that was enabled comes back with its host.
mkdir -p "$tmp/root/etc/systemd/system"
cp "$tmp/musterd@.service" "$tmp/muster.target" "$tmp/root/etc/systemd/system"
systemctl --root="$tmp/root" enable -q musterd@worker-1 2>/dev/null
for target in multi-user muster; do
	wants=$tmp/root/etc/systemd/system/$target.target.wants
	if [ ! -L "$wants/musterd@worker-1.service" ]; then
		echo "enabled nodes are not started with $target.target"
		failed=1
	fi
done

# --threshold counts in tenths: 19 lets 1.9 pass.
if ! said=$(systemd-analyze security --offline=true --no-pager \
    --threshold=19 "$tmp/musterd@worker-1.service" 2>&1); then
	printf '%s\n' "$said"
	echo "exposure is 2.0 or more"
	failed=1
fi
printf '%s\n' "$said" | grep -i 'overall exposure'
exit $failed

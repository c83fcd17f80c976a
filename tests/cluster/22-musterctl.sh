#!/usr/bin/env bash
# musterctl explains itself, finds its node, says what is wrong with the right
# exit status, and prints nothing but data on standard output.
set -eu
. "$(dirname "$0")/lib.sh"

# ends STATUS TEXT ARGUMENT...: the exit status, and TEXT on standard error
ends() {
	local rc=0 status=$1 text=$2
	shift 2
	"$MUSTERCTL" "$@" >"$T/stdout" 2>"$T/stderr" </dev/null || rc=$?
	[ $rc -eq "$status" ] ||
	    fail "musterctl $*: status $rc, not $status: $(cat "$T/stderr")"
	[ -z "$text" ] || grep -qE -- "$text" "$T/stderr" ||
	    fail "musterctl $*: no '$text' in $(cat "$T/stderr")"
	[ "$status" -eq 0 ] || [ ! -s "$T/stdout" ] ||
	    fail "musterctl $*: a failure wrote to standard output"
}

say 'every command explains itself, with an example, and is in the manual'
"$MUSTERCTL" --help >"$T/help"
sed -n '/^commands:/,/^$/s/^  \([a-z-]*\( init\| issue\| show\| write\| tail\)\{0,1\}\) .*/\1/p' \
    "$T/help" >"$T/commands"
[ "$(wc -l <"$T/commands")" -ge 15 ] || fail 'commands are missing in --help'
mandoc -Tascii man/musterctl.8 2>/dev/null | col -b >"$T/manual" ||
    : >"$T/manual"
while read -r command; do
	# shellcheck disable=SC2086
	"$MUSTERCTL" $command --help >"$T/help"
	grep -q "^usage: .* $command" "$T/help" || fail "$command: no usage"
	grep -A 1 '^example:' "$T/help" | grep -q "musterctl.* $command" ||
	    fail "$command: no example"
	if [ -s "$T/manual" ]; then
		grep -qE "^ +$command( |\$)" "$T/manual" ||
		    fail "$command is not in musterctl(8)"
		for option in $(grep -oE -- '^  (-., )?--[a-z-]+' "$T/help" |
		    grep -oE -- '--[a-z-]+'); do
			grep -q -- "$option" "$T/manual" ||
			    fail "$command $option is not in musterctl(8)"
		done
	fi
done <"$T/commands"

say 'completion is what the tables say'
"$MUSTERCTL" completion bash | diff - conf/completion/musterctl.bash ||
    fail 'run: musterctl completion bash > conf/completion/musterctl.bash'
"$MUSTERCTL" completion zsh | diff - conf/completion/_musterctl ||
    fail 'run: musterctl completion zsh > conf/completion/_musterctl'
complete_words() ( # WORD...: what completes the last one
	. conf/completion/musterctl.bash
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	_musterctl
	echo "${COMPREPLY[*]}"
)
[ "$(complete_words musterctl st)" = 'status stores store stop' ] ||
    fail 'st'
[ "$(complete_words musterctl store put-)" = 'put-unique put-if' ] ||
    fail 'store put-'
[ "$(complete_words musterctl tls '')" = 'init issue show' ] || fail 'tls'
[ "$(complete_words musterctl log '')" = 'write tail' ] || fail 'log'
[ "$(complete_words musterctl log tail --fi)" = '--filter' ] || fail 'tail'
[ "$(complete_words musterctl lo)" = 'log logs log-level' ] || fail 'lo'
[ "$(complete_words musterctl -n x wait --for s)" = started ] || fail 'for'
[ "$(complete_words musterctl --node x --root y tls s)" = show ] ||
    fail 'behind --node'
if command -v zsh >/dev/null; then
	# What the rest is completed as: options of a command, its name first.
	OUT=$(zsh -f -c 'words=(tls show --r) CURRENT=3
		_arguments() {
			if [[ $1 == -C ]]; then
				state=operands line=(tls)
			else
				print -r -- $words $CURRENT
			fi
		}
		. conf/completion/_musterctl')
	[ "$OUT" = 'show --r 2' ] || fail "zsh completes $OUT"
fi

say 'wrong command lines: 64'
ends 64 'no command'
ends 64 'did you mean "status"' statsu
ends 64 'did you mean "tls issue"' tls isue
ends 64 'did you mean --json' status --jsn
ends 64 'no option -Z' -Z status
ends 64 'wants an argument' status -n
ends 64 'takes no argument' status --json=yes
ends 64 'status: too many operands' status now
ends 64 'operand is missing' watch
ends 64 'a topic and the name' publish topic
ends 64 'not a duration' wait --timeout soon
ends 64 'did you mean started' wait --for startd
ends 64 'wait --help' wait --for full
ends 64 'not a whole number' watch --count x t
ends 64 '--all' tls issue
ends 64 'tls wants one of init, issue, show' tls
ends 64 'log wants one of write, tail' log --help
ends 64 'no completion' completion fish
ends 64 'did you mean "put-unique"' store put-uniqe s k v
ends 64 'operand is missing' store get s
ends 64 'too many operands' store get s k v
ends 64 'too many operands' store clear s k
ends 64 'not a duration' store put s k v --expiry soon
ends 64 'not a duration' store get s k --timeout soon
ends 64 'no such type' store put s k v --type number
ends 64 'not a count' store put s k v --type count
ends 64 'not a value' store put s count:x v

say 'layouts: 78'
ends 78 'cannot be opened' check "$T/none.yaml"
printf 'cluster: x\nnodes:\n  a: {role: wroker}\n' >"$T/bad.yaml"
ends 78 'bad.yaml:3:13: ' check "$T/bad.yaml"
ends 78 'bad.yaml:3:13: ' -f "$T/bad.yaml" tls init
ends 78 'bad.yaml:3:13: ' -f "$T/bad.yaml" -r "$T" status
# Mistakes do not go away by waiting, and are said once.
ends 78 'bad.yaml:3:13: ' -f "$T/bad.yaml" -r "$T" wait --timeout 20s
[ "$(lines "$T/stderr" wroker)" -eq 1 ] || fail 'said more than once'
ends 0 '' check conf/demo.yaml
has "$T/stdout" 'conf/demo.yaml: ok' || fail 'check says nothing'
ends 0 '' -q check conf/demo.yaml
[ ! -s "$T/stdout" ] || fail '-q is not quiet'
rc=0
"$MUSTERCTL" --json check conf/demo.yaml "$T/bad.yaml" >"$T/stdout" || rc=$?
[ $rc -eq 78 ] || fail "check --json: status $rc"
jq -es '.[0] == {file: "conf/demo.yaml", ok: true, cluster: "demo", nodes: 9}
    and .[1].ok == false and (.[1].count == (.[1].mistakes | length))
    and ([.[1].mistakes[] | select(.line == 3 and .column == 13
	and (.text | contains("wroker")))] | length == 1)' "$T/stdout" \
    >/dev/null || fail "check --json: $(cat "$T/stdout")"
"$MUSTERCTL" schema | jq -e '.properties.nodes' >/dev/null || fail 'schema'

say 'certificates'
five_nodes
ends 66 'ca' -f "$LAYOUT" tls issue manager
"$MUSTERCTL" -f "$LAYOUT" tls init >"$T/stdout"
[ "$(stat -c %a "$T/tls/ca.key")" = 600 ] || fail "the ca's key is open"
ends 73 'ca' -f "$LAYOUT" tls init
ends 78 'did you mean "manager"' -f "$LAYOUT" tls issue manger
"$MUSTERCTL" -q -f "$LAYOUT" tls issue --all
[ "$(stat -c %a "$T/tls/manager.key")" = 600 ] || fail 'the key is open'
ends 73 'force' -f "$LAYOUT" tls issue manager
ends 0 '' -f "$LAYOUT" tls issue --force --days 10 manager --json
jq -e '.name == "manager" and (.certificate | endswith("manager.pem")) and
    (.key | endswith("manager.key"))' "$T/stdout" >/dev/null ||
    fail 'tls issue --json'
ends 0 '' -f "$LAYOUT" tls show --json
jq -e '.[] | select(.name == "manager") | .state == "ok" and .days <= 10 and
    (.names | contains("DNS:manager"))' "$T/stdout" >/dev/null || fail show
if [ "$(id -u)" -eq 0 ]; then
	chown 65534:65533 "$T/tls/manager.key"
	"$MUSTERCTL" -q -f "$LAYOUT" tls issue --force manager
	[ "$(stat -c '%u:%g %a' "$T/tls/manager.key")" = '65534:65533 600' ] ||
	    fail 'renewed, and not readable for its node any more'
	chown 0:65534 "$T/tls/manager.key"
	chmod 640 "$T/tls/manager.key"
	"$MUSTERCTL" -q -f "$LAYOUT" tls issue --force manager
	[ "$(stat -c '%u:%g %a' "$T/tls/manager.key")" = '0:65534 640' ] ||
	    fail 'renewed, and not readable for its group any more'
	sed -i '1a user: nobody' "$LAYOUT"
	rm "$T"/tls/manager.*
	"$MUSTERCTL" -q -f "$LAYOUT" tls issue manager
	[ "$(stat -c %U "$T/tls/manager.key")" = nobody ] ||
	    fail 'not for the user that nodes become'
	sed -i 's/nobody/no-such-user/' "$LAYOUT"
	rm "$T"/tls/manager.*
	ends 0 'no user "no-such-user"' -f "$LAYOUT" tls issue manager
	sed -i 2d "$LAYOUT"
fi
mkdir "$T/other"
sed '/^tls:/,/^[^ ]/d' "$LAYOUT" >"$T/other/cluster.yaml"
"$MUSTERCTL" -q -f "$T/other/cluster.yaml" tls init
cp "$T/tls/ca.pem" "$T/ca.pem"
cat "$T/other/tls/ca.pem" "$T/ca.pem" >"$T/tls/ca.pem"
ends 0 '' -f "$LAYOUT" tls show # the second one has signed them
cp "$T/other/tls/ca.pem" "$T/tls/ca.pem"
rc=0
"$MUSTERCTL" -f "$LAYOUT" tls show >"$T/stdout" || rc=$?
[ $rc -eq 1 ] || fail "another ca's certificates are fine"
grep -q 'proxy-1 *of another ca' "$T/stdout" || fail 'not told apart'
if command -v openssl >/dev/null; then
	openssl x509 -in "$T/ca.pem" -signkey "$T/tls/ca.key" -days -1 \
	    >>"$T/tls/ca.pem" 2>/dev/null
	rc=0
	"$MUSTERCTL" -f "$LAYOUT" tls show >"$T/stdout" || rc=$?
	[ $rc -eq 1 ] || fail "an expired ca's certificates are fine"
	grep -q 'proxy-1 *of an expired ca' "$T/stdout" || fail 'not expired'
fi
mv "$T/ca.pem" "$T/tls/ca.pem"
cp "$T/tls/worker-1.pem" "$T/tls/proxy-1.pem"
rc=0
"$MUSTERCTL" -f "$LAYOUT" tls show >"$T/stdout" || rc=$?
[ $rc -eq 1 ] || fail "another node's certificate is fine"
grep -q 'proxy-1 *of another name' "$T/stdout" || fail 'not told apart'
rm "$T/tls/proxy-1.pem"
rc=0
"$MUSTERCTL" -f "$LAYOUT" tls show >"$T/stdout" || rc=$?
[ $rc -eq 1 ] || fail 'a missing certificate is fine'
grep -q 'proxy-1 *missing' "$T/stdout" || fail 'not called missing'
sed -i '1a tls: none' "$LAYOUT"
ends 78 'there are no certificates' -f "$LAYOUT" tls init

say 'nobody is there: 2'
ends 2 'no node runs here' -r "$T" status
ends 2 'does not run here' -r "$T" -n manager status
ends 2 'the name of the node is empty' -r "$T" -n '' status
ends 2 'not started in time' -r "$T" wait --timeout 100ms
mkdir -p "$T/many/run/muster"
touch "$T"/many/run/muster/n{1..300}.sock
for i in {1..300..5}; do
	ends 2 'Connection refused' -r "$T/many" -n "n$i" status
done
# Who may not look does not know what runs.
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
if "${nobody[@]}" "$MUSTERCTL" --version >/dev/null 2>&1; then
	for node in '' '-n n1'; do
		# shellcheck disable=SC2086
		"${nobody[@]}" "$MUSTERCTL" -r "$T/many" $node status \
		    2>"$T/stderr" && fail 'it sees what it may not'
		has "$T/stderr" 'Permission denied' ||
		    fail "$node: $(cat "$T/stderr")"
	done
fi

say 'which node'
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
ends 2 'which node.*logger-1, manager, proxy-1, worker-1, worker-2' \
    -r "$T" status
ends 2 'did you mean worker-1' -r "$T" -n worker1 status
ends 2 'no name of a node' -r "$T" -n ../x status
MUSTER_NODE=worker-1 "$MUSTERCTL" -r "$T" status --json |
    jq -e '.name == "worker-1"' >/dev/null || fail '$MUSTER_NODE'
CLUSTER_NODE=worker-2 "$MUSTERCTL" -r "$T" status --json |
    jq -e '.name == "worker-2"' >/dev/null || fail '$CLUSTER_NODE'
MUSTER_NODE=worker-1 "$MUSTERCTL" -r "$T" -n manager status --json |
    jq -e '.name == "manager"' >/dev/null || fail '-n'

say 'members of answers are in the manual'
mandoc -Tascii man/muster-protocol.7 2>/dev/null | col -b >"$T/manual" ||
    : >"$T/manual"
for op in status 'peers --topics' pools stores rules logs graph 'id list'; do
	[ -s "$T/manual" ] || break
	# shellcheck disable=SC2086
	for node in manager logger-1; do
		ctl "$node" $op --json
	done | jq -r 'del(.limits) | [paths | .[] | strings] | unique[]' \
	    >"$T/members"
	while read -r member; do
		grep -qwF -- "$member" "$T/manual" ||
		    fail "$op: $member is not in muster-protocol(7)"
	done <"$T/members"
done

say 'values of every kind'
watch manager values v/
"$MUSTERCTL" -f "$LAYOUT" -r "$T" -n manager watch --json --count 2 \
    v/ w/ >"$T/values.json" 2>/dev/null &
OTHERS+=($!)
heard() {
	ctl worker-1 peers --topics --json | jq -e '.peers[] |
	    select(.name == "manager") | .topics | index("v/") and index("w/")'
}
until_true 10 heard
ctl worker-1 publish v/a V::e 192.0.2.1 10.0.0.0/8 80/tcp 5min T 3.5 9 word \
    count:9 integer:-1 -2 string:9 enum-value:Notice::LOG \
    timestamp:2026-01-01T00:00:00 '{"@data-type":"set","data":[]}' \
    count:18446744073709551615 $'string:a\nb'
until_true 10 has "$T/values.out" V::e
has "$T/values.out" 'V::e(192.0.2.1, 10.0.0.0/8, 80/tcp, ' ||
    fail "$(cat "$T/values.out")"
has "$T/values.out" 'word, 9, -1, -2, 9, Notice::LOG, ' ||
    fail "$(cat "$T/values.out")"
has "$T/values.out" '18446744073709551615, a\x0ab)' ||
    fail "$(cat "$T/values.out")"
ends 64 'not a value' -r "$T" -n worker-1 publish v/a V::e count:-1
ctl worker-1 publish --data w/d '{"@data-type":"count","data":7}'
wait "${OTHERS[0]}" || fail 'watch --count ended badly'
OTHERS=()
jq -es '.[1].event == {"topic":"w/d","from":.[1].event.from,"type":"data",
    "data":{"@data-type":"count","data":7}}' "$T/values.json" >/dev/null ||
    fail "$(cat "$T/values.json")"

say 'a stream with mistakes: they are named, the rest is sent: 1'
cat >"$T/stream" <<'END'
{"topic":"v/1","event":"S::e","args":["192.0.2.1",7,true,{"@data-type":"none","data":{}}]}
rubbish
{"topic":"v/2"}

{"topic":"v/3","event":"S::e","arg":[]}
{"event":"S::e"}
{"topic":"v/4","data":"x"}
{"topic":"v/5","payload":"zz"}
{"type":"data-message","topic":"v/6","@data-type":"count","data":6}
{"event":{"topic":"v/7","from":"x","type":"event","name":"S::last","args":[]}}
END
printf '{"topic":"v/8","event":"S::unended"}' >>"$T/stream"
rc=0
ctl worker-1 publish - <"$T/stream" 2>"$T/stderr" || rc=$?
[ $rc -eq 1 ] || fail "status $rc"
for text in 'line 2: not a JSON object' 'line 3: no event' \
    'line 5: .*did you mean args' 'line 6: no topic' 'line 8: payload' \
    '5 published, 5 refused'; do
	grep -q "$text" "$T/stderr" || fail "no '$text': $(cat "$T/stderr")"
done
until_true 10 has "$T/values.out" S::unended
expect_lines 5 "$T/values.out" '^v/[14678] '

say 'stores that are not there: 2'
ctl manager stores >"$T/stdout"
[ "$(wc -l <"$T/stdout")" -eq 1 ] || fail "$(cat "$T/stdout")"
ends 2 'no store "s"' -r "$T" -n manager store get s k
ends 2 'no store "s"' -r "$T" -n manager store keys s
ends 2 'no store "s"' -r "$T" -n manager store dump s
ends 2 'no store "s"' -r "$T" -n manager store watch s

say 'a reader that leaves, a disk that is full'
{
	"$MUSTERCTL" -r "$T" -n manager watch -q v/
	echo $? >"$T/left"
} | head -n 1 >/dev/null &
OTHERS+=($!)
reader_left() {
	ctl worker-1 -q publish v/y Y::y
	[ -s "$T/left" ]
}
until_true 20 reader_left
[ "$(cat "$T/left")" -eq 0 ] || fail "status $(cat "$T/left")"
OTHERS=()
rc=0
ctl manager status >/dev/full 2>"$T/stderr" || rc=$?
[ $rc -eq 2 ] && grep -q 'No space' "$T/stderr" || fail "full disk: $rc"

say 'the rest of the commands'
[ "$(ctl manager version)" = "$("$MUSTERCTL" --version | cut -d ' ' -f 2)" ] ||
    fail 'version'
ctl manager log-level debug
ends 64 'level' -f "$LAYOUT" -r "$T" -n manager log-level loud
ctl worker-2 stop
finish worker-2 10
[ "$STATUS" -eq 0 ] || fail "stop: status $STATUS"

# bash completion for musterctl, written by "musterctl completion bash"
_musterctl_nodes() {
	local i dir=/run/muster
	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == @(-r|--root) ]] && dir=${COMP_WORDS[i+1]}$dir
	done
	COMPREPLY=($(compgen -W "$(ls "$dir" 2>/dev/null | sed -n 's/\.sock$//p')" -- "$cur"))
}
_musterctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= i
	case $prev in
	--layout|-f) COMPREPLY=($(compgen -f -- "$cur")); return;;
	--root|-r) COMPREPLY=($(compgen -d -- "$cur")); return;;
	--node|-n) _musterctl_nodes; return;;
	--interval) COMPREPLY=(); return;;
	--count) COMPREPLY=(); return;;
	--for) COMPREPLY=($(compgen -W 'started connected listening degraded restored' -- "$cur")); return;;
	--timeout) COMPREPLY=(); return;;
	--hrw) COMPREPLY=($(compgen -W 'worker proxy logger' -- "$cur")); return;;
	--rr) COMPREPLY=($(compgen -W 'worker proxy logger' -- "$cur")); return;;
	--key) COMPREPLY=(); return;;
	--type) COMPREPLY=($(compgen -W 'boolean count integer real string address subnet port timestamp timespan enum-value set table vector' -- "$cur")); return;;
	--without) _musterctl_nodes; return;;
	--expiry) COMPREPLY=(); return;;
	--prefix) COMPREPLY=(); return;;
	--after) COMPREPLY=(); return;;
	--types) COMPREPLY=(); return;;
	--path) COMPREPLY=(); return;;
	--format) COMPREPLY=($(compgen -W 'tsv json' -- "$cur")); return;;
	--filter) COMPREPLY=(); return;;
	--days) COMPREPLY=(); return;;
	--start-days) COMPREPLY=(); return;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-f|--layout|-r|--root|-n|--node) ((i++));;
		-*) ;;
		*) cmd=${cmd:+$cmd }${COMP_WORDS[i]};;
		esac
	done
	local options='--layout --root --node --json --quiet --help --version'
	case $cmd in
	'') if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	else
		COMPREPLY=($(compgen -W 'status peers top graph wait watch publish pools pool id stores store log rules raise logs check schema tls reload diff log-level stop version completion' -- "$cur"))
	fi;;
	log) COMPREPLY=($(compgen -W 'write tail' -- "$cur"));;
	tls) COMPREPLY=($(compgen -W 'init issue show' -- "$cur"));;
	'status'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	else COMPREPLY=(); fi;;
	'peers'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options --topics" -- "$cur"))
	else COMPREPLY=(); fi;;
	'top'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options --interval --count" -- "$cur"))
	else COMPREPLY=(); fi;;
	'graph'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	else COMPREPLY=(); fi;;
	'wait'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options --for --timeout" -- "$cur"))
	else COMPREPLY=(); fi;;
	'watch'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options --count --timeout" -- "$cur"))
	else COMPREPLY=(); fi;;
	'publish'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options --stdin --data --hrw --rr --key --type" -- "$cur"))
	else COMPREPLY=(); fi;;
	'pools'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	else COMPREPLY=(); fi;;
	'pool'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options --type --assume-alive --without" -- "$cur"))
	else COMPREPLY=($(compgen -W 'where' -- "$cur")); fi;;
	'id'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options --type" -- "$cur"))
	else COMPREPLY=($(compgen -W 'list get set publish' -- "$cur")); fi;;
	'stores'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	else COMPREPLY=(); fi;;
	'store'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options --expiry --type --timeout --count --prefix --after" -- "$cur"))
	else COMPREPLY=($(compgen -W 'put get erase exists index keys put-unique put-if increment decrement append insert-into-set insert-into-table remove-from push pop clear watch dump restore' -- "$cur")); fi;;
	'log write'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options --types --path --format --after --timeout" -- "$cur"))
	else COMPREPLY=($(compgen -f -- "$cur")); fi;;
	'rules'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	else COMPREPLY=(); fi;;
	'raise'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	else COMPREPLY=(); fi;;
	'logs'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	else COMPREPLY=(); fi;;
	'log tail'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options --filter --count --timeout" -- "$cur"))
	else COMPREPLY=(); fi;;
	'check'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	else COMPREPLY=($(compgen -f -- "$cur")); fi;;
	'schema'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	else COMPREPLY=(); fi;;
	'tls init'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options --days" -- "$cur"))
	else COMPREPLY=(); fi;;
	'tls issue'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options --all --force --days --start-days" -- "$cur"))
	else _musterctl_nodes; fi;;
	'tls show'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	else COMPREPLY=(); fi;;
	'reload'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	else COMPREPLY=(); fi;;
	'diff'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	else COMPREPLY=(); fi;;
	'log-level'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	else COMPREPLY=($(compgen -W 'error warning info debug' -- "$cur")); fi;;
	'stop'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options --timeout" -- "$cur"))
	else COMPREPLY=(); fi;;
	'version'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	else COMPREPLY=(); fi;;
	'completion'*) if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	else COMPREPLY=($(compgen -W 'bash zsh' -- "$cur")); fi;;
	esac
}
complete -F _musterctl musterctl

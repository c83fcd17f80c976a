# What the scenarios about logs share.  Sourced after lib.sh.
#
# Their layouts say when files are rotated: by default that is every full hour,
# which also comes while a scenario runs.

# records FILE FROM N: a log of Zeek's with the records FROM, FROM + 1, ...
records() {
	awk -v from="$2" -v n="$3" 'BEGIN {
		OFS = "\t"
		print "#separator \\x09"
		print "#set_separator", ","
		print "#empty_field", "(empty)"
		print "#unset_field", "-"
		print "#path", "test"
		print "#open", "2026-01-01-00-00-00"
		print "#fields", "n", "ts", "text"
		print "#types", "count", "time", "string"
		for (i = from; i < from + n; i++)
			printf "%d\t%d.%06d\trecord %d of many\n", i, 1700000000 + i, i % 1000000, i
	}' >"$1"
}

# logs_dir LOGGER: where its files are
logs_dir() {
	echo "$T/var/log/muster/$1/logs"
}

# all_lines PATH LOGGER...: the records of a log in all files of the loggers,
# whatever became of them
all_lines() {
	local path=$1 logger f
	shift
	for logger; do
		for f in "$(logs_dir "$logger")/$path".*; do
			case $f in
			*.gz)	gzip -dc "$f" ;;
			*.zst)	zstd -qdc "$f" ;;
			*.log)	cat "$f" ;;
			esac
		done
	done | grep -v '^#' || :
}

# all_there N PATH LOGGER...: so many, whether twice or not
all_there() {
	local n=$1
	shift
	[ "$(all_lines "$@" | wc -l)" -ge "$n" ]
}

# each_once: of what is in $T/wanted
each_once() {
	all_lines "$@" | cut -f 1 | sort -n >"$T/got"
	cmp -s "$T/wanted" "$T/got"
}

# once N PATH LOGGER...: the records 0 to N - 1, each exactly once; a file that
# gets another name while they are read is read again
once() {
	local n=$1
	shift
	seq 0 $((n - 1)) >"$T/wanted"
	patiently 5 each_once "$@" || {
		echo "  missing: $(comm -23 <(sort "$T/wanted") <(sort "$T/got") | sort -n | head -n 5 | tr '\n' ' ')"
		echo "  twice: $(uniq -d <"$T/got" | head -n 5 | tr '\n' ' ')"
		fail "$(wc -l <"$T/got") records are there, not $n, each once"
	}
}

# sum EXPRESSION LOGGER...: of the JSON answers to "logs"
sum() {
	local expression=$1 total=0 node
	shift
	for node; do
		total=$((total + $(field "$node" logs "$expression")))
	done
	echo "$total"
}

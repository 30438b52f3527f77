#!/usr/bin/env bash
# Runs README's test command many times to find flaky tests:
#   repeat.sh RUNS [beside-load LOADED]
# The last LOADED runs (a quarter of all runs by default) share the machine with a program
# that uses one core. It keeps the logs of failed runs.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

usage() {
	echo "repeat.sh: $1; usage: repeat.sh RUNS [beside-load LOADED]" >&2
	exit 2
}
runs=${1:-}
[[ $runs =~ ^[1-9][0-9]*$ ]] || usage "RUNS is not a positive number: '$runs'"
loaded=$((runs / 4))
if [ $# -gt 1 ]; then
	[ "$2" = beside-load ] || usage "unknown word: '$2'"
	loaded=${3:-}
	[[ $loaded =~ ^[0-9]+$ ]] || usage "LOADED is not a number: '$loaded'"
	[ "$loaded" -le "$runs" ] || usage "LOADED is more than RUNS: $loaded"
fi

logs=$(mktemp -d "${TMPDIR:-/tmp}/happo-agent-repeat-XXXXXX")
burner=
trap '[ -z "$burner" ] || kill "$burner" 2>/dev/null' EXIT
trap 'exit 130' INT TERM
npm ci >"$logs/npm-ci" 2>&1 || { cat "$logs/npm-ci"; exit 1; }

red=0
total=0
for ((run = 1; run <= runs; run++)); do
	beside=
	if ((run > runs - loaded)); then
		beside=", beside a program that takes a core"
		[ -n "$burner" ] || { node -e 'for (;;);' & burner=$!; }
	fi
	log=$logs/run-$run
	began=$SECONDS
	npm test >"$log" 2>&1
	status=$?
	seconds=$((SECONDS - began))
	total=$((total + seconds))
	count() { awk -v name="$1" '$1 == "ℹ" && $2 == name { found = $3 } END { print found == "" ? "none" : found }' "$log"; }
	echo "run $run: $(count pass) passed, $(count fail) failed, $(count skipped) skipped, exit status $status, $seconds s$beside"
	if [ "$status" = 0 ]; then
		rm "$log"
	else
		red=$((red + 1))
		sed -n '/^✖ failing tests:/,$p' "$log" | grep -E '^✖ ' | tail -n +2
		echo "  $log"
	fi
done
echo "$runs runs, $loaded of them beside load: $((runs - red)) green, $red red, $((total / runs)) s each"
if [ "$red" = 0 ]; then
	rm -r "$logs"
	exit 0
fi
exit 1

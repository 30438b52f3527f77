#!/bin/sh
# What npm test does before its tests: generated files, types, lint and build, all
# at once, because each alone leaves a core idle. Says which of them failed.
cd "$(dirname "$0")/../.." || exit 1
rm -rf build
steps="fresh compile lint build"
logs=$(mktemp -d) || exit 1
trap 'rm -rf "$logs"' EXIT
for step in $steps; do
	npm run -s "$step" >"$logs/$step" 2>&1 &
	echo $! >"$logs/$step.pid"
done
status=0
for step in $steps; do
	wait "$(cat "$logs/$step.pid")" && continue
	cat "$logs/$step"
	echo "npm run $step failed" >&2
	status=1
done
exit $status

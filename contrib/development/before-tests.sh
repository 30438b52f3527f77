#!/bin/sh
# npm test runs this before its tests. It checks generated files, types and lint, and
# builds, all in parallel, because each step alone leaves a core idle. It names failed steps.
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

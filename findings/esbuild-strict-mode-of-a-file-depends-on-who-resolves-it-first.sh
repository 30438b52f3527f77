#!/usr/bin/env bash
# Software: esbuild 0.28.2 (npm), with a tsconfig.json that says "strict": true.
#
# Usual expectation: esbuild is deterministic. The same files, options and plugins give the
# same bytes, however fast a plugin answers.
#
# What it does: a CommonJS file gets "use strict" from tsconfig.json only if esbuild itself
# resolves the path to it. If a plugin's onResolve returns the same path, the file gets no
# such line. If a bundle reaches the file in both ways, the way that comes first decides,
# for both: whether the plugin answers at once or 300 ms later changes the bytes, and with
# them, under code splitting, the hashes in the names of all chunks above.
#
# Why it matters: builds that replace a module by an alias in one place and by a plugin in
# another are reproducible only by luck; ours differed in one build of three. It also
# decides whether code runs in strict mode. A "use strict" in the file itself ends both.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund esbuild@0.28.2 >/dev/null

echo '{ "compilerOptions": { "strict": true } }' >tsconfig.json
echo 'module.exports = function () { return this === undefined; };' >stub.cjs
echo 'console.log(require("./stub.cjs")());' >direct.cjs
echo 'console.log(require("replaced")());' >replaced.cjs
cat >build.mjs <<'END'
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { build } from "esbuild";
const [plugin, entry] = process.argv.slice(2).map(Number);
const late = (milliseconds, filter, path) => ({
  name: String(filter),
  setup: ({ onResolve, onLoad }) => {
    if (path) onResolve({ filter }, () => pause(milliseconds, { path: resolve(path) }));
    // delays the file that reaches the stub by its path
    else onLoad({ filter }, () => pause(milliseconds, undefined));
  },
});
const { outputFiles } = await build({
  stdin: { contents: 'require("./direct.cjs"); require("./replaced.cjs");', resolveDir: "." },
  bundle: true,
  write: false,
  platform: "node",
  plugins: [late(plugin, /^replaced$/, "stub.cjs"), late(entry, /direct\.cjs$/)],
});
const [, before = ""] = outputFiles[0].text.match(/"stub\.cjs"\([^)]*\) \{\n(.*)\n/) ?? [];
console.log(`plugin after ${plugin} ms, direct after ${entry} ms: ${before.includes("use strict") ? "strict" : "sloppy"}`);
END
seen=$(node build.mjs 300 0; node build.mjs 0 300)
echo "$seen"
expected="plugin after 300 ms, direct after 0 ms: strict
plugin after 0 ms, direct after 300 ms: sloppy"
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }

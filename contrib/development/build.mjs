// Bundles the programs into dist/, one file each, without what they never use.
import { chmod } from "node:fs/promises";
import { build } from "esbuild";

const stub = (name) => `./contrib/development/stubs/${name}.cjs`;

await build({
	entryPoints: ["cli/happo-agent.ts"],
	outdir: "dist",
	bundle: true,
	platform: "node",
	target: "node20",
	format: "esm",
	minify: true,
	// names are in stack traces, which are in the log
	keepNames: true,
	legalComments: "none",
	logLevel: "warning",
	// LevelDB is native code: it stays a package of its own
	external: ["classic-level"],
	banner: {
		js: 'import { createRequire as happoRequire } from "node:module"; const require = happoRequire(import.meta.url);',
	},
	alias: {
		"@apidevtools/json-schema-ref-parser": stub("reference-parser"),
		"openapi-schema-validator": stub("none"),
		"mock-json-schema": stub("none"),
	},
});
await chmod("dist/happo-agent.js", 0o755);

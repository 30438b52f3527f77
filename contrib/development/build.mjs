// Bundles what ships into dist/, without what is never used.
//   node contrib/development/build.mjs [DIRECTORY]
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build as bundle } from "esbuild";
import { writeBillOfMaterials } from "./bill-of-materials.mjs";
import { writeDeclarations } from "./declarations.mjs";

const [directory = "dist"] = process.argv.slice(2);

const stub = (name) => `./contrib/development/stubs/${name}.cjs`;

const shared = {
	bundle: true,
	platform: "node",
	target: "node20",
	format: "esm",
	legalComments: "none",
	logLevel: "warning",
};

/** Names are in stack traces, which are in the log; esbuild's keepNames costs time whenever a closure is made. */
const small = { minifyWhitespace: true, minifySyntax: true };

/**
 * What openapi-backend and Fastify load, and the agent never reaches: it gives
 * openapi-backend a parsed and linted document, has no mocks,
 * and gives Fastify no schemas, no logger, no plugins, no proxies and no HTTP/2.
 * Without them the start takes 80 ms of CPU less, of 670 (measured, Node 20).
 */
const neverReached = {
	"@apidevtools/json-schema-ref-parser": stub("reference-parser"),
	"@fastify/ajv-compiler": stub("compiler"),
	"@fastify/fast-json-stringify-compiler": stub("compiler"),
	...Object.fromEntries(
		[
			...["openapi-schema-validator", "mock-json-schema"],
			...["@fastify/proxy-addr", "light-my-request", "pino", "semver"],
			"node:http2",
		].map((name) => [name, stub("none")]),
	),
};

/** LevelDB's native code stays in its package; what is JavaScript of it takes 20 ms less from here. */
const nativeLevel = {
	name: "native part of classic-level",
	setup: ({ onResolve }) =>
		onResolve({ filter: /^\.\/binding$/ }, () => ({
			path: "classic-level/binding.js",
			external: true,
		})),
};

/** What esbuild tells of each bundle. */
const metafiles = [];

async function build(options) {
	const { metafile } = await bundle({ ...shared, ...options, metafile: true });
	metafiles.push(metafile);
}

// chunks of an earlier build would be shipped
await rm(directory, { recursive: true, force: true });

// what a command does not need lies in chunks that it does not load
await build({
	entryPoints: ["cli/happo-agent.ts", "cli/happo-ctl.ts"],
	outdir: directory,
	splitting: true,
	// beside the programs: files of the package are found by their way from there
	chunkNames: "[name]-[hash]",
	...small,
	plugins: [nativeLevel],
	alias: neverReached,
	banner: {
		js: 'import { createRequire as happoRequire } from "node:module"; const require = happoRequire(import.meta.url);',
	},
});

// started for every check: one small file, Node's own modules only
await build({
	entryPoints: { check_happo: "cli/check-happo.ts" },
	outdir: directory,
	// CommonJS starts faster than a module, measured
	format: "cjs",
	outExtension: { ".js": ".cjs" },
	minify: true,
	packages: "external",
});

// the SDK; its types name openapi-fetch, which therefore is a dependency
await build({
	entryPoints: { client: "src/client/index.ts" },
	outdir: directory,
	external: ["openapi-fetch"],
});
await writeDeclarations("src/client/index.ts", join(directory, "types"));

writeBillOfMaterials(directory, metafiles);
// for the test of the bill, which does not go by it
await mkdir("build", { recursive: true });
await writeFile("build/metafiles.json", JSON.stringify(metafiles));

for (const program of ["happo-agent.js", "happo-ctl.js", "check_happo.cjs"])
	await chmod(join(directory, program), 0o755);

// Bundles the programs and the client into dist/, without code that is never reached.
//   node contrib/development/build.mjs [DIRECTORY]
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { build as bundle } from "esbuild";
import { nodeCommand } from "../native/client.mjs";
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

/** CommonJS packages in a module need `require` for Node's modules. */
const requireBanner = {
	js: 'import { createRequire as happoRequire } from "node:module"; const require = happoRequire(import.meta.url);',
};

/** Identifiers keep their names for the log's stack traces; esbuild's keepNames would cost time for each closure. */
const small = { minifyWhitespace: true, minifySyntax: true };

/**
 * Modules that openapi-backend and Fastify load but the agent never reaches: it gives
 * openapi-backend a parsed and linted document and uses no mocks, and it uses none of
 * Fastify's schemas, logger, plugins, proxies and HTTP/2. Without them the start takes
 * 590 instead of 670 ms of CPU (measured on Node 20).
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

/** LevelDB's native code stays in its package; bundling its JavaScript makes the start 20 ms faster. */
const nativeLevel = {
	name: "native part of classic-level",
	setup: ({ onResolve }) =>
		onResolve({ filter: /^\.\/binding$/ }, () => ({
			path: "classic-level/binding.js",
			external: true,
		})),
};

/**
 * Of undici only the client: no fetch, caches and mocks, and no HTTP/2, which we never offer. The
 * whole package would be a megabyte.
 */
const undiciClient = {
	name: "undici's client",
	setup: ({ onResolve }) => {
		onResolve({ filter: /^undici$/ }, () => ({
			path: resolve(stub("undici")),
		}));
		onResolve(
			{ filter: /\/(client-h2|web\/fetch\/body)\.js$/ },
			({ importer }) =>
				/node_modules\/undici\//.test(importer)
					? { path: resolve(stub("none")) }
					: undefined,
		);
	},
};

/** esbuild's metafile of each bundle. */
const metafiles = [];

async function build(options) {
	const { metafile } = await bundle({ ...shared, ...options, metafile: true });
	metafiles.push(metafile);
}

// otherwise the package would contain chunks of an earlier build
await rm(directory, { recursive: true, force: true });

// split the code, so that a command loads only the chunks that it needs
await build({
	entryPoints: ["cli/happo-agent.ts", "cli/happo-ctl.ts"],
	outdir: directory,
	splitting: true,
	// chunks are beside the programs, because code finds the package's files relative to itself
	chunkNames: "[name]-[hash]",
	...small,
	plugins: [nativeLevel, undiciClient],
	alias: neverReached,
	banner: requireBanner,
});

// Nagios starts it for every check: one small file that loads only Node's own modules
await build({
	entryPoints: { check_happo: "cli/check-happo.ts" },
	outdir: directory,
	// CommonJS starts faster than a module (measured)
	format: "cjs",
	outExtension: { ".js": ".cjs" },
	minify: true,
	packages: "external",
});

// the SDK; openapi-fetch is a dependency because the SDK's types name it
await build({
	entryPoints: { client: "src/client/index.ts" },
	outdir: directory,
	external: ["openapi-fetch"],
	plugins: [undiciClient],
	banner: requireBanner,
});
await writeDeclarations("src/client/index.ts", join(directory, "types"));

writeBillOfMaterials(directory, metafiles);
// for the test of the bill of materials, which compares the bill with these
await mkdir("build", { recursive: true });
await writeFile("build/metafiles.json", JSON.stringify(metafiles));

// the command of the package; contrib/native puts the native client in its place
await writeFile(join(directory, "check_happo"), nodeCommand);

for (const program of [
	...["happo-agent.js", "happo-ctl.js", "check_happo.cjs", "check_happo"],
])
	await chmod(join(directory, program), 0o755);

// Bundles the programs and the client into dist/, without code that is never reached.
//   node contrib/development/build.mjs [DIRECTORY]
import {
	chmod,
	copyFile,
	mkdir,
	readFile,
	rm,
	writeFile,
} from "node:fs/promises";
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

const { engines } = JSON.parse(await readFile("package.json", "utf8"));

/**
 * JavaScript that says so and ends if Node.js is older than package.json allows. Versions since 12
 * understand it; they cannot even read what the programs load next. `told` is JavaScript that tells `reason` and
 * ends.
 */
function versionCheck(told) {
	const ranges = engines.node.split("||").map((range) => {
		const [, sign, major, minor] =
			/^\s*(\^|>=)(\d+)\.(\d+)\.0\s*$/.exec(range) ?? [];
		if (!sign) throw new Error(`package.json: engines.node: ${range}`);
		const newer = sign === ">=" ? ` || major > ${major}` : "";
		return {
			condition: `major == ${major} && minor >= ${minor}${newer}`,
			text: `${major}.${minor}`,
		};
	});
	const conditions = ranges.map(({ condition }) => condition).join(" || ");
	const needed = ranges.map(({ text }) => text).join(", ");
	return `var version = process.versions.node.split("."), major = +version[0], minor = +version[1];
if (!(${conditions})) {
	var reason = "needs Node.js ${needed} or newer, and " + process.execPath + " is " + process.versions.node;
	${told}
}`;
}

/** A program that loads another file once it knows that Node.js is new enough. */
const guarded = (name, file) => `#!/usr/bin/env node
${versionCheck(`process.stderr.write("${name}: " + reason + "\\n"); process.exit(78);`)}
import("./${file}");
`;

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
	entryPoints: {
		"happo-agent-program": "cli/happo-agent.ts",
		"happo-ctl-program": "cli/happo-ctl.ts",
		"happo-collector-program": "cli/happo-collector.ts",
	},
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
	// the syntax that versions since 12 know: they have to read the check of the version
	target: "node12",
	banner: {
		js: versionCheck(
			'require("fs").writeSync(1, "UNKNOWN(check_happo): " + reason + "\\n"); process.exit(3);',
		),
	},
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

// the page of `happo-ctl web`, which only that command reads
await build({
	entryPoints: {
		page: "cli/ctl/web/page/page.ts",
		style: "cli/ctl/web/page/page.css",
	},
	outdir: join(directory, "web"),
	entryNames: "page",
	platform: "browser",
	target: "es2022",
	minify: true,
});
await copyFile(
	"cli/ctl/web/page/index.html",
	join(directory, "web/index.html"),
);

writeBillOfMaterials(directory, metafiles);
// for the test of the bill of materials, which compares the bill with these
if (directory === "dist") {
	await mkdir("build", { recursive: true });
	await writeFile("build/metafiles.json", JSON.stringify(metafiles));
}

for (const name of ["happo-agent", "happo-ctl", "happo-collector"])
	await writeFile(
		join(directory, `${name}.js`),
		guarded(name, `${name}-program.js`),
	);

// the command of the package; contrib/native puts the native client in its place
await writeFile(join(directory, "check_happo"), nodeCommand);

for (const program of [
	...["happo-agent.js", "happo-ctl.js", "happo-collector.js"],
	...["check_happo.cjs", "check_happo"],
])
	await chmod(join(directory, program), 0o755);

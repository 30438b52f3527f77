// Builds the packages of a commit: .deb and .rpm of happo-node, happo-agent, happo-check
// and happo-collector.
//   npm run package -- [--output DIRECTORY] [--architecture x64,arm64] [--only NAME,...]
//                      [--format deb,rpm] [--quick]
// --quick, or HAPPO_PACKAGE_QUICK=1, compresses little, for tests. README.md in this folder says
// what it needs.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { build as bundle } from "esbuild";
import { compile } from "../native/addon.mjs";
import { compileClient } from "../native/client.mjs";
import { makeDeb } from "./deb.mjs";
import { makeRpm } from "./rpm.mjs";
import {
	agentPackage,
	checkPackage,
	collectorPackage,
	nodePackage,
	nodeProgram,
} from "./trees.mjs";

const { values: given } = parseArgs({
	options: {
		output: { type: "string", default: "build/packages" },
		architecture: { type: "string", default: "x64,arm64" },
		only: {
			type: "string",
			default: "happo-node,happo-agent,happo-check,happo-collector",
		},
		format: { type: "string", default: "deb,rpm" },
		quick: {
			type: "boolean",
			default: process.env.HAPPO_PACKAGE_QUICK === "1",
		},
	},
});
const output = resolve(given.output);
const names = given.only.split(",");
const formats = given.format.split(",");
const preset = given.quick ? 1 : 6;

const run = (file, args, options = {}) =>
	execFileSync(file, args, {
		encoding: "utf8",
		stdio: ["ignore", "pipe", "inherit"],
		...options,
	});
const git = (...args) => run("git", args).trim();

/** The time of the commit, in seconds: all files have it. */
const seconds = Number(process.env.SOURCE_DATE_EPOCH ?? timeOfCommit());

function timeOfCommit() {
	try {
		return git("log", "-1", "--format=%ct");
	} catch {
		process.stderr.write(
			"This is no clone of the repository: set SOURCE_DATE_EPOCH and HAPPO_PACKAGE_VERSION.\n",
		);
		process.exit(1);
	}
}

/**
 * The version of a tagged commit is package.json's. Every other is before that release, and after
 * the packages of older commits.
 */
function versionOfCommit() {
	const { version } = JSON.parse(readFileSync("package.json", "utf8"));
	if (process.env.HAPPO_PACKAGE_VERSION)
		return process.env.HAPPO_PACKAGE_VERSION;
	if (git("tag", "--points-at", "HEAD").split("\n").includes(`v${version}`))
		return version;
	const time = new Date(seconds * 1000).toISOString().replace(/\D/g, "");
	return `${version}~git${time.slice(0, 14)}.${git("rev-parse", "--short=8", "HEAD")}`;
}

const machine = { x64: "x86_64", arm64: "aarch64" };
/** Debian's name of a tool, for this machine or for another one. */
const tool = (architecture, name) =>
	architecture === process.arch
		? name
		: `${machine[architecture]}-linux-gnu-${name}`;

const work = mkdtempSync(join(tmpdir(), "happo-packages-"));

/**
 * Removes packages of earlier builds with the same name and architecture, so that a pattern finds one.
 */
function removeEarlier(file) {
	const pattern =
		/^(happo-[a-z]+)[_-]\d.*([_.](?:amd64|arm64|x86_64|aarch64)\.\w+)$/;
	const key = (name) => pattern.exec(name)?.slice(1).join();
	for (const other of readdirSync(output))
		if (other !== basename(file) && key(other) === key(basename(file)))
			rmSync(join(output, other));
}

/** Bundles, man pages and completion, which are the same for all architectures. */
async function buildPrograms() {
	const dist = join(work, "dist");
	run(process.execPath, ["contrib/development/build.mjs", dist]);
	const pages = join(work, "man");
	mkdirSync(pages);
	const shared = {
		bundle: true,
		platform: "node",
		format: "esm",
		// CommonJS packages in a module need `require` for modules of Node.js
		banner: {
			js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
		},
		logLevel: "warning",
	};
	await bundle({
		...shared,
		entryPoints: ["contrib/packaging/man.ts"],
		outfile: join(work, "man.mjs"),
	});
	const { outputFiles } = await bundle({
		...shared,
		stdin: {
			contents: 'import { main } from "./socket-drop-in.ts"; await main();',
			resolveDir: "contrib/packaging",
		},
		minifyWhitespace: true,
		minifySyntax: true,
		legalComments: "none",
		write: false,
	});
	run(process.execPath, [join(work, "man.mjs"), pages], {
		env: { ...process.env, SOURCE_DATE_EPOCH: String(seconds) },
	});
	return {
		dist,
		socketDropIn: outputFiles[0].contents,
		man: Object.fromEntries(
			readdirSync(pages).map((name) => [name, readFileSync(join(pages, name))]),
		),
		completion: run(process.execPath, [
			...[join(dist, "happo-ctl.js"), "completion", "bash"],
		]),
	};
}

const manifest = JSON.parse(
	readFileSync(new URL("node.json", import.meta.url), "utf8"),
);

/** Node.js of an architecture from npm's registry, if it is the one of the manifest. */
function fetchNode(architecture) {
	const { version, revision, packages } = manifest;
	const { name, sha256 } = packages[architecture];
	const folder = join(work, `node-${architecture}`);
	mkdirSync(folder);
	const packed = run("npm", [
		...["pack", "--silent", "--prefer-offline"],
		...["--pack-destination", folder, `${name}@${version}`],
	]).trim();
	const file = join(folder, packed);
	const found = createHash("sha256").update(readFileSync(file)).digest("hex");
	if (found !== sha256)
		throw new Error(
			`${name} ${version}: SHA-256 is ${found}, not that of contrib/packaging/node.json`,
		);
	run("tar", ["-xzf", file, "-C", folder]);
	const program = join(folder, "node");
	run(tool(architecture, "strip"), [
		...["-o", program, join(folder, "package/bin/node")],
	]);
	return {
		...{ name, version, revision, sha256 },
		folder: join(folder, "package"),
		program: readFileSync(program),
	};
}

/** The native parts for an architecture. */
function compileNative(architecture) {
	const compiler =
		architecture === process.arch
			? process.env.CC || "cc"
			: tool(architecture, "gcc");
	const addon = join(work, `native-${architecture}`, "spawn.node");
	const client = join(work, `native-${architecture}`, "check_happo");
	compile(compiler, addon);
	compileClient(compiler, client, { nodeProgram });
	return { addon: readFileSync(addon), client: readFileSync(client) };
}

try {
	mkdirSync(output, { recursive: true });
	const version = versionOfCommit();
	const others = names.filter((name) => name !== "happo-node");
	const build = others.length > 0 ? await buildPrograms() : undefined;
	for (const architecture of given.architecture.split(",")) {
		const make = (parts) => {
			const at = { work, output, seconds, preset };
			for (const format of formats) {
				const file = (format === "deb" ? makeDeb : makeRpm)(parts(format), at);
				removeEarlier(file);
				process.stdout.write(`${file}\n`);
			}
		};
		if (names.includes("happo-node")) {
			const node = fetchNode(architecture);
			make(() => nodePackage({ node, architecture }));
		}
		if (!build) continue;
		const native = compileNative(architecture);
		const parts = { build, version, architecture, node: manifest, ...native };
		if (names.includes("happo-agent")) make(() => agentPackage(parts));
		if (names.includes("happo-collector")) make(() => collectorPackage(parts));
		if (names.includes("happo-check"))
			make((format) =>
				checkPackage({
					...parts,
					plugins: `/usr/lib${format === "rpm" ? "64" : ""}/nagios/plugins`,
				}),
			);
	}
} finally {
	rmSync(work, { recursive: true, force: true });
}

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import {
	cp,
	mkdir,
	readdir,
	readFile,
	symlink,
	writeFile,
} from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { createAgentClient } from "../../src/client/index.ts";
import { startWithPlugins } from "../support/command-line.ts";
import { json } from "../support/next-hop.ts";
import { lacksPeer } from "../support/peer.ts";
import { local } from "../support/relaying.ts";
import { createScope } from "../support/scope.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const execute = promisify(execFile);
const root = process.cwd();
const node = process.env.HAPPO_TEST_NODE ?? process.execPath;
const tsc = join(root, "node_modules/typescript/bin/tsc");

/** Strict, including every declaration file. */
const strict = {
	strict: true,
	skipLibCheck: false,
	exactOptionalPropertyTypes: true,
	noUncheckedIndexedAccess: true,
	verbatimModuleSyntax: true,
	target: "es2022",
};

const program = `import {
	createAgentClient,
	type CheckResult,
	type MetricBatch,
} from "happo-agent/client";

const client = createAgentClient({ agent: "127.0.0.1:1", trust: {} });
export async function check(): Promise<CheckResult | undefined> {
	const { data, error } = await client.POST("/monitor", {
		body: { plugin_name: "check_exit" },
	});
	if (error) {
		const text: string = typeof error === "string" ? error : error.message;
		console.log(text);
	}
	return data;
}
export const drain = (): AsyncGenerator<MetricBatch, void, undefined> =>
	client.drainMetrics({ leaseSeconds: 1 });
export const version = async (): Promise<string | undefined> =>
	(await client.GET("/status")).data?.app_version;
// @ts-expect-error there is no such operation
export const none = () => client.GET("/nothing");
// @ts-expect-error plugin_name is required
export const bodiless = () => client.POST("/monitor", { body: {} });
// @ts-expect-error trust has no default
export const trusting = () => createAgentClient({ agent: "h" });
client.close();
`;

/** The parts of a CycloneDX document that the test reads. */
interface BillOfMaterials {
	$schema: string;
	bomFormat: string;
	specVersion: string;
	version: number;
	metadata: { component: { "bom-ref": string; purl: string } };
	components: {
		"bom-ref": string;
		type: string;
		name: string;
		version: string;
		purl: string;
		licenses: object[];
		hashes: { content: string }[];
		properties: { value: string }[];
	}[];
	dependencies: { ref: string; dependsOn: string[] }[];
}

/** The parts of esbuild's metafile that the test reads. */
interface Metafile {
	outputs: Record<
		string,
		{ inputs: Record<string, { bytesInOutput: number }> }
	>;
}

/** True if a registry answers, from which npm can install the package's dependencies. */
async function hasRegistry() {
	try {
		await execute("npm", ["ping", "--fetch-retries=0"], { timeout: 15_000 });
		return true;
	} catch {
		return false;
	}
}

describe("the package, installed from npm pack", {
	concurrency: false,
}, async () => {
	const scope = createScope();
	const missing = (await hasRegistry()) ? undefined : "no npm registry";
	/** A test of the installed package; it is skipped if the dependencies cannot be installed. */
	const installedIt = (name: string, check: () => Promise<void>) =>
		it(name, async (t) => {
			if (!lacksPeer(t, missing)) await check();
		});
	let project = "";
	let packed: string[] = [];

	const inProject = (file: string, ...args: string[]) =>
		execute(file, args, { cwd: project }).catch((error) =>
			assert.fail(`${args.join(" ")}: ${error.stdout}${error.stderr}`),
		);
	const run = async (...args: string[]) => {
		const { stdout } = await inProject(node, ...args);
		return stdout;
	};
	const compile = async (options: object, files: readonly string[]) => {
		const compilerOptions = { ...strict, ...options };
		const config = JSON.stringify({ compilerOptions, files });
		await writeFile(join(project, "tsconfig.json"), config);
		await run(tsc, "-p", ".");
	};

	before(async () => {
		if (missing) return;
		project = await temporaryDirectory(scope);
		const { stdout } = await execute(
			"npm",
			["pack", "--ignore-scripts", "--json", "--pack-destination", project],
			{ cwd: root },
		);
		const [{ filename, files }] = JSON.parse(stdout) as [
			{ filename: string; files: { path: string }[] },
		];
		packed = files.map(({ path }) => path);
		await writeFile(
			join(project, "package.json"),
			'{ "name": "backend", "private": true, "type": "module" }',
		);
		await inProject(
			"npm",
			"install",
			"--no-audit",
			"--no-fund",
			`./${filename}`,
		);
		await writeFile(join(project, "program.ts"), program);
	});
	after(async () => {
		await scope.end();
	});

	// without @types/node, the browser library declares fetch and console
	for (const [module, moduleResolution] of [
		["nodenext", "nodenext"],
		["esnext", "bundler"],
	])
		installedIt(
			`its types: module ${module}, resolved as ${moduleResolution}`,
			() => compile({ module, moduleResolution, noEmit: true }, ["program.ts"]),
		);

	installedIt("the programs say their version", async () => {
		const { version } = JSON.parse(
			await readFile(join(root, "package.json"), "utf8"),
		);
		for (const name of ["happo-agent", "happo-ctl", "check_happo"]) {
			const file = join("node_modules/.bin", name);
			// check_happo may be native
			const line = name === "check_happo" ? [file] : [node, file];
			const [program = node, ...args] = [...line, "--version"];
			const { stdout } = await inProject(program, ...args);
			assert.equal(stdout, `${name} version ${version}\n`);
		}
	});

	installedIt("names every package that is in it", async () => {
		const installed = join(project, "node_modules/happo-agent");
		const names = ["happo-agent.cdx.json", "THIRD-PARTY-LICENSES"];
		for (const name of names) assert.ok(packed.includes(`dist/${name}`), name);
		const [text = "", licences = ""] = await Promise.all(
			names.map((name) => readFile(join(installed, "dist", name), "utf8")),
		);
		const bill = JSON.parse(text) as BillOfMaterials;

		// the required fields of CycloneDX, and no time or serial number
		assert.equal(
			bill.$schema,
			"http://cyclonedx.org/schema/bom-1.6.schema.json",
		);
		assert.equal(bill.bomFormat, "CycloneDX");
		assert.equal(bill.specVersion, "1.6");
		assert.equal(bill.version, 1);
		assert.doesNotMatch(text, /"(timestamp|serialNumber)"/);
		const own = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
		assert.equal(
			bill.metadata.component.purl,
			`pkg:npm/happo-agent@${own.version}`,
		);
		const refs = bill.components.map((component) => component["bom-ref"]);
		assert.equal(new Set(refs).size, refs.length, "references are unique");
		const all = [...refs, bill.metadata.component["bom-ref"]].sort();
		assert.deepEqual(bill.dependencies.map(({ ref }) => ref).sort(), all);
		for (const { ref, dependsOn } of bill.dependencies)
			for (const on of dependsOn) assert.ok(all.includes(on), `${ref}: ${on}`);

		const assertNamed = async (directory: string, delivery: string) => {
			const { name, version, license } = JSON.parse(
				await readFile(join(directory, "package.json"), "utf8"),
			);
			const found = bill.components.find(
				(component) => component.name === name && component.version === version,
			);
			assert.ok(found, `${name} ${version} is not in the bill`);
			assert.equal(found.type, "library");
			assert.deepEqual(found.licenses, [{ license: { id: license } }]);
			assert.equal(
				found.purl,
				`pkg:npm/${name.replace("@", "%40")}@${version}`,
			);
			assert.match(found.hashes[0]?.content ?? "", /^[0-9a-f]{128}$/);
			const deliveries = found.properties.map(({ value }) => value);
			assert.ok(deliveries.includes(delivery), `${name}: ${deliveries}`);
			assert.ok(
				licences.includes(`\n${name} ${version} (${license})\n`),
				`${name} ${version} is not in THIRD-PARTY-LICENSES`,
			);
			return `${name}@${version}`;
		};
		const metafiles = JSON.parse(
			await readFile(join(root, "build/metafiles.json"), "utf8"),
		) as Metafile[];
		const bundled = new Set(
			metafiles
				.flatMap(({ outputs }) => Object.values(outputs))
				.flatMap(({ inputs }) => Object.entries(inputs))
				.filter(([, { bytesInOutput }]) => bytesInOutput > 0)
				.map(([input]) => input.split("/"))
				.filter((path) => path.includes("node_modules"))
				.map((path) => {
					const at = path.lastIndexOf("node_modules") + 1;
					const words = path[at]?.startsWith("@") ? 2 : 1;
					return path.slice(0, at + words).join("/");
				}),
		);
		// the bundles of the agent, of happo-ctl and of the client
		for (const name of ["fastify", "ajv", "classic-level", "clipanion", "yaml"])
			assert.ok(bundled.has(`node_modules/${name}`), name);
		const named = new Set<string>();
		for (const directory of bundled)
			named.add(await assertNamed(join(root, directory), "bundled"));
		// the packages that npm installs may be newer by now
		for (const name of Object.keys(own.dependencies).concat("abstract-level"))
			named.add(
				await assertNamed(join(root, "node_modules", name), "installed"),
			);
		for (const component of bill.components)
			if (!named.has(component["bom-ref"]))
				assert.deepEqual(
					component.properties.map(({ value }) => value),
					["installed"],
					component["bom-ref"],
				);
		// the licence's text, recognised by the package's own copyright line
		assert.match(licences, /Copyright \(c\) 2016-present The Fastify team/);
	});

	it("is described by the same bytes in every build", async () => {
		const directory = await temporaryDirectory(scope);
		await execute(node, ["contrib/development/build.mjs", directory], {
			cwd: root,
		});
		for (const name of ["happo-agent.cdx.json", "THIRD-PARTY-LICENSES"])
			assert.equal(
				await readFile(join(directory, name), "utf8"),
				await readFile(join(root, "dist", name), "utf8"),
				name,
			);
	});

	installedIt("ships nothing of its sources and tests", async () => {
		const shipped = await readdir(join(project, "node_modules/happo-agent"));
		assert.deepEqual(
			shipped.sort(),
			"CHANGELOG.md CONTRIBUTING.md LICENSE README.md SECURITY.md UPGRADING.md cli contrib dist openapi.yaml package.json src".split(
				" ",
			),
		);
		// the native command engine and check_happo are compiled at the installation
		const installed = join(project, "node_modules/happo-agent");
		assert.deepEqual(
			(await readdir(join(installed, "src"), { recursive: true })).sort(),
			[
				"spawn",
				"spawn/native",
				...(await readdir("src/spawn/native")).map(
					(name) => `spawn/native/${name}`,
				),
			].sort(),
		);
		assert.deepEqual(
			(await readdir(join(installed, "cli"), { recursive: true })).sort(),
			[
				...["check-happo", "check-happo/native"],
				...(await readdir("cli/check-happo/native")).map(
					(name) => `check-happo/native/${name}`,
				),
			].sort(),
		);
	});

	installedIt("the examples compile and do what they say", async () => {
		const [agent, bastion] = await Promise.all([
			startWithPlugins(scope, []),
			startWithPlugins(scope, []),
		]);
		await cp(join(root, "contrib/examples"), join(project, "examples"), {
			recursive: true,
		});
		await mkdir(join(project, "node_modules/@types"), { recursive: true });
		for (const name of ["@types/node", "undici-types"])
			await symlink(
				join(root, "node_modules", name),
				join(project, "node_modules", name),
			);
		const names = (await readdir(join(project, "examples"))).filter((name) =>
			name.endsWith(".ts"),
		);
		await compile(
			{
				module: "nodenext",
				lib: ["es2023"],
				types: ["node"],
				outDir: "out",
				rootDir: ".",
			},
			names.map((name) => `examples/${name}`),
		);
		const [at, via] = [local(agent.port), local(bastion.port)];
		const example = (name: string, ...args: string[]) =>
			run(`out/examples/${name}.js`, ...args);

		assert.equal(
			await example("check-a-plugin", at, "check_exit", "1"),
			"1 exit 1 says hello\n",
		);
		assert.match(
			await example("check-a-plugin", at, "../x"),
			/^no result: 400 \{/,
		);
		const pem = await readFile(join(bastion.directory, "agent.pub"), "utf8");
		const { fingerprint256 } = new X509Certificate(pem);
		assert.match(
			await example("through-a-bastion", at, via, fingerprint256),
			/^\d+\.\d+\.\d+ \d+\n$/,
		);
		assert.match(
			await example("through-a-bastion", at, via, "ab".repeat(32)),
			/^unreachable: 127\.0\.0\.1:\d+: certificate fingerprint is /,
		);

		const client = createAgentClient({ agent: at, trust: "unverified" });
		const metric_data = [1, 2].map((n) => ({
			hostname: "web01",
			timestamp: n,
			metrics: { n },
		}));
		await client.POST("/metric/append", { body: { metric_data } });
		const caFile = join(agent.directory, "agent.pub");
		assert.equal(
			await example("drain-metrics", at, caFile),
			"1 web01 { n: 1 }\n2 web01 { n: 2 }\n",
		);
		assert.equal(await example("drain-metrics", at, caFile), "");
		client.close();

		const hosts = [[], [via]].map((proxies, index) => ({
			group_name: "G",
			ip: "127.0.0.1",
			hostname: `web0${index}`,
			port: agent.port,
			proxies,
		}));
		const management = createServer((_request, response) =>
			json(response, { hosts }),
		);
		await new Promise<void>((done) => management.listen(0, "127.0.0.1", done));
		scope.after(() => management.close());
		const { port } = management.address() as AddressInfo;
		assert.equal(
			await example(
				"check-every-host",
				`http://127.0.0.1:${port}`,
				"check_exit",
			),
			"web00 0 exit  says hello\nweb01 0 exit  says hello\n",
		);
	});
});

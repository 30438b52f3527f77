import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createAgentClient } from "../../src/client/index.ts";
import { daemonSettings } from "../../src/settings.ts";
import { checkHappo } from "../support/check-happo.ts";
import { collectorProgram } from "../support/collector.ts";
import { run, runProcess } from "../support/command-line.ts";
import { startProgram } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { ctl, testNode } from "../support/happo-ctl.ts";
import { createScope } from "../support/scope.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import {
	bashSession,
	blocksOf,
	blocksRunBy,
	type DocumentBlock,
	documents,
	likeShown,
	type Step,
	stepsOf,
} from "../support/walkthrough.ts";

type Test = Pick<TestContext, "after">;

const execute = promisify(execFile);
const read = (path: string) => readFileSync(path, "utf8");
const manifest = JSON.parse(read("package.json")) as {
	bin: Record<string, string>;
	scripts: Record<string, string>;
};
const self = "test/process/readme.test.ts";
const managementServer = fileURLToPath(
	new URL("../../contrib/management-server/main.js", import.meta.url),
);

/** The ports in the documents. */
const agentPort = 6777;
const managementPort = 6780;
/** The socket in the documents. */
const adminSocket = "/run/happo-agent/admin.sock";
/** Hosts in the documents, if they have this port. */
const host = `web01:${agentPort}`;
const bastion = `bastion1:${agentPort}`;

/** Documents whose blocks have a test of their own. */
const ownTests: Readonly<Record<string, string>> = {
	"contrib/doc/identity.md": "test/process/identity-document.test.ts",
	"contrib/doc/policy.md": "test/process/policy-document.test.ts",
};

const missing = ["bash", "curl"].filter(
	(name) => spawnSync(name, ["--version"]).status !== 0,
);

/**
 * Starts the agent like `npm start`, but on a free port. Waits until it has stored metrics. `filled`
 * waits for that again: a document before may have taken them.
 */
async function quickStarted(t: Test, directory: string) {
	const [, args] =
		/ dist\/happo-agent\.js (daemon .*)$/.exec(manifest.scripts.start ?? "") ??
		assert.fail("npm start does not end with the daemon");
	const started = startProgram(
		t,
		[
			...(args ?? "").split(" "),
			...["-P", "0", "--listen-address", "127.0.0.1"],
			...["--collection-interval-seconds", "1"],
			...["--audit-log", join(directory, "audit.log")],
		],
		// in the directory, as without the variable
		{ directory, environment: { HAPPO_AGENT_ADMIN_SOCKET: "" } },
	);
	const [, port] = await started.printed(
		/listens on +https:\/\/127\.0\.0\.1:(\d+)/,
	);
	const client = createAgentClient({
		agent: `127.0.0.1:${port}`,
		trust: "unverified",
	});
	t.after(() => client.close());
	const filled = () =>
		eventually("metrics are stored", async () => {
			const { data } = await client.GET("/status");
			return (
				data?.collection?.last_pass !== undefined &&
				data.metric_buffer_status.oldest_timestamp > 0
			);
		});
	await filled();
	return { port: Number(port), filled };
}

async function managementStarted(t: Test, directory: string) {
	const started = startProgram(
		t,
		["--port", "0", "--directory", join(directory, "hosts")],
		{ program: managementServer },
	);
	const [, port] = await started.printed(
		/listening on http:\/\/127\.0\.0\.1:(\d+),/,
	);
	return Number(port);
}

/**
 * The programs, agents and management server that a reader has, on other ports. `type` replaces
 * the documents' ports and paths in commands, and puts them back into the output.
 */
async function workplace(context: TestContext) {
	const t = createScope();
	context.after(t.end);
	const directory = await temporaryDirectory(t);
	const [{ port: agent, filled }, { port: relay }, management] =
		await Promise.all([
			quickStarted(t, directory),
			quickStarted(t, await temporaryDirectory(t)),
			managementStarted(t, directory),
		]);
	const bin = join(directory, "bin");
	await mkdir(bin);
	for (const [name, path] of Object.entries(manifest.bin))
		await symlink(join(process.cwd(), path), join(bin, name));
	await symlink(testNode, join(bin, "node"));
	const contexts = join(directory, "default.yaml");
	await writeFile(
		contexts,
		`current-context: here\ncontexts:\n  here: { hosts: ["127.0.0.1:${agent}"] }\n`,
	);
	// no progress meter on standard error, as on a terminal
	await writeFile(join(directory, ".curlrc"), "silent\nshow-error\n");
	const environment = {
		PATH: `${bin}:${process.env.PATH}`,
		HOME: directory,
		LANG: "C",
		HAPPO_CTL_CONFIG: contexts,
		HAPPO_AGENT_BASTION_ENDPOINT: `https://127.0.0.1:${agent}`,
	};
	/** What the documents have, and what it is here. */
	const places = [
		[`127.0.0.1:${agentPort}`, `127.0.0.1:${agent}`],
		[`127.0.0.1:${managementPort}`, `127.0.0.1:${management}`],
		[adminSocket, join(directory, "data/admin.sock")],
		[bastion, `127.0.0.1:${relay}`],
	] as const;
	const moved = (command: string) =>
		places
			.reduce(
				(all, [from, to]) => all.replaceAll(from, to),
				command.replaceAll(host, `127.0.0.1:${agentPort}`),
			)
			.replace(
				/(?<=check_happo .*)-H 127\.0\.0\.1 /,
				`-H 127.0.0.1 -P ${agent} `,
			);
	const asShown = (output: string) =>
		places.reduce((all, [from, to]) => all.replaceAll(to, from), output);
	const type = async (commands: readonly string[]) => {
		const outcomes = await bashSession(t, commands.map(moved), {
			directory,
			environment,
		});
		return outcomes.map(({ output, status }) => ({
			output: asShown(output),
			status,
		}));
	};
	return { directory, type, filled };
}

/** Asserts that an output matches the document's; `typed` is everything that the reader has typed so far. */
function assertShown(
	place: string,
	{ command, shown }: Step,
	output: string,
	typed: string,
) {
	const ports = `${agentPort} ${managementPort}`;
	// a document shows an output without a final newline on a line of its own
	const whole = output === "" || output.endsWith("\n") ? output : `${output}\n`;
	assert.match(
		whole,
		likeShown(shown, `${typed} ${ports}`),
		`${place}: ${command}\nshown:\n${shown.join("\n")}\nprinted:\n${output}`,
	);
}

const isWalk = ({ lines, document }: DocumentBlock) =>
	!(document in ownTests) && lines.some((line) => line.startsWith("$ "));

test("the walk-throughs of the documents print what they show", async (t) => {
	if (missing.length > 0) return t.skip(`not installed: ${missing}`);
	const { directory, type, filled } = await workplace(t);
	let commands = 0;
	const walked = new Set<string>();
	for (const document of documents)
		for (const block of blocksOf(document)) {
			const [, file] = /^file (.*)$/.exec(block.mark ?? "") ?? [];
			if (file !== undefined)
				await writeFile(join(directory, file), `${block.lines.join("\n")}\n`);
			if (!isWalk(block)) continue;
			walked.add(document);
			const place = `${document} line ${block.line}`;
			await t.test(`${place}: ${block.heading}`, async () => {
				const steps = stepsOf(block, "$ ");
				assert.ok(steps, `${place}: output of no command`);
				await filled();
				const outcomes = await type(steps.map(({ command }) => command));
				for (const [index, step] of steps.entries()) {
					const typed = steps.slice(0, index + 1).map(({ command }) => command);
					const { output = "" } = outcomes[index] ?? {};
					assertShown(place, step, output, typed.join("\n"));
					commands++;
				}
				// Nagios uses the exit statuses: the plugin's own, and CRITICAL without an agent
				if (block.heading === "States and messages")
					assert.deepEqual(
						outcomes.map(({ status }) => status),
						[0, 2],
					);
			});
		}
	assert.ok(commands >= 30, `only ${commands} commands were run`);
	// a document whose commands are no longer found must not pass
	assert.deepEqual(
		[...walked].sort(),
		[
			"README.md",
			...[
				...["bastions", "metrics", "nagios", "operate", "programs"],
				...["prometheus", "secure", "troubleshooting"],
			].map((name) => `contrib/doc/${name}.md`),
		].sort(),
	);

	// its first command is what the agents of this test were started with
	const [start, ...requests] = blocksRunBy(self).filter(
		({ document }) => document === "README.md",
	);
	assert.deepEqual(start?.lines, ["npm ci && npm start"]);
	const tries = requests.flatMap((block) => stepsOf(block, "curl ") ?? []);
	assert.equal(tries.length, 2);
	for (const step of tries)
		await t.test(step.command, async (t) => {
			const [, plugin = ""] = /"plugin_name":"(\w+)"/.exec(step.command) ?? [];
			const places = [
				...daemonSettings["nagios-plugin-paths"].default,
				"contrib/plugins",
			];
			if (!places.some((path) => existsSync(join(path, plugin))))
				return t.skip(`${plugin} is not installed (monitoring-plugins)`);
			const [{ output } = { output: "" }] = await type([step.command]);
			const { return_value, message } = JSON.parse(output) as {
				return_value: number;
				message: string;
			};
			// this machine's load differs from the README's
			const states = ["OK", "WARNING", "CRITICAL"] as const;
			const state = states[return_value] ?? assert.fail(output);
			assert.match(message, new RegExp(`\\b${state}\\b`));
			const result = `"return_value":${return_value},`;
			const shown = step.shown
				.filter((line) => line !== "")
				.map((line) =>
					plugin === "check_load_average"
						? line.replace(/"return_value":0,/, result).replace("OK", state)
						: line,
				);
			assert.ok(shown.join("").includes(result), output);
			assertShown("README.md", { ...step, shown }, output, step.command);
		});
});

for (const document of documents)
	test(`every block of ${document} is run, or said not to be`, () => {
		const own = ownTests[document];
		if (own !== undefined) return assert.ok(read(own).includes(document), own);
		const blocks = blocksOf(document);
		for (const [index, block] of blocks.entries()) {
			const { mark, before, line } = block;
			const place = `${document} line ${line}`;
			if (mark?.startsWith("file ")) {
				// a later command uses it
				const used = blocks.slice(index).filter(isWalk);
				const name = mark.slice("file ".length);
				assert.ok(
					used.some(({ lines }) =>
						lines.some((text) => text.startsWith("$") && text.includes(name)),
					),
					`${place}: no command uses ${name}`,
				);
			} else if (mark === ".ci/run")
				for (const command of block.lines)
					assert.ok(read(mark).includes(command), `${place}: ${command}`);
			else if (mark !== undefined && mark !== "output") {
				const asks = new RegExp(`blocksRunBy\\(\\s*(?:"${mark}"|self\\b)`);
				assert.match(read(mark), asks, place);
			} else if (mark === undefined && !isWalk(block))
				assert.match(before, /[Tt]he tests do not run/, place);
		}
	});

test("the documents name the management server's port", async (t) => {
	const { stdout } = await run(t, ["--help"], { program: managementServer });
	assert.match(stdout, new RegExp(`--port\\b[^-]*\\b${managementPort}\\b`));
});

test("the programs in TypeScript of the documents compile, and the options exist", async (t) => {
	const section = read("contrib/doc/programs.md");
	const [example, drain, ...others] = blocksRunBy(self).filter(
		({ document }) => document === "contrib/doc/programs.md",
	);
	assert.ok(example && drain && others.length === 0);
	const options = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(
		([, name]) => name,
	);
	const [management] = section.match(/createManagementClient\(\{[^`]*\}\)/) ?? [
		assert.fail("no management client"),
	];
	assert.ok(options.length > 0, "no table of options");
	const directory = await temporaryDirectory(t);
	await writeFile(
		join(directory, "readme.mts"),
		`import { type AgentOptions, createManagementClient } from "happo-agent/client";
${example.lines.join("\n")}
declare function store(samples: readonly object[]): Promise<void>;
${drain.lines.join("\n")}
declare const endpoint: string;
${management};
export const options: (keyof AgentOptions)[] = ${JSON.stringify(options)};
export { data, error };
`,
	);
	const root = process.cwd();
	const compilerOptions = {
		...{ strict: true, noEmit: true, target: "es2023", module: "nodenext" },
		lib: ["es2023"],
		types: ["node"],
		// npm run e2e checks the declaration files that ship
		skipLibCheck: true,
		typeRoots: [join(root, "node_modules/@types")],
		paths: {
			"happo-agent/client": [join(root, "dist/types/src/client/index.d.ts")],
		},
	};
	await writeFile(
		join(directory, "tsconfig.json"),
		JSON.stringify({ compilerOptions, files: ["readme.mts"] }),
	);
	const tsc = join(root, "node_modules/typescript/bin/tsc");
	await execute(process.execPath, [tsc, "-p", directory]).catch(({ stdout }) =>
		assert.fail(stdout),
	);
});

/** The anchors that GitHub gives to the headings of a document. */
const anchorsOf = (path: string) =>
	new Set(
		[...read(path).matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
			title
				.toLowerCase()
				.replace(/[^\w\- ]/g, "")
				.replaceAll(" ", "-"),
		),
	);

/** Options in the documents that are not of our programs, or stand for any. */
const otherOptions = [
	// of curl
	"pinnedpubkey",
	...["name", "no-name", "option", "warn", "warning", "init", "password"],
	"allow-scripts",
	// --web.enable-remote-write-receiver, of Prometheus
	"web",
];

test("the commands and options that the documents name exist", async (t) => {
	const codes = documents
		.flatMap((document) => [...read(document).matchAll(/`([^`\n]+)`/g)])
		.map(([, code = ""]) => code)
		// a message
		.filter((code) => !code.includes("..."));
	const programs = {
		"happo-ctl": (args: readonly string[]) => ctl(t, args),
		"happo-agent": (args: readonly string[]) => run(t, args),
		"happo-collector": (args: readonly string[]) =>
			runProcess(t, args, { program: collectorProgram }),
	};
	const helps = new Map<string, string>();
	for (const [program, runIt] of Object.entries(programs)) {
		const commands = codes.flatMap((code) => {
			const [first, ...words] = code.split(" ");
			if (first !== program) return [];
			const end = words.findIndex((word) => !/^[a-z_]+$/.test(word));
			return [words.slice(0, end < 0 ? words.length : end).join(" ")];
		});
		for (const command of new Set(commands)) {
			const words = command.split(" ").filter((word) => word !== "");
			const { code, stdout } = await runIt([...words, "--help"]);
			assert.equal(code, 0, `${program} ${command}`);
			helps.set(`${program} ${command}`.trim(), stdout);
		}
	}
	assert.ok(helps.size > 12, [...helps.keys()].join());
	// what many commands share
	const topic = await ctl(t, ["help", "connections"]);
	helps.set("happo-ctl help connections", topic.stdout);
	const { stdout: help } = await checkHappo("monitor", "--help");
	const known = new Set(
		[...helps.values(), help].flatMap((help) =>
			[...help.matchAll(/(?<![\w-])--(?:\[no-\])?([a-z][a-z-]*)/g)].map(
				([, name = ""]) => name,
			),
		),
	);
	const ours = /^(?:-|(?:happo-ctl|happo-agent|happo-collector|check_happo) )/;
	for (const code of codes.filter((code) => ours.test(code)))
		for (const [, name = ""] of code.matchAll(/(?:^| )--([a-z][a-z-]*)/g))
			assert.ok(
				known.has(name) ||
					known.has(`no-${name}`) ||
					otherOptions.includes(name),
				code,
			);
});

test("README links to every document for users", () => {
	const readme = read("README.md");
	for (const document of documents.slice(1))
		assert.ok(readme.includes(`](${document})`), document);
});

const decisions = "contrib/development/decisions";

for (const path of [
	...documents,
	"CONTRIBUTING.md",
	"SECURITY.md",
	"UPGRADING.md",
	"contrib/development/README.md",
	"contrib/development/glossary.md",
	"contrib/management-server/README.md",
	...readdirSync(decisions).map((name) => `${decisions}/${name}`),
])
	test(`scripts, links and paths in ${path} exist`, () => {
		// a line break may split a command or a link
		const text = read(path).replace(/\s+/g, " ");
		const scripts = [
			...text.matchAll(/\bnpm (?:run (?:-s )?([\w-]+)|(start|test)\b)/g),
		].map((match) => match[1] ?? match[2] ?? "");
		if (/^(README|CONTRIBUTING|contrib\/management-server)/.test(path))
			assert.ok(scripts.length > 0, "no npm run: are they still found?");
		for (const name of scripts)
			assert.ok(manifest.scripts[name], `npm run ${name}: no such script`);

		const beside = (name: string) => join(dirname(path), name);
		const links = [...text.matchAll(/\]\((?!\w+:)([^)#]*)(?:#([^)]*))?\)/g)];
		for (const [, link = "", anchor] of links) {
			const target = link === "" ? path : beside(link);
			assert.ok(existsSync(target), `link to ${link}`);
			if (anchor !== undefined)
				assert.ok(anchorsOf(target).has(anchor), `link to ${link}#${anchor}`);
		}

		const places =
			/(?<![\w/.~-])(?:\.ci|build|cli|contrib|generated|src|test)\/[\w./-]*/g;
		const below = [...text.matchAll(places)].map(([place]) =>
			place.replace(/\.$/, ""),
		);
		if (!/SECURITY|glossary|decisions/.test(path))
			assert.ok(
				links.length + below.length > 0,
				"no paths: are they still found?",
			);
		for (const place of below)
			assert.ok(existsSync(place) || existsSync(beside(place)), place);
		// a source named without a folder is in the document's folder
		for (const [, name = ""] of text.matchAll(/`([\w-]+\.ts)`/g))
			assert.ok(existsSync(beside(name)), name);
	});

test("every decision has a date and its parts, and is in the list", () => {
	const list = read("contrib/development/README.md");
	const names = readdirSync(decisions).sort();
	assert.ok(names.length > 40);
	for (const [index, name] of names.entries()) {
		const number = String(index + 1).padStart(4, "0");
		assert.match(name, new RegExp(`^${number}-[a-z0-9-]+\\.md$`));
		const text = read(`${decisions}/${name}`);
		assert.match(
			text,
			/^# \d+\. [^\n]+\n\n\d{4}-\d\d-\d\d\n\n## Context\n\n[\s\S]+?## Decision\n\n[\s\S]+?## Consequences\n\n[\s\S]+?$/,
			name,
		);
		const [, title = ""] = /^# \d+\. (.*)$/m.exec(text) ?? [];
		assert.ok(
			list.includes(`- [${number}](decisions/${name}) ${title}\n`),
			`${name} in contrib/development/README.md`,
		);
	}
});

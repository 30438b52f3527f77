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
import { run } from "../support/command-line.ts";
import { startProgram } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { testNode } from "../support/happo-ctl.ts";
import { createScope } from "../support/scope.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import {
	bashSession,
	indentedBlocks,
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
const readme = read("README.md");
const blocks = indentedBlocks(readme);
const managementServer = fileURLToPath(
	new URL("../../contrib/management-server/main.js", import.meta.url),
);

/** The ports in the README. */
const agentPort = 6777;
const managementPort = 6780;

const missing = ["bash", "curl"].filter(
	(name) => spawnSync(name, ["--version"]).status !== 0,
);

/** Starts the agent like `npm start`, but on a free port. Waits until it has stored metrics. Returns the port. */
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
		],
		{ directory },
	);
	const [, port] = await started.printed(
		/listens on +https:\/\/127\.0\.0\.1:(\d+)/,
	);
	const client = createAgentClient({
		agent: `127.0.0.1:${port}`,
		trust: "unverified",
	});
	t.after(() => client.close());
	await eventually("the first metrics are stored", async () => {
		const { data } = await client.GET("/status");
		return (
			data?.collection?.last_pass !== undefined &&
			data.metric_buffer_status.oldest_timestamp > 0
		);
	});
	return Number(port);
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
 * The programs, agent and management server that the README's reader has, on other ports.
 * `type` replaces the README's ports in commands, and puts them back into the output.
 */
async function workplace(context: TestContext) {
	const t = createScope();
	context.after(t.end);
	const directory = await temporaryDirectory(t);
	const [agent, management] = await Promise.all([
		quickStarted(t, directory),
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
	const ports = [
		[agentPort, agent],
		[managementPort, management],
	] as const;
	const moved = (command: string) =>
		ports
			.reduce(
				(all, [from, to]) =>
					all.replaceAll(`127.0.0.1:${from}`, `127.0.0.1:${to}`),
				command,
			)
			.replace(
				/(?<=check_happo .*)-H 127\.0\.0\.1 /,
				`-H 127.0.0.1 -P ${agent} `,
			);
	const asInReadme = (output: string) =>
		ports.reduce(
			(all, [from, to]) =>
				all.replaceAll(`127.0.0.1:${to}`, `127.0.0.1:${from}`),
			output,
		);
	const type = async (commands: readonly string[]) => {
		const outcomes = await bashSession(t, commands.map(moved), {
			directory,
			environment,
		});
		return outcomes.map(({ output, status }) => ({
			output: asInReadme(output),
			status,
		}));
	};
	return { directory, type };
}

/** Asserts that an output matches the README's; `typed` is everything that the reader has typed so far. */
function assertShown(
	{ line, command, shown }: Step,
	output: string,
	typed: string,
) {
	const ports = `${agentPort} ${managementPort}`;
	// the README shows an output without a final newline on a line of its own
	const whole = output === "" || output.endsWith("\n") ? output : `${output}\n`;
	assert.match(
		whole,
		likeShown(shown, `${typed} ${ports}`),
		`README.md line ${line}: ${command}\nshown:\n${shown.join("\n")}\nprinted:\n${output}`,
	);
}

test("the walk-throughs of the README print what it shows", async (t) => {
	if (missing.length > 0) return t.skip(`not installed: ${missing}`);
	const { directory, type } = await workplace(t);
	const walks = blocks.filter(({ lines }) =>
		lines.some((line) => line.startsWith("$")),
	);
	// one for each program: renaming a heading must not drop a walk-through
	assert.deepEqual(
		walks.map(({ heading }) => heading.split(/[ ,]/)[0]),
		["check_happo", "happo-ctl", "happo-agent"],
	);
	let commands = 0;
	for (const block of walks)
		await t.test(block.heading, async () => {
			const steps = stepsOf(block, "$ ");
			assert.ok(steps, `README.md line ${block.line}: output of no command`);
			const outcomes = await type(steps.map(({ command }) => command));
			for (const [index, step] of steps.entries()) {
				const typed = steps.slice(0, index + 1).map(({ command }) => command);
				assertShown(step, outcomes[index]?.output ?? "", typed.join("\n"));
				commands++;
			}
			// Nagios uses the exit statuses: the plugin's own, and CRITICAL without an agent
			if (block.heading.startsWith("check_happo"))
				assert.deepEqual(
					outcomes.map(({ status }) => status),
					[0, 2],
				);
		});
	assert.ok(commands >= 12, `only ${commands} commands were run`);

	await t.test("the contexts", async () => {
		const example = blocks.find(({ lines }) => lines.includes("contexts:"));
		assert.ok(example, "no example of contexts");
		const file = join(directory, "ctl.yaml");
		await writeFile(file, `${example.lines.join("\n")}\n`);
		const [listed] = await type([`happo-ctl --config ${file} context list`]);
		assert.equal(listed?.status, 0, listed?.output);
		const [, current] = /^current-context: (.*)$/m.exec(read(file)) ?? [];
		const names = [...read(file).matchAll(/^ {2}(\w+): \{/gm)];
		assert.ok(names.some(([, name]) => name === current));
		for (const [, name] of names)
			assert.match(
				listed?.output ?? "",
				new RegExp(`^${name === current ? "\\*" : " "} +${name} `, "m"),
			);
	});

	const tries = blocks.flatMap((block) =>
		block.heading === "Try it" ? (stepsOf(block, "curl ") ?? []) : [],
	);
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
			assertShown({ ...step, shown }, output, step.command);
		});
});

test("the README names the management server's port", async (t) => {
	const { stdout } = await run(t, ["--help"], { program: managementServer });
	assert.match(stdout, new RegExp(`--port\\b[^-]*\\b${managementPort}\\b`));
});

test("the README's programs in TypeScript compile, and its options exist", async (t) => {
	const section = readme.split("### From a program\n")[1]?.split("\n## ")[0];
	assert.ok(section, "no section");
	const [example, drain, ...others] = indentedBlocks(section);
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

const decisions = "contrib/development/decisions";

for (const path of [
	"README.md",
	"CONTRIBUTING.md",
	"SECURITY.md",
	"UPGRADING.md",
	"contrib/development/README.md",
	"contrib/development/glossary.md",
	...readdirSync("contrib/doc").map((name) => `contrib/doc/${name}`),
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
		const links = [...text.matchAll(/\]\((?!\w+:|#)([^)#]+)/g)];
		for (const [, link = ""] of links)
			assert.ok(existsSync(beside(link)), `link to ${link}`);

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

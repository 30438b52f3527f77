import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { contract } from "../generated/contract.ts";

/** An import of a source file: what, and whether only for its types. */
interface Import {
	of: string;
	types: boolean;
}

const read = (path: string) => readFileSync(path, "utf8");

/** The TypeScript files below a folder. */
function sources(folder: string): string[] {
	const found: string[] = [];
	const walk = (path: string) => {
		for (const entry of readdirSync(path, { withFileTypes: true }))
			if (entry.isDirectory()) walk(join(path, entry.name));
			else if (entry.name.endsWith(".ts")) found.push(join(path, entry.name));
	};
	walk(folder);
	return found;
}

/** What a file imports: paths from the root for our files, names for packages. */
function imports(path: string): Import[] {
	const pattern =
		/(?:^|\n)\s*(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"|import\(\s*"([^"]+)"/g;
	return [...read(path).matchAll(pattern)].map((match) => {
		const of = match[2] ?? match[3] ?? "";
		return {
			of: of.startsWith(".") ? normalize(join(dirname(path), of)) : of,
			types: match[1] !== undefined,
		};
	});
}

const ours = [
	"src",
	"cli",
	"generated",
	"contrib/examples",
	"contrib/management-server",
].flatMap(sources);

/** Who may import whom: the first rule whose folder fits decides. */
const layers: readonly { from: RegExp; to: RegExp }[] = [
	{ from: /^generated\//, to: /^generated\// },
	// as their readers would write them: the package and nothing else
	{ from: /^contrib\/examples\//, to: /^$/ },
	{
		from: /^contrib\/management-server\//,
		to: /^contrib\/management-server\/|^cli\/program\/help\.ts$|^generated\/|^src\/(agent-error|log|no-debugger|setting-table|system-error|turn)\.ts$|^src\/http\/(bind|errors|json)\.ts$|^src\/tls\/key-pair\.ts$/,
	},
	// started for every check: no more than it needs
	{
		from: /^cli\/check-happo(\.ts$|\/)/,
		to: /^cli\/(check-happo\/|program\/arguments\.ts$)|^src\/protocol\/|^src\/system-error\.ts$|^generated\/(schema|version)\.ts$/,
	},
	// what a program is made of, whichever it is
	{
		from: /^cli\/program\//,
		to: /^cli\/program\/|^cli\/ctl\/output\/terminal\.ts$|^src\/setting-table\.ts$/,
	},
	// what a text looks like, whoever writes it
	{
		from: /^cli\/ctl\/output\//,
		to: /^cli\/ctl\/(output\/|flags\.ts$|target\/answer\.ts$)|^src\/client\/index\.ts$|^src\/protocol\//,
	},
	// which agents, and the way to them: neither commands nor what they print
	{
		from: /^cli\/ctl\/target\//,
		to: /^cli\/message-text\.ts$|^cli\/program\/(arguments|command|suggestion)\.ts$|^cli\/ctl\/(target\/|(flags|input-file)\.ts$)|^src\/client\/index\.ts$|^src\/(setting-table|system-error)\.ts$|^src\/protocol\//,
	},
	// another machine's tool: it knows agents by their protocol only
	{
		from: /^cli\/(happo-ctl\.ts$|ctl\/)/,
		to: /^cli\/(?!daemon|happo-agent)|^src\/client\/index\.ts$|^src\/(no-debugger|setting-table|system-error)\.ts$|^src\/protocol\/|^generated\/(schema|version)\.ts$/,
	},
	{
		from: /^cli\//,
		to: /^cli\/|^src\/(no-debugger|agent|cpu-profile|log|secret-variable|settings|setting-table|system-error)\.ts$|^src\/spawn\/native-addon\.ts$|^src\/tls\/(key-pair|key-pair-files)\.ts$|^src\/client\/|^src\/protocol\/|^src\/store\/original-export\.ts$|^generated\/(schema|version)\.ts$/,
	},
	{
		from: /^src\/client\//,
		to: /^src\/(client|protocol|relay)\/|^generated\/(client|schema|shapes)\.ts$/,
	},
	{
		from: /^src\/agent(\.ts$|\/)/,
		to: /^src\/|^generated\/(contract|version)\.ts$/,
	},
	{
		from: /^src\/http\//,
		to: /^src\/(http|protocol)\/|^src\/(agent-error|collect|fair-limit|log|log-repeats|strict-json)\.ts$|^generated\/handlers\.ts$/,
	},
	{
		from: /^src\/tls\//,
		to: /^src\/tls\/|^src\/(polled-files|log|log-repeats|system-error|ticker)\.ts$/,
	},
	{
		from: /^src\/handlers\//,
		to: /^src\/(handlers|commands|metrics|protocol|relay|status|store)\/|^src\/(agent-error|system-error)\.ts$|^generated\/(handlers|schema)\.ts$/,
	},
	// what agent, client and command line share
	{
		from: /^src\/protocol\//,
		to: /^src\/protocol\/|^generated\/schema\.ts$/,
	},
	// processes as such: no plugins, no log, no settings
	{ from: /^src\/spawn\//, to: /^src\/spawn\/|^src\/turn\.ts$/ },
	{
		from: /^src\/commands\//,
		to: /^src\/(commands|protocol|spawn)\/|^src\/(agent-error|fair-limit|log|log-repeats|secret-variable|turn)\.ts$/,
	},
	{
		from: /^src\/machine-state\//,
		to: /^src\/commands\/|^src\/(log|log-repeats)\.ts$/,
	},
	{
		from: /^src\/metrics\//,
		to: /^src\/(metrics|commands|protocol)\/|^src\/(polled-files|log|log-repeats|system-error|ticker)\.ts$|^generated\/schema\.ts$/,
	},
	{
		from: /^src\/status\//,
		to: /^src\/(protocol|status)\/|^src\/(setting-table|ticker)\.ts$|^generated\/(handlers|schema)\.ts$/,
	},
	{
		from: /^src\/store\//,
		to: /^src\/store\/|^src\/spawn\/native-addon\.ts$|^src\/(agent-error|log|log-repeats|strict-json|system-error|turn)\.ts$|^generated\/schema\.ts$/,
	},
	{
		from: /^src\/relay\//,
		to: /^src\/(protocol|relay)\/|^src\/spawn\/native-addon\.ts$|^src\/(agent-error|collect|fair-limit|log|system-error)\.ts$/,
	},
	{
		from: /^src\/settings\.ts$/,
		to: /^src\/[^/]+\.ts$|^src\/protocol\/|^src\/relay\/(destinations|trust)\.ts$|^src\/commands\/environment\.ts$/,
	},
	{ from: /^src\/start-warnings\.ts$/, to: /^src\// },
	{
		from: /^src\/[^/]+\.ts$/,
		to: /^src\/[^/]+\.ts$|^src\/spawn\/|^generated\/(handlers|schema)\.ts$/,
	},
];

test("every file imports only what its place allows", () => {
	for (const path of ours)
		for (const { of } of imports(path)) {
			if (!of.endsWith(".ts")) continue;
			const rule = layers.find(({ from }) => from.test(path));
			assert.ok(rule, `${path} has no place in the rules`);
			assert.match(of, rule.to, `${path} imports ${of}`);
		}
});

test("no imports run in a circle", () => {
	const visiting = new Set<string>();
	const done = new Set<string>();
	const visit = (path: string, from: string) => {
		assert.ok(!visiting.has(path), `${from} imports ${path}: a circle`);
		if (done.has(path)) return;
		visiting.add(path);
		for (const { of, types } of imports(path))
			if (of.endsWith(".ts") && !types) visit(of, path);
		visiting.delete(path);
		done.add(path);
	};
	for (const path of ours) visit(path, "");
});

/** One dependency, one door. */
const doors: Readonly<Record<string, readonly string[]>> = {
	fastify: ["src/http/server.ts"],
	"openapi-backend": ["src/http/bind.ts"],
	"openapi-fetch": ["generated/client.ts"],
	diff: ["cli/ctl/output/line-diff.ts"],
	"get-east-asian-width": ["cli/ctl/output/terminal.ts"],
	clipanion: ["cli/program/command.ts", "cli/program/program.ts"],
	"node:child_process": ["src/spawn/child-process-engine.ts"],
	"node:https": [
		"contrib/management-server/server.ts",
		"src/client/connections.ts",
		"src/http/server.ts",
		"src/relay/https-agent.ts",
		"src/relay/https-fetch.ts",
	],
	level: ["contrib/management-server/hosts.ts"],
	"classic-level": ["src/store/level.ts"],
	yaml: ["cli/ctl/output/formats.ts", "src/protocol/yaml.ts"],
	"happo-agent/client": sources("contrib/examples"),
};

test("every package and every way out of the process has one door", () => {
	for (const path of ours)
		for (const { of, types } of imports(path)) {
			if (of.endsWith(".ts") || types) continue;
			const door = doors[of];
			if (door) assert.ok(door.includes(path), `${path} imports ${of}`);
			else assert.match(of, /^node:/, `${path} imports ${of}: no door for it`);
		}
	for (const [name, paths] of Object.entries(doors))
		for (const path of paths)
			assert.ok(
				imports(path).some(({ of }) => of === name),
				`${path} does not import ${name} any more`,
			);
});

test("the environment is read in one place of each program", () => {
	for (const path of ours)
		if (
			!/^cli\/(happo-agent|happo-ctl|check-happo)\.ts$|^contrib\/(examples\/|management-server\/main\.ts$)/.test(
				path,
			)
		)
			assert.doesNotMatch(read(path), /process\.env\b/, path);
});

test("only the programs end the process", () => {
	for (const path of ours)
		if (!/^cli\/(check-happo|lifecycle|run-daemon)\.ts$/.test(path))
			assert.doesNotMatch(read(path), /process\.(exit\(|abort)/, path);
});

const manifest = JSON.parse(read("package.json")) as {
	version: string;
	bin: Record<string, string>;
	files: string[];
};

test("the package and the contract have one version", () => {
	assert.equal(manifest.version, contract.info.version);
	assert.match(
		read("CHANGELOG.md"),
		new RegExp(`^## ${manifest.version}`, "m"),
	);
});

test("programs are executable, and what is shipped is there", () => {
	for (const path of Object.values(manifest.bin)) {
		assert.equal(statSync(path).mode & 0o111, 0o111, path);
		assert.match(read(path), /^#!\/usr\/bin\/env node\n/);
	}
	// one that begins with ! is left out
	for (const path of manifest.files)
		if (!path.startsWith("!")) assert.ok(statSync(path), path);
});

test("the unit and the job take their settings from the environment file only", () => {
	const unit = read("contrib/usr/lib/systemd/system/happo-agent.service");
	assert.match(unit, /^EnvironmentFile=-?\/etc\/default\/happo-agent\.env$/m);
	assert.match(unit, /^ExecStart=\S*(?: happo-agent)? daemon$/m);
	// SIGTERM for the agent alone: it gives running plugins their three seconds
	assert.match(unit, /^KillMode=mixed$/m);
	// soft for plugins, as README says, and hard for the agent
	assert.match(unit, /^LimitNOFILE=1024:65536$/m);
	// a start that keeps failing is given up within the interval
	const value = (name: string) =>
		Number(new RegExp(`^${name}=(\\d+)$`, "m").exec(unit)?.[1]);
	assert.ok(
		value("RestartSec") * value("StartLimitBurst") <
			value("StartLimitIntervalSec") / 2,
	);
	const job = read("contrib/etc/init/happo-agent.conf");
	assert.match(job, /\/etc\/default\/happo-agent\.env/);
	assert.doesNotMatch(job, /daemon\s+-/);
	assert.match(job, /^limit nofile 1024 65536$/m);
});

import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { contract } from "../generated/contract.ts";

/** An import of a source file. */
interface Import {
	of: string;
	/** Whether it imports only types. */
	types: boolean;
	/** Whether it loads the file only when that line runs: `import(...)`. */
	isLater: boolean;
}

const read = (path: string) => readFileSync(path, "utf8");

/** The TypeScript files in a folder and its subfolders. */
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

/** The imports of a file: paths from the root for our files, names for packages. */
function imports(path: string): Import[] {
	const pattern =
		/(?:^|\n)\s*(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"|import\(\s*"([^"]+)"/g;
	return [...read(path).matchAll(pattern)].map((match) => {
		const of = match[2] ?? match[3] ?? "";
		return {
			of: of.startsWith(".") ? normalize(join(dirname(path), of)) : of,
			types: match[1] !== undefined,
			isLater: match[3] !== undefined,
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

/** A pattern for files in folders; `src/*` and `cli/*` mean only the files directly in them. */
const within = (...folders: readonly string[]) =>
	new RegExp(
		`^(?:${folders.map((folder) => (folder.endsWith("*") ? `${folder.slice(0, -1)}[^/]+\\.ts$` : `${folder}/`)).join("|")})`,
	);

/**
 * Who may import whom: the first rule with a matching folder decides. A folder may always import
 * itself.
 */
const layers: readonly { from: readonly string[]; to: readonly string[] }[] = [
	// examples import only the package, like programs of users
	{ from: ["contrib/examples"], to: [] },
	{
		from: ["contrib/management-server"],
		to: ["cli/program", "generated", "src/*", "src/http", "src/tls"],
	},
	// the types of handlers are written by hand
	{ from: ["generated"], to: ["src/*"] },
	{
		from: ["cli/check-happo"],
		to: ["cli/program", "generated", "src/*", "src/protocol"],
	},
	// a check_happo that stays: arguments and results of its clients are check_happo's
	{
		from: ["cli/broker"],
		to: [
			...["cli/check-happo", "cli/program", "generated"],
			...["src/*", "src/client", "src/protocol", "src/spawn"],
		],
	},
	// writes to stores, over connections like those to agents
	{
		from: ["cli/collector/write"],
		to: [...["generated", "src/*", "src/client", "src/protocol", "src/relay"]],
	},
	// polls agents as happo-ctl reaches them; knows them only by their protocol
	{
		from: ["cli/collector"],
		to: [
			...["cli/*", "cli/ctl/*", "cli/ctl/output", "cli/ctl/target"],
			...["cli/program", "generated", "src/*", "src/client", "src/protocol"],
			// stores are asked over connections of our own, as other hops are
			"src/relay",
		],
	},
	// shared by all programs
	{ from: ["cli/program"], to: ["cli/ctl/output", "src/*"] },
	// the format of texts, for all commands
	{
		from: ["cli/ctl/output"],
		to: ["cli/ctl/*", "cli/ctl/target", "src/client", "src/protocol"],
	},
	// which agents, and how to reach them; knows neither commands nor their output
	{
		from: ["cli/ctl/target"],
		to: [
			...["cli/*", "cli/ctl/*", "cli/program"],
			...["src/*", "src/client", "src/protocol"],
		],
	},
	// runs on the agent's host and reads its files: only the agent's own code reads them as it does
	{
		from: ["cli/ctl/doctor"],
		to: [
			...["cli/*", "cli/ctl/commands", "cli/ctl/output", "cli/program"],
			...["src/*", "src/client", "src/commands", "src/policy"],
			...["src/protocol", "src/relay", "src/spawn", "src/store", "src/tls"],
		],
	},
	// runs in a browser: nothing of Node.js
	{
		from: ["cli/ctl/web/page"],
		to: ["cli/ctl/output", "generated", "src/protocol"],
	},
	// serves a page: validates as the agent's server does, with the code that knows no agent
	{
		from: ["cli/ctl/web"],
		to: [
			...["cli/ctl/*", "cli/ctl/commands", "cli/ctl/output", "cli/ctl/target"],
			...["generated", "src/*", "src/client", "src/http", "src/protocol"],
		],
	},
	// changes the machine of an agent, and checks with the agent's own code what it finds there
	{
		from: ["cli/setup"],
		to: [
			...["cli/*", "cli/ctl/doctor", "cli/ctl/nrpe", "cli/ctl/output"],
			...["cli/program", "src/*", "src/client", "src/metrics", "src/nrpe"],
			...["src/policy", "src/protocol", "src/store", "src/tls"],
		],
	},
	// may run on another machine, and knows agents only by their protocol
	{
		from: ["cli/ctl"],
		to: [
			...["cli", "generated", "src/*"],
			...["src/client", "src/policy", "src/protocol"],
		],
	},
	{
		from: ["cli"],
		to: [
			...["generated", "src/*", "src/agent", "src/client", "src/protocol"],
			...["src/policy", "src/relay", "src/spawn", "src/store", "src/tls"],
		],
	},
	// builds all the others
	{ from: ["src/agent"], to: ["generated", "src"] },
	{ from: ["src/client"], to: ["generated", "src/protocol", "src/relay"] },
	{
		from: ["src/http"],
		to: ["generated", "src/*", "src/policy", "src/protocol"],
	},
	// another protocol for checks, with the connections of HTTPS
	{
		from: ["src/nrpe"],
		to: ["generated", "src/*", "src/http", "src/policy", "src/protocol"],
	},
	{
		from: ["src/handlers"],
		to: [
			...["generated", "src/*", "src/commands", "src/metrics", "src/policy"],
			...["src/protocol", "src/relay", "src/status", "src/store"],
		],
	},
	// the names in a certificate are those that a policy knows
	{ from: ["src/tls"], to: ["src/*", "src/policy"] },
	// shared by agent, client and command line
	{ from: ["src/protocol"], to: ["generated"] },
	{ from: ["src/audit"], to: ["src/*", "src/protocol"] },
	// decides without I/O, in the agent and in happo-ctl
	{ from: ["src/policy"], to: ["generated", "src/*", "src/protocol"] },
	// who may do what: asks the policy, and keeps its limits
	{
		from: ["src/authorization"],
		to: ["generated", "src/*", "src/audit", "src/policy", "src/protocol"],
	},
	// processes in general, without plugins
	{ from: ["src/spawn"], to: ["src/*"] },
	{ from: ["src/commands"], to: ["src/*", "src/protocol", "src/spawn"] },
	{
		from: ["src/machine-state"],
		to: ["src/*", "src/commands", "src/protocol"],
	},
	{
		from: ["src/metrics"],
		to: ["generated", "src/*", "src/commands", "src/protocol"],
	},
	{ from: ["src/status"], to: ["generated", "src/*", "src/protocol"] },
	{ from: ["src/store"], to: ["generated", "src/*", "src/spawn"] },
	{ from: ["src/relay"], to: ["src/*", "src/protocol", "src/spawn"] },
	// the agent and its settings import the parts; for the other files see below
	{ from: ["src/*"], to: ["generated", "src"] },
];

test("every file imports only what its folder allows", () => {
	for (const path of ours)
		for (const { of } of imports(path)) {
			if (!of.endsWith(".ts")) continue;
			const rule = layers.find(({ from }) => within(...from).test(path));
			assert.ok(rule, `${path} has no place in the rules`);
			const allowed = within(...rule.from, ...rule.to);
			assert.match(of, allowed, `${path} imports ${of}`);
		}
});

/**
 * All files that are loaded with a file, including itself.
 * @param isOther whether to leave out a file that is loaded later
 */
function loadedWith(
	path: string,
	isOther: (later: string) => boolean = () => false,
	found = new Set<string>(),
): Set<string> {
	if (found.has(path)) return found;
	found.add(path);
	for (const { of, types, isLater } of imports(path))
		if (of.endsWith(".ts") && !types && !(isLater && isOther(of)))
			loadedWith(of, isOther, found);
	return found;
}

test("files directly in src that parts import do not import parts", () => {
	for (const path of ours.filter((path) => /^src\/(?!agent\/)\w+/.test(path)))
		for (const { of } of imports(path))
			if (/^src\/.+\//.test(path) && within("src/*").test(of))
				for (const loaded of loadedWith(of))
					assert.match(
						loaded,
						within("src/*", "src/protocol", "generated"),
						`${path} imports ${of}, and that ${loaded}`,
					);
});

test("check_happo and happo-ctl load no part of the agent", () => {
	// check_happo is started for every check
	for (const path of loadedWith("cli/check-happo.ts"))
		assert.match(
			path,
			within(
				...["cli/*", "cli/check-happo", "cli/program"],
				...["generated", "src/*", "src/protocol"],
			),
		);
	// doctor loads parts, and web what serves it, and only once they are called
	const isLater = (path: string) => /^cli\/ctl\/(doctor|web)\//.test(path);
	for (const path of loadedWith("cli/happo-ctl.ts", isLater)) {
		assert.ok(!isLater(path), path);
		assert.match(
			path,
			within(
				...["cli/*", "cli/broker", "cli/check-happo", "cli/ctl", "cli/program"],
				...["generated", "src/*"],
				// the client relays and resolves names like an agent
				...["src/client", "src/protocol", "src/relay", "src/spawn"],
				// it tries policies
				"src/policy",
			),
		);
	}
});

test("there are no import cycles", () => {
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

test("a check, a sample and a setting pass few files", () => {
	const [, text = ""] =
		/^## Three walks$([\s\S]*?)^## /m.exec(
			read("contrib/development/README.md"),
		) ?? [];
	const walks = [...text.matchAll(/at most (\d+)[^:]*:\n\n((?:- .*\n)+)/g)];
	assert.deepEqual(
		walks.map(([, most]) => Number(most)),
		[15, 10, 4],
	);
	for (const [, most, list = ""] of walks) {
		const files = [...list.matchAll(/^- `([^`]+)`/gm)].map(
			([, path = ""]) => path,
		);
		assert.equal(files.length, list.trim().split("\n").length);
		assert.ok(files.length <= Number(most), `${files.length} of ${most}`);
		assert.equal(new Set(files).size, files.length);
		for (const path of files) assert.ok(ours.includes(path), path);
	}
});

/** The files of the page that import a package. */
const inPage = (name: string) =>
	sources("cli/ctl/web/page").filter((path) =>
		imports(path).some(({ of, types }) => of === name && !types),
	);

/** The only files that import each package. */
const doors: Readonly<Record<string, readonly string[]>> = {
	fastify: ["cli/ctl/web/server.ts", "src/http/server.ts"],
	"openapi-backend": ["src/http/bind.ts"],
	"openapi-fetch": ["cli/ctl/web/page/session.ts", "generated/client.ts"],
	"htm/preact": ["cli/ctl/web/page/html.ts"],
	preact: inPage("preact"),
	"preact/hooks": inPage("preact/hooks"),
	uplot: ["cli/ctl/web/page/chart.ts"],
	diff: ["cli/ctl/output/line-diff.ts"],
	"get-east-asian-width": ["cli/ctl/output/terminal.ts"],
	clipanion: ["cli/program/command.ts", "cli/program/program.ts"],
	"node:child_process": [
		"cli/ctl/web/browser.ts",
		"src/spawn/child-process-engine.ts",
	],
	"node:https": ["contrib/management-server/server.ts", "src/http/server.ts"],
	"@nats-io/jetstream": ["cli/collector/due-queue.ts"],
	"@nats-io/transport-node": ["cli/collector/due-queue.ts"],
	undici: ["src/relay/connections.ts"],
	level: ["contrib/management-server/hosts.ts", "src/store/level.ts"],
	snappyjs: ["cli/collector/write/sent-series.ts"],
	yaml: ["cli/ctl/output/formats.ts", "src/protocol/yaml.ts"],
	"happo-agent/client": sources("contrib/examples"),
};

test("only the listed files import packages and modules that reach outside the process", () => {
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

test("each program reads the environment in one place", () => {
	for (const path of ours)
		if (
			!/^cli\/(happo-agent|happo-ctl|check-happo)\.ts$|^contrib\/(examples\/|management-server\/main\.ts$)/.test(
				path,
			)
		)
			assert.doesNotMatch(read(path), /process\.env\b/, path);
});

test("only the programs exit the process", () => {
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

test("programs are executable, and shipped files exist", () => {
	for (const path of Object.values(manifest.bin)) {
		assert.equal(statSync(path).mode & 0o111, 0o111, path);
		// check_happo may be native
		assert.match(
			read(path),
			path === "dist/check_happo"
				? /^#!\/usr\/bin\/env node\n|^\x7fELF/
				: /^#!\/usr\/bin\/env node\n/,
		);
	}
	// entries with ! are excluded
	for (const path of manifest.files)
		if (!path.startsWith("!")) assert.ok(statSync(path), path);
});

test("the unit and the job take their settings only from the environment file", () => {
	const unit = read("contrib/usr/lib/systemd/system/happo-agent.service");
	assert.match(unit, /^EnvironmentFile=-?\/etc\/default\/happo-agent\.env$/m);
	assert.match(unit, /^ExecStart=\S*(?: happo-agent)? daemon$/m);
	// SIGTERM only to the agent, which gives running plugins their three seconds
	assert.match(unit, /^KillMode=mixed$/m);
	// soft for plugins, as in contrib/doc/secure.md, and hard for the agent
	assert.match(unit, /^LimitNOFILE=1024:65536$/m);
	// systemd gives up restarts that keep failing within the interval
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

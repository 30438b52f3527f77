// What is in each package: files with their modes, and what the package says about itself.
import { execFileSync } from "node:child_process";
import {
	chmodSync,
	lstatSync,
	lutimesSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	symlinkSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { gzipSync } from "node:zlib";

/** The private Node.js, the only one that the packages use. */
export const nodeProgram = "/usr/lib/happo/node";

const read = (path) => readFileSync(path);
const text = (path) => readFileSync(path, "utf8");
const own = (name) => join("contrib/packaging/files", name);
const units = "contrib/usr/lib/systemd/system";

/** Compressed without a time. */
const zipped = (content) => gzipSync(content, { level: 9 });

const launcher = (program) => `#!/bin/sh
exec ${nodeProgram} ${program} "$@"
`;

/** Replaces text that must be there exactly once. */
function replaced(content, pattern, by) {
	const matches = content.match(new RegExp(pattern, `${pattern.flags}g`)) ?? [];
	if (matches.length !== 1)
		throw new Error(
			`${matches.length} times in a file for packages: ${pattern}`,
		);
	return content.replace(pattern, by);
}

/** A unit that starts a program of the package instead of what it finds in PATH. */
function unit(name, from, to) {
	const content = text(join(units, name));
	return replaced(
		// the comment on PATH goes with it
		content,
		new RegExp(`(?:^#.*\\n)*^ExecStart=/usr/bin/env ${from}(?= )`, "m"),
		`ExecStart=${to}`,
	);
}

/**
 * The agent's unit as packages ship it: it comes with its socket, and checks that run at a restart
 * are answered.
 */
const agentUnit = (program) =>
	Object.entries({
		"^WantedBy=.*\\n":
			"$&# as packages start the agent with its socket\nAlso=happo-agent.socket\n",
		"^EnvironmentFile=":
			"# as long as a check may take; the file can say otherwise\nEnvironment=HAPPO_AGENT_STOP_GRACE_SECONDS=-1\n$&",
	}).reduce(
		(content, [from, to]) => replaced(content, new RegExp(from, "m"), to),
		unit("happo-agent.service", "happo-agent", `${nodeProgram} ${program}`),
	);

/** Files of a folder, below a folder of the package. */
const folder = (from, to, mode = 0o644) =>
	readdirSync(from, { withFileTypes: true, recursive: true })
		.filter((entry) => entry.isFile())
		.map((entry) => {
			const path = join(entry.parentPath ?? entry.path, entry.name);
			return {
				path: join(to, path.slice(from.length)),
				content: read(path),
				mode,
			};
		});

/** JavaScript of the build that a program loads, with its chunks. */
function bundle(build, program, to) {
	const found = new Set();
	const visit = (name) => {
		if (found.has(name)) return;
		found.add(name);
		const content = text(join(build, name));
		for (const [, chunk] of content.matchAll(/"\.\/([\w-]+\.(?:c?js))"/g))
			visit(chunk);
	};
	visit(program);
	return [...found].map((name) => ({
		path: join(to, name),
		// only launchers start them; without its first line a file names no Node.js in PATH
		content: text(join(build, name)).replace(/^#!.*/, ""),
		mode: 0o644,
	}));
}

/** LevelDB's native code, of one architecture and of glibc, and what loads it. */
function level(architecture, to) {
	const prebuilds = `node_modules/classic-level/prebuilds/linux-${architecture}`;
	const [native, ...more] = readdirSync(prebuilds).filter(
		(name) => !name.includes("musl"),
	);
	if (!native || more.length > 0)
		throw new Error(`${prebuilds}: ${[native, ...more]}`);
	return [
		...["package.json", "binding.js"].map((name) => `classic-level/${name}`),
		...["package.json", "index.js", "node-gyp-build.js"].map(
			(name) => `node-gyp-build/${name}`,
		),
		`classic-level/prebuilds/linux-${architecture}/${native}`,
	].map((name) => ({
		path: join(to, "node_modules", name),
		content: read(join("node_modules", name)),
		mode: 0o644,
	}));
}

/** A package.json for programs of ours, so that Node.js takes them for modules. */
const manifest = () => {
	const { name, version, license } = JSON.parse(text("package.json"));
	return JSON.stringify({
		name,
		version,
		license,
		private: true,
		type: "module",
	});
};

const licence = (what, rest = "") => `${what}

happo-agent is licensed under the Apache License, version 2.0. The text is in
/usr/share/common-licenses/Apache-2.0 on Debian, and at
https://www.apache.org/licenses/LICENSE-2.0.
${rest}`;

/** happo-ctl, which happo-agent and happo-check both bring; the alternatives system links to one. */
const ctl = (part, build) => [
	{
		path: `/usr/lib/happo/${part}/happo-ctl`,
		content: launcher(`/usr/lib/happo/${part}/dist/happo-ctl.js`),
		mode: 0o755,
	},
	...bundle(build.dist, "happo-ctl.js", `/usr/lib/happo/${part}/dist`),
	{
		path: `/usr/lib/happo/${part}/share/happo-ctl.1.gz`,
		content: zipped(build.man["happo-ctl.1"]),
		mode: 0o644,
	},
	{
		path: `/usr/lib/happo/${part}/share/happo-ctl.bash`,
		content: build.completion,
		mode: 0o644,
	},
	// the links' folder need not exist
	{
		path: "/usr/share/bash-completion/completions",
		mode: 0o755,
		isFolder: true,
	},
];

/** The list of components and all licences. */
const components = (name, build) => [
	{
		path: `/usr/share/doc/${name}/sbom.cdx.json`,
		content: read(join(build.dist, "happo-agent.cdx.json")),
		mode: 0o644,
	},
	{
		path: `/usr/share/doc/${name}/copyright`,
		content: licence(
			`${name} contains happo-agent and the packages below.`,
			`${
				name === "happo-check"
					? `
check_happo is linked statically with the GNU C Library, which is licensed under the GNU
Lesser General Public License, version 2.1 or later. Debian has its source.
`
					: ""
			}
${text(join(build.dist, "THIRD-PARTY-LICENSES"))}`,
		),
		mode: 0o644,
	},
];

/** /etc/default/happo-agent.env as packages ship it. */
const environmentFile = () =>
	Object.entries({
		"#HAPPO_AGENT_POLICY=": "HAPPO_AGENT_POLICY=/etc/happo/policy.yaml",
		// another one must be in the socket's unit
		"#HAPPO_AGENT_PORT=6777": `# the packages have it in happo-agent.socket; one that differs aborts startup:
# systemctl cat happo-agent.socket says how to change it
#HAPPO_AGENT_PORT=6777`,
		// from the unit, as a file that an upgrade keeps lacks it
		"#HAPPO_AGENT_STOP_GRACE_SECONDS=3":
			"# the packages set -1 in happo-agent.service\n#HAPPO_AGENT_STOP_GRACE_SECONDS=-1",
		"#HAPPO_AGENT_OWN_KEY_PAIR=":
			"HAPPO_AGENT_OWN_KEY_PAIR=/var/lib/happo-agent/key-pair",
	}).reduce(
		(content, [from, to]) =>
			replaced(content, new RegExp(`^${from}$`, "m"), to),
		text("contrib/etc/default/happo-agent.env"),
	);

/** The folder of our configuration, which may be empty. */
const configurationFolder = { path: "/etc/happo", mode: 0o755, isFolder: true };

const configuration = (path, content, mode = 0o644) => ({
	path,
	content,
	mode,
	isConfiguration: true,
});

const systemd = (name, content) => ({
	path: `/usr/lib/systemd/system/${name}`,
	content,
	mode: 0o644,
});

/** The users of a package, for systemd-sysusers. */
const sysusers = (name) => ({
	path: `/usr/lib/sysusers.d/${name}.conf`,
	content: text(own(`${name}.sysusers`)),
	mode: 0o644,
});

const manual = (page, section, build) => ({
	path: `/usr/share/man/man${section}/${page}.${section}.gz`,
	content: zipped(build.man[`${page}.${section}`]),
	mode: 0o644,
});

/** The addon that starts commands, where the programs below a folder look for it. */
const native = (at, architecture, addon) => ({
	path: `${at}/dist/native/linux-${architecture}/spawn.node`,
	content: addon,
	mode: 0o644,
});

/** Each path once: programs of one build share chunks. */
const unique = (files) => [
	...new Map(files.map((file) => [file.path, file])).values(),
];

/** A link of a document to a file of the repository: what it shows, and its target. */
const linkPattern = /!?\[([^[\]]*)\]\((?!\w+:|#)([^()#\s]+)(#[^()\s]*)?\)/g;

/**
 * The documents for users, and what they link to, in folders at `to`; those of contrib are there
 * without `contrib`. Links to what only the sources have become text.
 */
function documentation(to) {
	const sources = [
		...["README.md", "UPGRADING.md", "SECURITY.md", "openapi.yaml"],
		...["doc", "etc", "prometheus", "grafana"].flatMap((name) =>
			folder(`contrib/${name}`, `contrib/${name}`).map(({ path }) => path),
		),
	];
	const places = new Map(
		sources.map((path) => [path, join(to, path.replace(/^contrib\//, ""))]),
	);
	const rewritten = (source, place) =>
		text(source).replace(linkPattern, (whole, shown, target, anchor = "") => {
			const path = join(dirname(source), target);
			const there = places.get(path);
			if (there === undefined)
				return path.startsWith(shown)
					? `${path} of the sources`
					: `${shown} (${path} of the sources)`;
			const way = relative(dirname(place), there);
			return whole.replace(`(${target}${anchor})`, () => `(${way}${anchor})`);
		});
	return [...places].map(([source, path]) => ({
		path,
		content: source.endsWith(".md") ? rewritten(source, path) : read(source),
		mode: 0o644,
	}));
}

/** The private Node.js, of a package of npm that is unpacked in `node.folder`. */
export function nodePackage({ node, architecture }) {
	const { name, version, revision, folder: from } = node;
	const component = {
		type: "application",
		"bom-ref": `node@${version}`,
		name: "node",
		version,
		licenses: [{ license: { id: "MIT" } }],
		purl: `pkg:npm/${name}@${version}`,
		hashes: [{ alg: "SHA-256", content: node.sha256 }],
	};
	const bill = {
		$schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
		bomFormat: "CycloneDX",
		specVersion: "1.6",
		version: 1,
		metadata: { lifecycles: [{ phase: "build" }], component },
		components: [],
	};
	return {
		name: "happo-node",
		version,
		revision,
		architecture,
		summary: "private Node.js of happo-agent",
		description: `The Node.js that the programs of happo-agent run on. It is not in PATH: it
changes nothing for other programs, and the system's Node.js nothing for
happo-agent.`,
		depends: [],
		files: [
			{
				path: nodeProgram,
				content: node.program,
				mode: 0o755,
			},
			{
				path: "/usr/share/doc/happo-node/copyright",
				content: `${nodeProgram} is the program of Node.js ${version}, from the package ${name} of npm,
without its symbols. Its licence, and those of what is in it:

${text(join(from, "LICENSE"))}`,
				mode: 0o644,
			},
			{
				path: "/usr/share/doc/happo-node/sbom.cdx.json",
				content: `${JSON.stringify(bill, undefined, 2)}\n`,
				mode: 0o644,
			},
		],
	};
}

/** The daemon, happo-ctl and the plugins. */
export function agentPackage({ build, version, architecture, addon, node }) {
	const at = "/usr/lib/happo/agent";
	const program = `${at}/dist/happo-agent.js`;
	return {
		name: "happo-agent",
		version,
		architecture,
		summary: "monitoring agent that runs Nagios plugins and collects metrics",
		description: `Runs on every host and answers HTTPS requests: runs Nagios plugins, relays
requests through bastions, collects metrics and keeps them until a backend
takes them. Replaces NRPE. Only this machine may connect until allowed-hosts
and the policy say otherwise.`,
		depends: [{ name: "happo-node", from: node.version }],
		recommends: ["monitoring-plugins-basic"],
		files: unique([
			{ path: "/usr/bin/happo-agent", content: launcher(program), mode: 0o755 },
			{ path: `${at}/package.json`, content: manifest(), mode: 0o644 },
			...bundle(build.dist, "happo-agent.js", `${at}/dist`),
			{
				path: `${at}/dist/socket-drop-in.js`,
				content: build.socketDropIn,
				mode: 0o644,
			},
			native(at, architecture, addon),
			...level(architecture, at),
			...folder("contrib/plugins", `${at}/contrib/plugins`, 0o755),
			...documentation("/usr/share/doc/happo-agent"),
			...ctl("agent", build),
			configurationFolder,
			configuration("/etc/default/happo-agent.env", environmentFile(), 0o640),
			{
				...configuration(
					"/etc/happo/policy.yaml",
					text(own("policy.yaml")),
					0o640,
				),
				group: "happo-agent",
			},
			configuration(
				"/etc/logrotate.d/happo-agent",
				text("contrib/etc/logrotate.d/happo-agent"),
			),
			{
				path: "/usr/share/happo-agent/metrics.yaml",
				content: text(own("metrics.yaml")),
				mode: 0o644,
			},
			{
				path: "/usr/share/happo-agent/hardening.conf",
				content: text(own("hardening.conf")),
				mode: 0o644,
			},
			systemd("happo-agent.socket", text(join(units, "happo-agent.socket"))),
			// without a shell, which would add variables to the environment of plugins
			systemd("happo-agent.service", agentUnit(program)),
			sysusers("happo-agent"),
			{
				path: "/usr/lib/tmpfiles.d/happo-agent.conf",
				content: text(own("happo-agent.tmpfiles")),
				mode: 0o644,
			},
			manual("happo-agent", 8, build),
			...components("happo-agent", build),
		]),
	};
}

/** check_happo, the broker and the worker, for monitoring servers. */
export function checkPackage({
	build,
	version,
	architecture,
	addon,
	client,
	node,
	plugins,
}) {
	const at = "/usr/lib/happo/check";
	return {
		name: "happo-check",
		version,
		architecture,
		summary: "check_happo and its broker, for Nagios and Icinga",
		description: `Checks hosts that run happo-agent, from a server with Nagios, Naemon or
Icinga. The broker keeps connections to the agents, so that a check takes a
millisecond of the server. The installation starts neither the broker nor
the Nagios worker.`,
		depends: [{ name: "happo-node", from: node.version }],
		enhances: ["nagios4", "icinga2"],
		files: unique([
			{
				path: "/usr/bin/check_happo",
				link: "../lib/happo/check/dist/check_happo",
			},
			{ path: `${plugins}/check_happo`, link: "../../../bin/check_happo" },
			{ path: `${at}/package.json`, content: manifest(), mode: 0o644 },
			{ path: `${at}/dist/check_happo`, content: client, mode: 0o755 },
			...bundle(build.dist, "check_happo.cjs", `${at}/dist`),
			native(at, architecture, addon),
			...ctl("check", build),
			// for people; on agents, happo-ctl has no page
			...folder(join(build.dist, "web"), `${at}/dist/web`),
			configurationFolder,
			configuration(
				"/etc/default/happo-broker.env",
				text("contrib/etc/default/happo-broker.env"),
				0o640,
			),
			configuration(
				"/etc/nagios-plugins/config/check_happo.cfg",
				text("contrib/etc/nagios/check_happo.cfg"),
			),
			{
				path: "/usr/share/icinga2/include/plugins-contrib.d/check_happo.conf",
				content: text("contrib/etc/icinga2/check_happo.conf"),
				mode: 0o644,
			},
			...folder(
				"contrib/etc/icinga2-director",
				"/usr/share/doc/happo-check/icinga2-director",
			),
			...folder("contrib/etc/naemon", "/usr/share/doc/happo-check/naemon"),
			systemd("happo-broker.socket", text(join(units, "happo-broker.socket"))),
			systemd(
				"happo-broker.service",
				unit(
					...["happo-broker.service", "happo-ctl"],
					`${nodeProgram} ${at}/dist/happo-ctl.js`,
				),
			),
			systemd(
				"happo-nagios-worker.service",
				unit(
					...["happo-nagios-worker.service", "check_happo"],
					"/usr/bin/check_happo",
				),
			),
			sysusers("happo-check"),
			manual("check_happo", 1, build),
			...components("happo-check", build),
		]),
	};
}

/** happo-collector, for the machine that writes to time series stores. */
export function collectorPackage({
	build,
	version,
	architecture,
	addon,
	node,
}) {
	const at = "/usr/lib/happo/collector";
	const program = `${at}/dist/happo-collector.js`;
	return {
		name: "happo-collector",
		version,
		architecture,
		summary: "writes the metrics of happo-agents to time series stores",
		description: `Polls happo-agents, also through bastions, and writes what they have stored
to VictoriaMetrics, Prometheus and other stores with remote write. Agents
delete nothing before the store has kept it. The installation starts
nothing: give it a list of hosts and a store first.`,
		depends: [{ name: "happo-node", from: node.version }],
		files: unique([
			{
				path: "/usr/bin/happo-collector",
				content: launcher(program),
				mode: 0o755,
			},
			{ path: `${at}/package.json`, content: manifest(), mode: 0o644 },
			...bundle(build.dist, "happo-collector.js", `${at}/dist`),
			native(at, architecture, addon),
			configurationFolder,
			configuration(
				"/etc/default/happo-collector.env",
				text("contrib/etc/default/happo-collector.env"),
				0o640,
			),
			// rules and a scrape example for Prometheus, and a dashboard for Grafana
			...["prometheus", "grafana"].flatMap((name) =>
				folder(`contrib/${name}`, `/usr/share/happo-collector/${name}`),
			),
			systemd(
				"happo-collector.service",
				unit(
					...["happo-collector.service", "happo-collector"],
					`${nodeProgram} ${program}`,
				),
			),
			sysusers("happo-collector"),
			manual("happo-collector", 8, build),
			...components("happo-collector", build),
		]),
	};
}

/** Writes the files below a folder, all with one time, in seconds since 1970. */
export function writeTree(files, at, seconds) {
	rmSync(at, { recursive: true, force: true });
	mkdirSync(at, { recursive: true });
	for (const { path, content, mode, link, isFolder } of files) {
		const file = join(at, path);
		mkdirSync(isFolder ? file : dirname(file), { recursive: true });
		if (isFolder) continue;
		if (link) symlinkSync(link, file);
		else {
			writeFileSync(file, content);
			chmodSync(file, mode);
		}
	}
	const settle = (path) => {
		const found = lstatSync(path);
		if (found.isSymbolicLink()) return lutimesSync(path, seconds, seconds);
		if (found.isDirectory()) {
			chmodSync(path, 0o755);
			for (const name of readdirSync(path)) settle(join(path, name));
		}
		utimesSync(path, seconds, seconds);
	};
	settle(at);
}

const newest = (versions) =>
	versions
		.sort((one, other) => one.localeCompare(other, "en", { numeric: true }))
		.at(-1);

/**
 * The newest version of each kind of symbol that native files below a folder ask the system's
 * libraries for: `{ GLIBC: "2.28", GLIBCXX: "3.4.21" }`.
 */
export function symbolVersions(at) {
	const found = {};
	for (const entry of readdirSync(at, {
		withFileTypes: true,
		recursive: true,
	})) {
		if (!entry.isFile()) continue;
		const file = join(entry.parentPath ?? entry.path, entry.name);
		if (read(file).subarray(0, 4).toString("latin1") !== "\x7fELF") continue;
		const told = execFileSync("readelf", ["--version-info", "--wide", file], {
			encoding: "utf8",
			env: { ...process.env, LC_ALL: "C" },
		});
		for (const [, kind, version] of told.matchAll(
			/Name: (GLIBC|GLIBCXX|CXXABI|GCC)_([\d.]+)/g,
		))
			found[kind] = newest([...(found[kind] ? [found[kind]] : []), version]);
	}
	return found;
}

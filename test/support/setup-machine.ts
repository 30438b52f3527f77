import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import {
	chmod,
	chown,
	cp,
	lstat,
	mkdir,
	readdir,
	readFile,
	readlink,
	writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { createTools } from "../../cli/ctl/doctor/tools.ts";
import type { Machine } from "../../cli/setup/machine.ts";
import type { ServiceManager, ServiceState } from "../../cli/setup/services.ts";
import { openDatabase } from "../../src/store/database.ts";
import { decodeSamples, encodeSamples } from "../../src/store/metric-value.ts";
import { createPair } from "./next-hop.ts";
import { temporaryDirectory } from "./temporary.ts";

/** Why a machine in a directory is not possible here: its files have other owners. */
export const missingForMachine =
	process.getuid?.() === 0 ? undefined : "not root";

type States = Record<string, ServiceState>;

const unitPath = "usr/lib/systemd/system/happo-agent.service";

/** The unit as packages have it. */
const packagedUnit = async () =>
	(await readFile(join("contrib", unitPath), "utf8")).replace(
		"/usr/bin/env happo-agent",
		"/usr/lib/happo/node /usr/lib/happo/agent/dist/happo-agent.js",
	);

/** Where the state of the services is. */
const servicesFile = (root: string) => `${root}.services.json`;

/** The states of a machine's services, by unit. */
export const serviceStates = (root: string): States =>
	JSON.parse(readFileSync(servicesFile(root), "utf8"));

/** The database of v1 in a machine. */
export const databaseOf = (root: string) =>
	join(root, "var/lib/v1/happo-agent.db");

const silent = { info() {}, warning() {}, error() {} };

/** Writes a sample into a store, as the new agent does, which v1 cannot read then. */
async function collect(directory: string) {
	const database = await openDatabase({ directory, log: silent });
	const sample = { hostname: "new", timestamp: 1, metrics: { n: 1 } };
	const [value = ""] = await encodeSamples([sample]);
	await database.write([{ put: `m-${Math.floor(Date.now() / 1000)}`, value }]);
	await database.close();
}

/**
 * Services that run nowhere; their states are in a file, so that they outlive a killed process. When
 * the new agent starts, it stores a sample in the database of v1.
 */
function services(root: string): ServiceManager {
	const file = servicesFile(root);
	return {
		name: "a stand-in",
		works: true,
		state: async (service) => serviceStates(root)[service],
		async bring(service, wanted, { restart = false } = {}) {
			const states = serviceStates(root);
			const now = states[service];
			if (!now) throw new Error(`no such service: ${service}`);
			const starts = wanted.active && (!now.active || restart);
			writeFileSync(file, JSON.stringify({ ...states, [service]: wanted }));
			// its unit says which of two agents starts
			const isNew =
				service === "happo-agent.service" &&
				!existsSync(join(root, "etc/systemd/system/happo-agent.service"));
			if (starts && isNew && existsSync(databaseOf(root)))
				await collect(databaseOf(root));
		},
		reload: async () => {},
	};
}

/** A machine whose files are in a directory, and whose services stand in for real ones. */
export function machineIn(
	root: string,
	before: (step: string) => void = () => {},
): Machine & { end(): Promise<void> } {
	const tools = createTools({ PATH: process.env.PATH });
	return {
		...{ root, tools, before },
		services: services(root),
		now: () => new Date(),
		program: [process.execPath, join(process.cwd(), "dist/happo-agent.js")],
		end: () => tools.close(),
	};
}

/** Writes files below a directory: content, or content with owner and mode. */
async function writeFiles(
	root: string,
	files: Readonly<
		Record<
			string,
			string | Buffer | { content: string; mode: number; uid: number }
		>
	>,
) {
	for (const [path, given] of Object.entries(files)) {
		const file = join(root, path);
		await mkdir(dirname(file), { recursive: true });
		const isPlain = typeof given === "string" || Buffer.isBuffer(given);
		await writeFile(file, isPlain ? given : given.content);
		if (isPlain) continue;
		await chmod(file, given.mode);
		await chown(file, given.uid, given.uid);
	}
}

export const v1Unit = `[Unit]
Description=happo-agent

[Service]
EnvironmentFile=-/etc/default/happo-agent.env
ExecStart=/usr/local/bin/happo-agent daemon -A 192.0.2.0/24
WorkingDirectory=/etc/happo
User=root

[Install]
WantedBy=multi-user.target
`;

export const v1Environment = `# settings of happo-agent 1.1.0
HAPPO_AGENT_PORT=6777
HAPPO_AGENT_PUBLIC_KEY=./happo-agent.pub
HAPPO_AGENT_PRIVATE_KEY=./happo-agent.key
HAPPO_AGENT_DBFILE=/var/lib/v1/happo-agent.db
HAPPO_AGENT_API_KEY=not-to-be-shown
MARTINI_ENV=production
`;

/** What Debian's NRPE has, with a command that needs sudo. */
export const nrpeConfig = `log_facility=daemon
pid_file=/run/nagios/nrpe.pid
server_port=5666
nrpe_user=nagios
nrpe_group=nagios
allowed_hosts=127.0.0.1,192.0.2.10
dont_blame_nrpe=0
command_timeout=60
command[check_users]=/usr/lib/nagios/plugins/check_users -w 5 -c 10
command[check_raid]=/usr/bin/sudo /usr/local/lib/raid/check_raid -q
`;

const nrpeUnit = `[Unit]
Description=Nagios Remote Plugin Executor

[Service]
ExecStart=/usr/sbin/nrpe -c /etc/nagios/nrpe.cfg -f
User=nagios
Group=nagios

[Install]
WantedBy=multi-user.target
`;

/** Writes the states that services have in the beginning. */
const writeStates = (root: string, states: States) =>
	writeFileSync(servicesFile(root), JSON.stringify(states));

/** A directory with the files of a machine that runs NRPE and this agent, as Debian installs them. */
export async function machineWithNrpe(
	t: Pick<TestContext, "after">,
	{ config = nrpeConfig } = {},
): Promise<string> {
	const root = join(await temporaryDirectory(t), "root");
	const happoAgent = 990;
	await writeFiles(root, {
		"etc/passwd":
			"root:x:0:0:root:/root:/bin/sh\nnagios:x:120:121::/var/lib/nagios:/bin/sh\nhappo-agent:x:990:990::/:/bin/false\n",
		"etc/group": "root:x:0:\nnagios:x:121:\nhappo-agent:x:990:\n",
		"etc/nagios/nrpe.cfg": config,
		"etc/systemd/system/multi-user.target.wants/README": "",
		"var/lib/README": "",
		"lib/systemd/system/nagios-nrpe-server.service": nrpeUnit,
		[unitPath]: await packagedUnit(),
		"etc/default/happo-agent.env": {
			content: await readFile("contrib/etc/default/happo-agent.env", "utf8"),
			...{ mode: 0o640, uid: 0 },
		},
		"etc/happo/policy.yaml": {
			content: await readFile("contrib/packaging/files/policy.yaml", "utf8"),
			...{ mode: 0o640, uid: 0 },
		},
		"etc/happo/metrics.yaml": {
			...{ content: "metrics: []\n", mode: 0o640, uid: happoAgent },
		},
	});
	const running = { enabled: true, active: true };
	writeStates(root, {
		"nagios-nrpe-server.service": running,
		"happo-agent.service": running,
	});
	return root;
}

/** A directory with the files of a machine that runs v1, and has the package of this agent. */
export async function machineWithV1(
	t: Pick<TestContext, "after">,
	{ environment = v1Environment, unit = v1Unit } = {},
): Promise<string> {
	const root = join(await temporaryDirectory(t), "root");
	const pair = createPair();
	await writeFiles(root, {
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
		"etc/group": "root:x:0:\n",
		"etc/systemd/system/happo-agent.service": unit,
		"etc/systemd/system/happo-agent.service.d/files.conf":
			"[Service]\nLimitNOFILE=4096\n",
		[unitPath]: await packagedUnit(),
		"etc/default/happo-agent.env": {
			...{ content: environment, mode: 0o600, uid: 4321 },
		},
		"etc/happo/happo-agent.pub": pair.certificate,
		"etc/happo/happo-agent.key": {
			...{ content: pair.privateKey, mode: 0o600, uid: 0 },
		},
		"etc/happo/metrics.yaml":
			"metrics:\n- hostname: web01\n  plugins:\n  - plugin_name: metrics_linux\n",
		"usr/local/bin/happo-agent": {
			content: "#!/bin/sh\necho happo-agent version 1.1.0\n",
			...{ mode: 0o755, uid: 0 },
		},
	});
	await cp("test/fixtures/original-db", databaseOf(root), { recursive: true });
	await chown(databaseOf(root), 4321, 4321);
	const running = { enabled: true, active: true };
	writeStates(root, { "happo-agent.service": running });
	return root;
}

/** What setup may leave: its own folder, and the store of the new agent. */
const isOurs = (path: string) =>
	path.startsWith("var/lib/happo-setup") || /\.db\.\d{8}T/.test(path);

/**
 * Every file of a machine with its content, mode and owner, and its services. Of a database only
 * the owner counts, as LevelDB's files differ from one writing to the next.
 */
export async function stateOf(root: string): Promise<Record<string, string>> {
	const state: Record<string, string> = {
		services: JSON.stringify(serviceStates(root)),
	};
	const walk = async (path: string) => {
		const found = await lstat(join(root, path));
		const { mode, uid, gid } = found;
		const parts: (string | number)[] = [(mode & 0o7777).toString(8), uid, gid];
		if (found.isSymbolicLink()) parts.push(await readlink(join(root, path)));
		if (found.isFile())
			parts.push(
				createHash("sha256")
					.update(await readFile(join(root, path)))
					.digest("hex"),
			);
		state[path] = parts.join(" ");
		if (!found.isDirectory() || path.endsWith(".db")) return;
		for (const name of (await readdir(join(root, path))).sort()) {
			const inner = join(path, name);
			if (!isOurs(inner)) await walk(inner);
		}
	};
	await walk(".");
	return state;
}

/** Samples in a database, by host name, and whether v1 could read all of them. */
export async function samplesIn(
	t: Pick<TestContext, "after">,
	directory: string,
) {
	const copy = join(await temporaryDirectory(t), "copy");
	await cp(directory, copy, { recursive: true });
	const database = await openDatabase({ directory: copy, log: silent });
	const hosts: string[] = [];
	let isForV1 = true;
	for await (const { key, value } of database.rows({
		from: "m-",
		before: "m.",
	})) {
		// v1's keys have one part, and its values begin with gob's first bytes
		isForV1 &&= /^m-\d+$/.test(key) && value[0] === 0x0d;
		hosts.push(...decodeSamples(value).map(({ hostname }) => hostname));
	}
	await database.close();
	return { hosts, isForV1 };
}

import { lockHolder } from "../../../src/store/lock.ts";
import { clockSkew } from "../commands/status-figures.ts";
import { type Finding, finding } from "./finding.ts";
import type { Patient } from "./patient.ts";
import { isDaemon, type Listener, listenersOn } from "./processes.ts";
import { asUser, findUser, type Tools, type Words } from "./tools.ts";
import { hasSystemd } from "./unit.ts";

/** What systemd says about the unit. */
export function examineUnit({ unit, pid }: Patient): Finding[] {
	if (!unit)
		return pid === undefined && hasSystemd()
			? [
					finding("note", "agent", "systemd", [
						"There is no unit of the agent that systemd knows.",
						"Nothing starts the agent when this machine starts.",
						"Install the unit, or name it with --unit.",
					]),
				]
			: [];
	if (unit.state !== "failed") return [];
	return [
		finding("problem", "agent", unit.name, [
			`The unit has failed (${unit.result}), and systemd has given up.`,
			"The agent does not run, and systemd does not start it again.",
			`Read why (journalctl -u ${unit.name} -n 50), mend what doctor names, then: systemctl reset-failed ${unit.name} && systemctl start ${unit.name}`,
		]),
	];
}

/** Whether the agent's Node.js is new enough, by starting the agent for its version. */
export async function examineNode(
	tools: Tools,
	{ unit, user, environment, status }: Patient,
): Promise<Finding[]> {
	// it runs
	if (status || !unit || unit.program.length === 0) return [];
	const prefix = asUser(user);
	const where = unit.program.join(" ");
	if (!prefix)
		return [
			finding("unknown", "node", where, [
				`The program could not be tried as the user ${user.name}.`,
				"Its Node.js may be too old, or out of reach for this user.",
				"Run doctor as root.",
			]),
		];
	const at = unit.program.lastIndexOf("daemon");
	const program = at < 0 ? unit.program : unit.program.slice(0, at);
	const words = [...prefix, ...program, "--version"] as unknown as Words;
	const tried = await tools.run(words, {
		environment,
		seconds: 30,
	});
	if (tried?.status === 0) return [];
	const said =
		(tried?.stderr || tried?.stdout || "").trim().split("\n").at(-1) ?? "";
	const isOld = /needs Node\.js/.test(said);
	return [
		finding("problem", "node", where, [
			isOld
				? `Node.js is too old: ${said}.`
				: `The program of the agent does not start: ${said || "it was not found, or did not answer in time"}.`,
			"The agent cannot start.",
			isOld
				? `Install a newer Node.js. If there is one already, let the unit find it: its PATH is ${environment.PATH}.`
				: `Try it: ${words.join(" ")}. The PATH of the unit is ${environment.PATH}.`,
		]),
	];
}

async function listenerText(
	tools: Tools,
	{ processes, uid, address }: Listener,
): Promise<string> {
	const [first] = processes;
	if (first) return `process ${first.pid} (${first.program}) on ${address}`;
	const user = (await findUser(tools, String(uid)))?.name ?? uid;
	return `a process of the user ${user} on ${address}`;
}

/** Whether the agent has its ports, or can get them. */
export async function examinePorts(
	tools: Tools,
	patient: Patient,
): Promise<Finding[]> {
	return [
		...(await examinePort(tools, patient, "port")),
		...(await examinePort(tools, patient, "nrpe-port")),
	];
}

/** Who listens on the port of a setting. */
async function examinePort(
	tools: Tools,
	{ settings, pid, user }: Patient,
	setting: "port" | "nrpe-port",
): Promise<Finding[]> {
	const { [setting]: port, "listen-address": address } = settings;
	// a free one is always free, and without one nothing can be wrong with it
	if (port === 0) return [];
	const where = `port ${port}${address === "" ? "" : ` of ${address}`}`;
	const listeners = await listenersOn(port, address);
	const isAgents = ({ processes }: Listener) =>
		processes.some((one) => one.pid === pid);
	// systemd itself listens for a socket unit
	const isSystemds = ({ processes }: Listener) =>
		processes.some((one) => one.pid === 1);
	const others = listeners.filter((one) => !isAgents(one) && !isSystemds(one));
	const findings: Finding[] = [];
	for (const other of others) {
		const [first] = other.processes;
		if (!first && pid !== undefined) {
			findings.push(
				finding("unknown", "port", where, [
					`${await listenerText(tools, other)} listens there, and this user may not see whether that is the agent.`,
					"If it is another program, clients do not reach the agent.",
					"Run doctor as root.",
				]),
			);
			continue;
		}
		const isOther = first !== undefined && (await isDaemon(first.pid));
		findings.push(
			finding("problem", "port", where, [
				`The port is taken: ${await listenerText(tools, other)} listens there${isOther ? ", which is another happo-agent" : ""}.`,
				pid === undefined
					? "The agent cannot start."
					: "Clients may reach this program instead of the agent.",
				isOther
					? `Find out who started it (systemctl status ${first.pid}) and stop one of the two, or give this agent another port (setting ${setting}).`
					: /^nrpe\b/.test(first?.program ?? "")
						? "Stop NRPE, whose place the agent takes: systemctl disable --now nagios-nrpe-server (nrpe on other systems than Debian)."
						: `Stop the program${first ? ` (systemctl status ${first.pid} shows its unit)` : ""}, or give the agent another port (setting ${setting}), which its clients must then use.`,
			]),
		);
	}
	if (pid !== undefined && listeners.length === 0)
		findings.push(
			finding("problem", "port", where, [
				"The agent runs, but nobody listens on its port.",
				"Clients cannot reach it.",
				"It may be starting or stopping, or run in a network namespace of its own. Run doctor again; if nothing changes, restart the agent.",
			]),
		);
	const lowest = 1024;
	if (pid === undefined && port < lowest && user.uid !== 0)
		findings.push(
			finding("note", "port", where, [
				`Only root may listen on ports below ${lowest} on most systems, and the agent runs as ${user.name}.`,
				"The agent may not be able to start (exit status 78).",
				"Use a higher port, or give the unit AmbientCapabilities=CAP_NET_BIND_SERVICE.",
			]),
		);
	return findings;
}

/** Whether the agent has its store, or can get it. */
export async function examineStore({
	settings,
	pid,
	status,
}: Patient): Promise<Finding[]> {
	const directory = settings.dbfile;
	const findings: Finding[] = [];
	const holder = await lockHolder(directory);
	if (holder && holder.pid !== pid) {
		const who =
			holder.pid > 0
				? `process ${holder.pid}${holder.program && ` (${holder.program})`}`
				: "a process of another container, or one that is not visible here";
		findings.push(
			finding("problem", "store", directory, [
				`The store is locked by ${who}, which is not the agent.`,
				pid === undefined
					? "The agent cannot start while another process uses its store."
					: "The agent cannot open its store, and keeps no metrics.",
				holder.pid > 0
					? `Look what it is (ps -fp ${holder.pid}) and stop it, or give each agent a store of its own (setting dbfile).`
					: "Stop the other agent, or give each one a store of its own (setting dbfile).",
			]),
		);
	}
	const store = status?.store;
	if (store && !store.available)
		findings.push(
			finding("problem", "store", directory, [
				`The agent cannot use its store: ${store.reason ?? "it does not say why"}.`,
				"It keeps neither metrics nor machine states until that is mended.",
				"Mend the cause; the agent then opens the store by itself, or after a restart.",
			]),
		);
	if (store?.full)
		findings.push(
			finding("problem", "store", directory, [
				`The store is full: ${store.full}.`,
				"The agent refuses new metrics and machine states.",
				"Let the consumers take their metrics, make room on the disk, or raise max-store-bytes.",
			]),
		);
	return findings;
}

const maxSkewSeconds = 30;

/** What a program of chrony says: whether the clock follows a source, and how far it is off. */
async function chrony(tools: Tools): Promise<Finding[] | undefined> {
	const shown = await tools.run(["chronyc", "-n", "tracking"], { seconds: 5 });
	if (shown?.status !== 0) return undefined;
	const value = (name: string) =>
		new RegExp(`^${name}\\s*:\\s*(.*)$`, "m").exec(shown.stdout)?.[1] ?? "";
	const off = Number.parseFloat(value("System time"));
	if (/not synchroni[sz]ed/i.test(value("Leap status")))
		return [
			finding("problem", "clock", "chrony", [
				"According to chrony, the clock is not synchronised.",
				...clockMatters,
				"chronyc sources -v shows which servers it reaches.",
			]),
		];
	return off > maxSkewSeconds
		? [
				finding("problem", "clock", "chrony", [
					`According to chrony, the clock is ${value("System time")}.`,
					...clockMatters,
					"chronyc makestep sets it at once.",
				]),
			]
		: [];
}

const clockMatters = [
	"Certificates seem expired or not valid yet, and metrics get wrong times.",
] as const;

/** What systemd says about the clock; undefined if it says nothing. */
async function timedatectl(tools: Tools): Promise<Finding[] | undefined> {
	const shown = await tools.run(
		["timedatectl", "show", "-p", "NTP", "-p", "NTPSynchronized"],
		{ seconds: 5 },
	);
	if (shown?.status !== 0) return undefined;
	const [, synchronised] = /^NTPSynchronized=(\w+)$/m.exec(shown.stdout) ?? [];
	if (synchronised === undefined) return undefined;
	if (synchronised === "yes") return [];
	const isOff = /^NTP=no$/m.test(shown.stdout);
	return [
		finding("problem", "clock", "timedatectl", [
			`According to systemd, the clock is not synchronised${isOff ? ", and that no time service is on" : ""}.`,
			...clockMatters,
			isOff
				? "timedatectl set-ntp true, if this machine does not get its time from somewhere else."
				: "timedatectl timesync-status shows the server, journalctl -u systemd-timesyncd its messages.",
		]),
	];
}

/**
 * What is known about the clock. The agent is on the same machine, so its answer only shows a
 * process that hangs or has a time of its own; whether the time is right, only a time service knows.
 */
export async function examineClock(
	tools: Tools,
	{ status, asked }: Patient,
): Promise<Finding[]> {
	const findings: Finding[] = [];
	const skew = status && clockSkew(status, asked);
	if (skew && Math.abs(skew.seconds) > maxSkewSeconds + skew.uncertainty)
		findings.push(
			finding("problem", "clock", "agent", [
				`The agent's clock is ${Math.round(Math.abs(skew.seconds))} seconds ${skew.seconds > 0 ? "ahead of" : "behind"} this program's, on the same machine.`,
				"The machine was suspended, or its clock was set, between question and answer, or the agent runs with a false time.",
				"Run doctor again. If it stays, look at the agent's environment (LD_PRELOAD, faketime).",
			]),
		);
	const told = (await chrony(tools)) ?? (await timedatectl(tools));
	if (told) return [...findings, ...told];
	return [
		...findings,
		finding("note", "clock", "time service", [
			"Neither chrony nor systemd says whether the clock is right.",
			...clockMatters,
			"Compare date -u with a clock that you trust. In a container, ask its host.",
		]),
	];
}

/** What the last pass of the metric plugins says. */
export function examineCollection({ status, settings }: Patient): Finding[] {
	const collection = status?.collection;
	if (!collection?.enabled) return [];
	const file = settings["metric-config"];
	return (collection.last_pass?.plugins ?? [])
		.filter(({ result }) => result !== "ok" && result !== "missing")
		.map(({ plugin_name, hostname, result }) =>
			finding("problem", "metrics", `${file}: ${plugin_name}`, [
				`The metric plugin ended with ${result} in the last pass, for the host ${hostname || "(none)"}.`,
				"Its metrics are missing.",
				"Run the plugin by hand as the agent's user, and look into the agent's log.",
			]),
		);
}

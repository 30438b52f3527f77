import { existsSync } from "node:fs";
import { access, constants, lstat } from "node:fs/promises";
import { PolicyError, parsePolicy } from "../../src/policy/policy.ts";
import {
	resolveSettings,
	SettingsError,
	variableName,
} from "../../src/setting-table.ts";
import { type DaemonSettings, daemonSettings } from "../../src/settings.ts";
import { KeyPairError, loadKeyPair } from "../../src/tls/key-pair.ts";
import { parseVariables } from "../ctl/doctor/environment-file.ts";
import { localAddress, usualFile, withPaths } from "../ctl/doctor/patient.ts";
import { listenersOn } from "../ctl/doctor/processes.ts";
import { asUser, type Words } from "../ctl/doctor/tools.ts";
import { isOn, readUnit } from "../ctl/doctor/unit.ts";
import type { ReportLine } from "../ctl/nrpe/imported.ts";
import { pluginPaths } from "../daemon-defaults.ts";
import { counted } from "../message-text.ts";
import { environmentText, withVariables } from "./environment-text.ts";
import { at, groupOf, type Machine, textAt, userOf } from "./machine.ts";
import { findNrpe, type Nrpe, type NrpeOptions } from "./nrpe-daemon.ts";
import { askNrpe, type NrpeResult } from "./nrpe-query.ts";
import { ownService, ownUnit, waitForStatus } from "./own-agent.ts";
import type { FileChange, Plan } from "./plan.ts";
import { SetupError } from "./setup-error.ts";

const ownUser = "happo-agent";
const usualPolicy = "/etc/happo/policy.yaml";
/** Where packages have the agent make its own key pair. */
const usualKeyPair = "/var/lib/happo-agent/key-pair";

/** Everything that a plan is made of. */
interface Draft {
	machine: Machine;
	nrpe: Nrpe;
	/** The environment file as it is, and the settings in it. */
	environment: string;
	present: DaemonSettings;
	notes: string[];
	obstacles: string[];
	losses: string[];
	files: FileChange[];
}

/** Whether a user can read a file; the administrator of an image has to see to it. */
async function isReadable(
	{ machine, nrpe }: Draft,
	path: string,
): Promise<boolean> {
	const prefix = nrpe.user && machine.root === "" && asUser(nrpe.user);
	if (!prefix)
		return access(at(machine, path), constants.R_OK).then(
			() => true,
			() => false,
		);
	const ended = await machine.tools.run([
		...prefix,
		...["test", "-r", path],
	] as unknown as Words);
	return ended?.status === 0;
}

/** A file that NRPE read as root: itself if the agent can read it, otherwise a copy of it. */
async function readableFile(
	draft: Draft,
	{ path, copy, isSecret }: { path: string; copy: string; isSecret: boolean },
): Promise<string> {
	if (await isReadable(draft, path)) return path;
	const { machine, nrpe, files, obstacles } = draft;
	const content = await textAt(machine, path);
	if (content === undefined) {
		obstacles.push(`${path}: cannot be read`);
		return path;
	}
	files.push({
		...{ path: copy, content, shown: isSecret ? "not at all" : "text" },
		owner: { uid: 0, gid: nrpe.group?.gid ?? 0, mode: 0o640 },
	});
	draft.notes.push(
		`${path}: the user ${nrpe.userName} cannot read it, so the agent gets a copy: ${copy}; replace both when you renew it`,
	);
	return copy;
}

/** The settings about certificates; none if NRPE has none of its own. */
async function certificateValues(
	draft: Draft,
): Promise<Record<string, string>> {
	const { machine, nrpe, obstacles } = draft;
	const { certificateFile, keyFile, clientCaFile, clientCertificates } =
		nrpe.made.settings;
	const values: Record<string, string> = {};
	if (certificateFile && keyFile) {
		const pair = {
			certificateFile: at(machine, certificateFile.value),
			privateKeyFile: at(machine, keyFile.value),
		};
		try {
			await loadKeyPair(pair);
			values["public-key"] = await readableFile(draft, {
				...{ path: certificateFile.value, isSecret: false },
				copy: "/etc/happo/nrpe.pub",
			});
			values["private-key"] = await readableFile(draft, {
				...{ path: keyFile.value, isSecret: true },
				copy: "/etc/happo/nrpe.key",
			});
		} catch (error) {
			if (!(error instanceof KeyPairError)) throw error;
			obstacles.push(`${certificateFile.file}: ${error.message}`);
		}
	}
	if (clientCaFile && (clientCertificates?.value ?? "no") !== "no")
		values["client-ca-file"] = await readableFile(draft, {
			...{ path: clientCaFile.value, isSecret: false },
			copy: "/etc/happo/nrpe-clients.pem",
		});
	return values;
}

const isLoopback = (network: string) =>
	network === "127.0.0.1" || network === "::1";

/** Whether the agent has a key pair, or makes one. */
function hasKeyPair({ machine, present }: Draft): boolean {
	const files = [present["public-key"], present["private-key"]];
	return (
		present["own-key-pair"] !== "" ||
		files.some((file) => existsSync(at(machine, file)))
	);
}

/** The environment file with what the agent needs to answer check_nrpe. */
async function environmentChange(draft: Draft): Promise<FileChange> {
	const { nrpe, environment, present, obstacles } = draft;
	const networks = nrpe.made.settings.allowedHosts?.value.networks ?? [];
	const allowed = new Set([
		...present["allowed-hosts"],
		...networks.filter((network) => !isLoopback(network)),
	]);
	const values: Record<string, string> = {
		"nrpe-port": String(nrpe.port),
		policy: present.policy || usualPolicy,
		...(allowed.size > 0 && { "allowed-hosts": [...allowed].join(",") }),
		...(!hasKeyPair(draft) && { "own-key-pair": usualKeyPair }),
		...(await certificateValues(draft)),
	};
	const content = withVariables(
		environment,
		Object.fromEntries(
			Object.entries(values).map(([name, value]) => [
				variableName(name),
				value,
			]),
		),
		`settings of NRPE, from ${nrpe.config}`,
	);
	try {
		resolveSettings(daemonSettings, {}, parseVariables(content), pluginPaths);
	} catch (error) {
		if (!(error instanceof SettingsError)) throw error;
		obstacles.push(...error.lines);
	}
	return {
		...{ path: usualFile, content, shown: "environment" },
		owner: { uid: 0, gid: 0, mode: 0o640 },
	};
}

/** The policy of the import, which also lets the administrator in. */
function withAdministrator(policy: string): string {
	const rule = '  - { who: admin, may: "*", commands: "*" }\n';
	const made = policy.endsWith("\nrules: []\n")
		? policy.replace(/rules: \[\]\n$/, `rules:\n${rule}`)
		: policy + rule;
	parsePolicy(made);
	return made;
}

/** Names that a present policy permits something, and the imported one does not know. */
function lostCallers(text: string): string[] {
	try {
		const { policy } = parsePolicy(text);
		const numbers = new Set(policy.rules.flatMap(({ who }) => who));
		return [...numbers]
			.map((number) => policy.callers.names[number] ?? "")
			.filter((name) => !["admin", "local"].includes(name));
	} catch (error) {
		if (!(error instanceof PolicyError)) throw error;
		return [];
	}
}

async function policyChange(draft: Draft): Promise<FileChange> {
	const { machine, nrpe, present, losses } = draft;
	const path = present.policy || usualPolicy;
	const before = await textAt(machine, path);
	const lost = before === undefined ? [] : lostCallers(before);
	if (lost.length > 0)
		losses.push(
			`${path}: the present policy lets in ${lost.join(", ")}, and the one made from ${nrpe.config} does not; write their rules into it afterwards`,
		);
	const group = (await groupOf(machine, ownUser)) ?? nrpe.group;
	return {
		...{ path, shown: "text" },
		content: withAdministrator(
			machine.root === ""
				? nrpe.made.policy
				: nrpe.made.policy.replaceAll(machine.root, ""),
		),
		owner: { uid: 0, gid: group?.gid ?? 0, mode: 0o640 },
	};
}

const lineText = ({ file, line, subject, text, proposal }: ReportLine) =>
	`${file}${line > 0 ? `:${line}` : ""}: ${subject}: ${text}${proposal ? ` ${proposal}` : ""}`;

/** What the import says, sorted by what it means for the checks. */
function readReport({ nrpe, notes, losses }: Draft): string {
	const { report, policy } = nrpe.made;
	const { commands } = parsePolicy(policy).policy;
	let imported = 0;
	for (const line of report) {
		const [, name] = /^command\[(.*)\]$/.exec(line.subject) ?? [];
		if (line.outcome === "imported") imported++;
		else if (line.outcome === "tightened") notes.push(lineText(line));
		else if (
			(name !== undefined && !commands.has(name)) ||
			(line.subject === "allowed_hosts" && line.line === 0)
		)
			losses.push(lineText(line));
		else notes.push(lineText(line));
	}
	return `${counted(commands.size, "command")}; ${counted(imported, "line")} as ${imported === 1 ? "it is" : "they are"}`;
}

/** What would keep the agent from doing as NRPE did. */
async function examine(draft: Draft): Promise<void> {
	const { machine, nrpe, present, notes, obstacles, losses } = draft;
	const { settings } = nrpe.made;
	if (!nrpe.user)
		obstacles.push(`${nrpe.userName}: no such user, but NRPE runs as it`);
	if (nrpe.user && !nrpe.group)
		obstacles.push(
			`${settings.group?.value || nrpe.unit?.group || nrpe.user.gid}: no such group, but NRPE runs in it`,
		);
	if (nrpe.isPlain)
		losses.push(
			"NRPE runs without TLS (-n), and the agent answers such clients only on this machine (nrpe-plain-text): have the monitoring server call check_nrpe without -n",
		);
	if (settings.address)
		notes.push(
			`${settings.address.file}:${settings.address.line}: NRPE listens on ${settings.address.value} only; the agent listens where listen-address says, for all its ports`,
		);
	const own = await readUnit(machine.tools, ownService, machine.root);
	if (own && isOn(own.restrictions, "NoNewPrivileges"))
		notes.push(
			`${ownService} has NoNewPrivileges=, so plugins cannot use sudo; happo-ctl doctor says which ones break`,
		);
	if (machine.root !== "") {
		const outside = nrpe.made.files.filter(
			(file) => !file.startsWith(machine.root),
		);
		if (outside.length > 0)
			obstacles.push(
				`${outside.join(", ")}: not below --root, run setup on the machine itself`,
			);
		return;
	}
	for (const { processes } of await listenersOn(nrpe.port, "")) {
		const [other] = processes;
		if (!other || /^(?:nrpe|systemd|node happo-agent)/.test(other.program))
			continue;
		obstacles.push(
			`port ${nrpe.port}: process ${other.pid} (${other.program}) listens there, and not NRPE${/inetd/.test(other.program) ? "; take NRPE out of its configuration first" : ""}`,
		);
	}
	if (present["nrpe-port"] !== 0 && present["nrpe-port"] !== nrpe.port)
		notes.push(
			`the agent answered check_nrpe on port ${present["nrpe-port"]} so far`,
		);
}

/** Results by the names of commands. */
type Results = Map<string, NrpeResult>;

/** Seconds that a command may take to be compared, and how many run at the same time. */
const compared = { seconds: 15, atOnce: 4 };

/** Where check_nrpe of this machine finds the port. */
const placeOf = ({ nrpe, present }: Draft, listens: string) => ({
	host: localAddress(listens || present["listen-address"]).replace(
		/^\[(.*)\]$/,
		"$1",
	),
	port: nrpe.port,
});

/** Asks for commands, until `signal` is aborted; those that do not answer in time are left out. */
async function resultsOf(
	place: { host: string; port: number },
	names: readonly string[],
	signal: AbortSignal,
): Promise<Results> {
	const results: Results = new Map();
	const left = [...names];
	const work = async () => {
		for (
			let name = left.shift();
			name !== undefined && !signal.aborted;
			name = left.shift()
		)
			try {
				results.set(name, await askNrpe(place, name, compared.seconds));
			} catch (error) {
				if (!(error instanceof SetupError)) throw error;
			}
	};
	await Promise.all(Array.from({ length: compared.atOnce }, work));
	return results;
}

/** The results of NRPE for the commands that take no arguments. */
function rememberResults(draft: Draft, signal: AbortSignal): Promise<Results> {
	const { policy, settings } = draft.nrpe.made;
	const { commands } = parsePolicy(policy).policy;
	const names = [...commands.values()]
		.filter(({ slots }) => slots.length === 0)
		.map(({ name }) => name);
	return resultsOf(
		placeOf(draft, settings.address?.value ?? ""),
		names,
		signal,
	);
}

const unknown = 3;

/**
 * Compares what check_nrpe gets now with what it got from NRPE.
 * @throws SetupError if a check has become UNKNOWN, or gets no answer any more; if `signal` is
 * aborted
 */
async function compareResults(
	draft: Draft,
	before: Results,
	signal: AbortSignal,
): Promise<string> {
	const isKnown = ({ status }: NrpeResult) => status < unknown;
	const names = [...before.keys()].filter((name) =>
		isKnown(before.get(name) as NrpeResult),
	);
	const place = placeOf(draft, "");
	const after = await resultsOf(place, names, signal);
	const isWorse = (name: string) => {
		const result = after.get(name);
		return !result || !isKnown(result);
	};
	// a plugin may fail once
	const again = await resultsOf(place, names.filter(isWorse), signal);
	for (const [name, result] of again) after.set(name, result);
	if (signal.aborted) throw new SetupError("interrupted");
	const worse = names.filter(isWorse);
	if (worse.length > 0)
		throw new SetupError(
			`checks do not work any more: ${worse.map((name) => `${name}: ${firstLine(after.get(name)?.text ?? "no answer")} (with NRPE: ${firstLine(before.get(name)?.text ?? "")})`).join("; ")}`,
		);
	const others = names.filter(
		(name) => after.get(name)?.status !== before.get(name)?.status,
	);
	return `${counted(names.length, "command")} without arguments ${names.length === 1 ? "gives" : "give"} a result as before${others.length > 0 ? `; another status have ${others.join(", ")}` : ""}`;
}

const firstLine = (text: string) => text.split("\n", 1)[0] ?? "";

/** Verifies that the agent answers on NRPE's port, under the imported policy. */
async function verify(
	draft: Draft,
	before: Results | undefined,
	signal: AbortSignal,
): Promise<string[]> {
	const { nrpe, present } = draft;
	const verified: string[] = [];
	if (present["admin-socket"] !== "none") {
		const status = await waitForStatus(present, {
			...{ over: "admin socket", signal },
		});
		const { policy } = status;
		if (policy?.mode !== "enforce" || policy.problem !== null)
			throw new SetupError(
				`the new agent does not enforce the policy: ${policy?.problem ?? "it has none"}`,
			);
		verified.push(
			`happo-agent ${status.app_version} enforces a policy with ${counted(policy.commands, "command")}`,
		);
	}
	const { text } = await askNrpe(placeOf(draft, ""), "_NRPE_CHECK", 10);
	verified.push(`port ${nrpe.port} answers check_nrpe: ${text}`);
	if (before && before.size > 0)
		verified.push(await compareResults(draft, before, signal));
	return verified;
}

/**
 * Makes the plan for a machine with NRPE. Changes nothing.
 * @throws SetupError if there is no NRPE
 */
export async function planFromNrpe(
	machine: Machine,
	options: NrpeOptions,
): Promise<Plan> {
	const nrpe = await findNrpe(machine, options);
	const environment = await environmentText(machine, usualFile);
	const obstacles: string[] = [];
	let present = resolveSettings(daemonSettings, {}, {}, pluginPaths);
	try {
		present = resolveSettings(
			daemonSettings,
			{},
			parseVariables(environment),
			pluginPaths,
		);
	} catch (error) {
		if (!(error instanceof SettingsError)) throw error;
		obstacles.push(...error.lines.map((line) => `${usualFile}: ${line}`));
	}
	const draft: Draft = {
		...{ machine, nrpe, environment, obstacles },
		present: withPaths(present, "/var/lib/happo-agent"),
		...{ notes: [], losses: [], files: [] },
	};
	const lines = readReport(draft);
	await examine(draft);
	const own = await groupOf(machine, ownUser);
	const user = nrpe.user?.name ?? nrpe.userName;
	const group = nrpe.group?.name ?? user;
	const changes = [
		await environmentChange(draft),
		await policyChange(draft),
		...(await ownUnit(machine, undefined, {
			...{ from: "nrpe", user, group },
			groups: own && own.name !== group ? [own.name] : [],
		})),
	];
	const metricConfig = present["metric-config"];
	const owned = await lstat(at(machine, metricConfig)).catch(() => undefined);
	const before = await userOf(machine, ownUser);
	draft.notes.push(
		`the agent runs as ${user}, as NRPE did, so that sudoers lines, groups and state files fit; other programs of ${user} can then stop the agent and change its data`,
	);
	const { settings, files } = nrpe.made;
	let results: Results | undefined;
	return {
		from: "nrpe",
		found: [
			["configuration", files.join(", ")],
			[
				"started by",
				nrpe.unit
					? `${nrpe.unit.name}${nrpe.unit.state === "" ? "" : `, ${nrpe.unit.state}`}`
					: "nothing that setup knows",
			],
			["commands", lines],
			["port", String(nrpe.port)],
			["user", `${user}, group ${group}`],
			[
				"allowed hosts",
				settings.allowedHosts?.value.networks.join(", ") || "none given",
			],
			[
				"time limit",
				`${settings.commandTimeoutSeconds?.value ?? 60} seconds, in each command of the policy`,
			],
			[
				"certificate",
				settings.certificateFile?.value ??
					"none, so the agent's own key pair is used",
			],
		],
		...{ notes: draft.notes, obstacles, losses: draft.losses },
		files: [...draft.files, ...changes],
		owners:
			owned && before && owned.uid === before.uid && nrpe.user
				? [{ path: metricConfig, uid: nrpe.user.uid, gid: owned.gid }]
				: [],
		stops: nrpe.unit
			? [nrpe.unit.name.replace(/\.service$/, ".socket"), nrpe.unit.name]
			: [],
		start: ownService,
		byHand: {
			before: ["stop NRPE, and see to it that nothing starts it again"],
			after: [
				`start happo-agent as the user ${user}: ${machine.program.join(" ")} daemon, with the variables of ${usualFile}`,
			],
		},
		database: undefined,
		remember: async (signal) => {
			results = await rememberResults(draft, signal);
		},
		verify: (signal) => verify(draft, results, signal),
	};
}

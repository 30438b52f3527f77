import { stat } from "node:fs/promises";
import { childEnvironment } from "../../../src/commands/environment.ts";
import type { DaemonSettings } from "../../../src/settings.ts";
import {
	type Finding,
	finding,
	type Trial,
	type TrialResult,
} from "./finding.ts";
import type { Patient } from "./patient.ts";
import type { Runnable } from "./plugins.ts";
import { asUser, type SystemUser, type Tools, type Words } from "./tools.ts";
import { type Assignment, boundingSet, isOn, restriction } from "./unit.ts";

/** Where a command is tried: its name in sentences, and what restricts it there. */
interface Place {
	name: "outside" | "unit" | "drop_in";
	title: string;
	restrictions: readonly Assignment[];
}

/** By this line, the shell below tells that it runs. */
const begun = "happo-ctl doctor: begun";

/**
 * Has a shell run the command: like the agent, it is a program between the one that sets the
 * restrictions and the plugin. Without one in between, a plugin with file capabilities may work here
 * and fail in the unit. The first argument is the working directory.
 */
const script = `echo '${begun}' >&2; cd "$1" 2>/dev/null || cd /; shift; "$@"; exit $?`;

const shellWords = (directory: string, { file, args }: Runnable) => [
	...["/bin/sh", "-c", script, "sh", directory, file, ...args],
];

/** The restrictions as options of systemd-run. */
function systemdProperties(restrictions: readonly Assignment[]): string[] {
	const { text } = boundingSet(restrictions);
	const others = restrictions
		.filter(([name]) => name !== "CapabilityBoundingSet")
		.filter(([, value]) => value !== "" && value !== "~")
		.map(([name, value]) => `${name}=${value}`);
	return [
		...others,
		// all lines together: systemd-run would join them in another way
		...(text === undefined ? [] : [`CapabilityBoundingSet=${text}`]),
	].flatMap((property) => ["-p", property]);
}

/** How the command is started at a place; undefined if this user may not do that. */
function lineAt(
	place: Place,
	runnable: Runnable,
	parts: {
		user: SystemUser;
		directory: string;
		seconds: number;
		environment: Readonly<Record<string, string>>;
	},
): Words | undefined {
	const { user, directory, seconds, environment } = parts;
	const words = shellWords(directory, runnable);
	if (place.name === "outside") {
		const prefix = asUser(user);
		return prefix && ([...prefix, ...words] as unknown as Words);
	}
	return [
		"systemd-run",
		...["--quiet", "--pipe", "--wait", "--collect"],
		...["-p", `User=${user.uid}`, "-p", `RuntimeMaxSec=${seconds}`],
		...systemdProperties(place.restrictions),
		...Object.entries(environment).map(
			([name, value]) => `--setenv=${name}=${value}`,
		),
		...["--", ...words],
	];
}

const firstLine = (text: string) =>
	text
		.split("\n")
		.map((line) => line.trim())
		.find((line) => line !== "") ?? "";

/** The most seconds beyond the time limit that systemd takes to start and end a unit. */
const graceSeconds = 15;

/**
 * Tries a command at a place. Returns why that is impossible if the command was not even reached,
 * except if the restrictions themselves are to blame.
 */
async function tryAt(
	tools: Tools,
	place: Place,
	runnable: Runnable,
	parts: Parameters<typeof lineAt>[2],
): Promise<TrialResult | { reason: string }> {
	const line = lineAt(place, runnable, parts);
	if (!line) return { reason: "only root may do that" };
	const isOutside = place.name === "outside";
	const ended = await tools.run(line, {
		seconds: parts.seconds + (isOutside ? 0 : graceSeconds),
		...(isOutside && { environment: parts.environment }),
	});
	if (!ended) return { reason: `${line[0]} cannot be started` };
	const { status, isTimedOut, stdout } = ended;
	const stderr = ended.stderr.replace(`${begun}\n`, "");
	const text = firstLine(stdout) || firstLine(stderr);
	const hasBegun = stderr !== ended.stderr;
	if (!hasBegun && !isTimedOut && (status ?? 0) < systemdStatuses)
		return { reason: text || `${line[0]} gave status ${status}` };
	return { status: status ?? null, timed_out: isTimedOut, text };
}

/** The status from which on a shell reports a start that failed, or a signal. */
const notRun = 126;
const unknownStatus = 3;
const signalBase = 128;
/** SIGSYS, by which a system call filter ends a program. */
const badSystemCall = signalBase + 31;
/** Where systemd's own statuses begin, for what fails before the program runs. */
const systemdStatuses = 200;

const hasFailed = ({ status, timed_out }: TrialResult) =>
	timed_out || status === null || status >= notRun;

/** A Nagios status: the command ran and said something. */
const isAnswer = (result: TrialResult) =>
	!hasFailed(result) && (result.status ?? unknownStatus) < unknownStatus;

function resultText({ status, timed_out, text }: TrialResult): string {
	const how = timed_out
		? "did not end in time"
		: status === null
			? "was ended by a signal"
			: status > signalBase && status < systemdStatuses
				? `was ended by signal ${status - signalBase}`
				: `gave status ${status}`;
	return text === "" ? how : `${how} (${text})`;
}

/** Options of a unit without which no unprivileged user could have them: they imply NoNewPrivileges=. */
const implyNoNewPrivileges = [
	...["SystemCallFilter", "SystemCallArchitectures", "RestrictAddressFamilies"],
	...["RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID"],
	...["LockPersonality", "MemoryDenyWriteExecute", "PrivateDevices"],
	...["ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs"],
	...["ProtectClock", "ProtectHostname"],
];

/** What keeps programs from gaining rights, as a setting; undefined if nothing does. */
function noNewPrivileges(
	restrictions: readonly Assignment[],
	{ uid }: SystemUser,
): string | undefined {
	if (isOn(restrictions, "NoNewPrivileges")) return "NoNewPrivileges=yes";
	if (uid === 0) return undefined;
	const implied = implyNoNewPrivileges.find((name) => {
		const value = restriction(restrictions, name) ?? "";
		return !/^(?:|no|false|off|0|~)$/i.test(value);
	});
	return implied && `${implied}=, which implies NoNewPrivileges=yes`;
}

/** Names of the capabilities that a file gives: `cap_net_raw`. */
async function capabilitiesOf(tools: Tools, file: string): Promise<string[]> {
	const shown =
		(await tools.run(["getcap", file])) ??
		(await tools.run(["/usr/sbin/getcap", file]));
	const [, text = ""] =
		/(?: = ?| )(cap_\S+)\s*$/.exec(firstLine(shown?.stdout ?? "")) ?? [];
	return text
		.replace(/[=+].*$/, "")
		.split(",")
		.filter((name) => name !== "");
}

const setUserId = 0o4000;

/** Why a command breaks where it is restricted, and what to do, as far as that can be known. */
async function causeOf(
	tools: Tools,
	{ restrictions }: Place,
	{ file }: Runnable,
	result: TrialResult,
	user: SystemUser,
): Promise<{ why: string; remedy: string }> {
	if ((result.status ?? 0) >= systemdStatuses)
		return {
			why: "It did not even begin: systemd could not set up the restrictions, or not start a shell under them (systemd.exec(5) lists the statuses).",
			remedy:
				"journalctl -n 20 has systemd's message. The agent itself cannot start in such a unit either.",
		};
	const bounding = boundingSet(restrictions);
	const locked = noNewPrivileges(restrictions, user);
	const capabilities = await capabilitiesOf(tools, file);
	const lost = capabilities.filter((name) => !bounding.has(name));
	const names = (some: readonly string[]) => some.join(", ").toUpperCase();
	const value = capabilities.join(" ").toUpperCase();
	if (lost.length > 0)
		return {
			why: `The file has the capability ${names(lost)}, which CapabilityBoundingSet= takes away; the kernel then refuses to start it.`,
			// other settings imply NoNewPrivileges=, so that =no would not help
			remedy: `Leave the unit the capability, in a drop-in whose name sorts after the others: CapabilityBoundingSet=${value}${locked === undefined ? "" : ` and AmbientCapabilities=${value}, which all plugins then have`}.`,
		};
	if (locked !== undefined && capabilities.length > 0)
		return {
			why: `The file has the capability ${names(capabilities)}, which it does not get because of ${locked}.`,
			remedy: `Turn that off in a drop-in, or give the unit AmbientCapabilities=${value}, which all plugins then have.`,
		};
	const found = await stat(file).catch(() => undefined);
	if (locked !== undefined && found && (found.mode & setUserId) !== 0)
		return {
			why: `The file is set-user-ID, which has no effect because of ${locked}.`,
			remedy:
				"Turn that off in a drop-in, or replace the plugin by one that needs no rights.",
		};
	if (locked !== undefined && /sudo|no new privileges/i.test(result.text))
		return {
			why: `The plugin uses sudo, which does not work because of ${locked}.`,
			remedy: "Turn that off in a drop-in.",
		};
	if (result.status === badSystemCall)
		return {
			why: "It made a system call that SystemCallFilter= or SystemCallArchitectures= forbids.",
			remedy:
				"journalctl -k has the call (SECCOMP); allow it in a drop-in with SystemCallFilter=.",
		};
	if (/not permitted|could not interpret output from ping/i.test(result.text))
		return {
			why: `A program that it starts most likely lacks a right: a file capability or set-user-ID is lost${locked === undefined ? "" : ` because of ${locked}`}${bounding.text === undefined ? "" : `; CapabilityBoundingSet= leaves ${bounding.text || "no capability"}`}.`,
			remedy:
				"Find the program (strace -f -e trace=execve), look at its rights with getcap and ls -l, and leave the unit what it needs.",
		};
	const hiding = ["ProtectSystem", "ProtectHome", "PrivateTmp", "ProtectProc"]
		.concat(["PrivateDevices", "InaccessiblePaths", "ReadOnlyPaths"])
		.filter((name) => {
			const value = restriction(restrictions, name) ?? "";
			return !/^(?:|no|false|off|0|default)$/i.test(value);
		});
	return {
		why:
			hiding.length > 0
				? `The cause is not known; the unit shows its processes other files than the machine has (${hiding.map((name) => `${name}=`).join(", ")}).`
				: "The cause is not known; one of the restrictions of the unit makes the difference.",
		remedy:
			"Try the restrictions one by one: systemd-run --pipe --wait -p User=... -p NAME=VALUE COMMAND.",
	};
}

/** What is said about a command that ends differently at a place than outside. */
async function difference(
	tools: Tools,
	place: Place,
	runnable: Runnable,
	[outside, inside]: readonly [TrialResult, TrialResult],
	user: SystemUser,
): Promise<Finding> {
	const cause = await causeOf(tools, place, runnable, inside, user);
	const isBroken = !isAnswer(inside);
	const isInUse = place.name === "unit";
	return finding(
		isInUse ? "problem" : "note",
		"commands",
		`command ${runnable.command.name}`,
		[
			`${runnable.file} ${isInUse ? (isBroken ? "breaks" : "answers differently") : isBroken ? "would break" : "would answer differently"} ${place.title}: it ${resultText(inside)} there, and ${resultText(outside)} outside. ${cause.why}`,
			isBroken
				? "Each of its checks gives UNKNOWN or an error, whatever the state of the host."
				: "Its checks do not show the state of the host.",
			cause.remedy,
		],
	);
}

/** A command that fails without any restriction. */
const failure = (
	{ command, file }: Runnable,
	outside: TrialResult,
	{ name }: SystemUser,
): Finding =>
	finding("problem", "commands", `command ${command.name}`, [
		`${file} does not run as the user ${name}: it ${resultText(outside)}.`,
		"Each of its checks gives UNKNOWN or an error.",
		"Run it by hand as this user. Status 126 means that it may not be executed, 127 that its interpreter or a library is missing.",
	]);

/** Whether a command ends in another way than outside. */
const differs = (outside: TrialResult, inside: TrialResult) =>
	outside.status !== inside.status || outside.timed_out !== inside.timed_out;

/** How many commands run at the same time. */
const parallel = 4;

/** What trying one command has shown. */
interface Tried {
	trial?: Trial;
	findings: Finding[];
	/** Places where it could not be tried, and why. */
	untried: string[];
}

async function tryOne(
	tools: Tools,
	runnable: Runnable,
	places: readonly Place[],
	parts: Parameters<typeof lineAt>[2],
): Promise<Tried> {
	const { command, file } = runnable;
	const [first, ...others] = places as [Place, ...Place[]];
	const findings: Finding[] = [];
	const untried: string[] = [];
	const at = async (place: Place) => {
		const result = await tryAt(tools, place, runnable, parts);
		if (!("reason" in result)) return result;
		untried.push(`${command.name} ${place.title} (${result.reason})`);
		return undefined;
	};
	let outside = await at(first);
	if (!outside) return { findings, untried };
	const trial: Trial = { command: command.name, file, outside };
	if (hasFailed(outside))
		return {
			trial,
			findings: [failure(runnable, outside, parts.user)],
			untried,
		};
	for (const place of others) {
		let inside = await at(place);
		if (inside && differs(outside, inside)) {
			// the machine may just have changed
			outside = (await at(first)) ?? outside;
			inside = (await at(place)) ?? inside;
			if (differs(outside, inside)) {
				const both = [outside, inside] as const;
				findings.push(
					await difference(tools, place, runnable, both, parts.user),
				);
			}
		}
		trial.outside = outside;
		if (inside && place.name !== "outside") trial[place.name] = inside;
	}
	return { trial, findings, untried };
}

/** The time limit of a command in seconds, as the agent has it. */
const limitOf = ({ command }: Runnable, settings: DaemonSettings) =>
	command.timeoutSeconds ?? settings["command-timeout"];

/**
 * Runs commands of the policy as the agent's user, outside of any unit, in the agent's unit, and
 * with a drop-in that hardens it.
 * @param parts.dropIn a file and its restrictions; undefined to try none
 * @param parts.restricts whether commands can be run with restrictions here, and if not, why
 * @param parts.advance called after each command
 */
export async function tryCommands(
	tools: Tools,
	patient: Patient,
	runnable: readonly Runnable[],
	{
		dropIn,
		restricts,
		advance,
	}: {
		dropIn: { file: string; restrictions: readonly Assignment[] } | undefined;
		restricts: "yes" | "no systemd" | "not root";
		advance: () => void;
	},
): Promise<{ trials: Trial[]; findings: Finding[] }> {
	if (runnable.length === 0) return { trials: [], findings: [] };
	const { settings, unit, user, directory } = patient;
	const findings: Finding[] = [];
	const places: Place[] = [
		{ name: "outside", title: "outside", restrictions: [] },
	];
	const inUnit = unit?.restrictions ?? [];
	if (restricts === "no systemd")
		findings.push(
			finding("note", "commands", "systemd", [
				"systemd does not run here, so the commands were not tried under the restrictions of a unit.",
				"If the agent runs in a unit elsewhere, its restrictions may break plugins there.",
				"Run doctor on such a host.",
			]),
		);
	else if (restricts === "not root")
		findings.push(
			finding("unknown", "commands", unit?.name ?? "systemd", [
				"The commands were not tried under the restrictions of the unit: only root may do that.",
				"Plugins with file capabilities, set-user-ID or sudo may not work there.",
				"Run doctor as root.",
			]),
		);
	else {
		if (unit)
			places.push({
				...{ name: "unit", title: `in ${unit.name}`, restrictions: inUnit },
			});
		if (dropIn)
			places.push({
				name: "drop_in",
				title: `with the drop-in ${dropIn.file}`,
				restrictions: [...inUnit, ...dropIn.restrictions],
			});
	}
	const { variables: environment } = childEnvironment(patient.environment, {
		passed: settings["plugin-environment"],
		locale: settings["plugin-locale"],
	});
	const results: Tried[] = [];
	let next = 0;
	const worker = async () => {
		for (let at = next++; at < runnable.length; at = next++) {
			const one = runnable[at] as Runnable;
			const seconds = limitOf(one, settings);
			const parts = { user, directory, seconds, environment };
			results[at] = await tryOne(tools, one, places, parts);
			advance();
		}
	};
	await Promise.all(Array.from({ length: parallel }, worker));
	const untried = results.flatMap((one) => one.untried);
	if (untried.length > 0)
		findings.push(
			finding("unknown", "commands", settings.policy, [
				`Could not be tried as the user ${user.name}: ${untried.join(", ")}.`,
				"Whether these commands work for the agent there is not known.",
				"Run doctor as root. It needs setpriv (util-linux) and systemd-run, which must know what the unit sets.",
			]),
		);
	return {
		trials: results.flatMap(({ trial }) => trial ?? []),
		findings: [...findings, ...results.flatMap(({ findings }) => findings)],
	};
}

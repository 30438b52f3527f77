import { lstatSync, type Stats, statSync } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { directoriesAbove } from "../../../src/changeable-files.ts";
import { modeText, permission } from "../../../src/file-mode.ts";
import { groupId } from "../../../src/socket-file.ts";
import { systemReason } from "../../../src/system-error.ts";
import { type Finding, finding, type Level } from "./finding.ts";
import type { Patient } from "./patient.ts";
import { asUser, findUser, type Tools } from "./tools.ts";

/** A file or directory that the agent uses. */
interface Rule {
	/** `The private key`. */
	what: string;
	path: string;
	/** Why it matters if others can read it; undefined if they may. */
	secret?: string;
	/** Why it matters if others can change it. */
	guarded: string;
	/** What the agent's user must be able to do; `create` if it makes the file. */
	needs: "read" | "write" | "create";
	/** How much that matters; a problem by default. */
	level?: Level;
	/** Why it matters if the agent's user cannot. */
	use: string;
}

const { othersRead, othersWrite, groupRead, groupWrite, sticky } = permission;

/** Calls a stat function; undefined if there is no file, or none that this user can see. */
function seen(look: () => Stats): Stats | undefined {
	try {
		return look();
	} catch {
		return undefined;
	}
}

/** Whether there is no file; false if this user cannot see whether there is one. */
export function isMissing(path: string): boolean {
	try {
		statSync(path);
		return false;
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		return code === "ENOENT" || code === "ENOTDIR";
	}
}

/** The rules for the files of an agent. */
function rulesOf({ settings, environmentFile }: Patient): Rule[] {
	const startFails = "Without it the agent does not start.";
	const impersonate =
		"Whoever has the key can pass for this agent, and read what clients send to it.";
	const given = (path: string, rule: Omit<Rule, "path">): Rule[] =>
		path === "" ? [] : [{ ...rule, path }];
	const key = (what: string, path: string) =>
		given(path, {
			...{ what, secret: impersonate, guarded: impersonate },
			...{ needs: "read", use: startFails },
		});
	const trust = (what: string, path: string, guarded: string) =>
		given(path, { what, guarded, needs: "read", use: startFails });
	const ownPair = settings["own-key-pair"];
	const hasSecret = settings["private-key-passphrase"] !== "";
	return [
		...(environmentFile === undefined
			? []
			: [
					{
						what: "The environment file",
						path: environmentFile,
						...(hasSecret && {
							secret: "It has the passphrase of the private key.",
						}),
						guarded:
							"Whoever can change it decides what the agent allows at its next start.",
						// systemd reads it as root
						needs: "read" as const,
						level: "note" as const,
						use: "Only systemd has to read it.",
					},
				]),
		...key("The private key", settings["private-key"]),
		...key(
			"The passphrase of the private key",
			settings["private-key-passphrase-file"],
		),
		...key("The private key for next hops", settings["proxy-private-key"]),
		...trust(
			"The certificate",
			settings["public-key"],
			"Whoever can change it can keep the agent from starting.",
		),
		...trust(
			"The client certificate for next hops",
			settings["proxy-certificate"],
			"Whoever can change it can keep the agent from starting.",
		),
		...trust(
			"The file of CAs for next hops",
			settings["proxy-ca-file"],
			"Whoever can change it decides which next hops the agent trusts.",
		),
		...trust(
			"The file of CAs for clients",
			settings["client-ca-file"],
			"Whoever can change it can make certificates that the policy accepts.",
		),
		...trust(
			"The file of revocation lists",
			settings["client-crl-file"],
			"Whoever can change it can bring revoked certificates back.",
		),
		...given(ownPair, {
			what: "The directory of the agent's own key pair",
			guarded: impersonate,
			needs: "create",
			use: "The agent makes its key pair there, and renews its certificate.",
		}),
		...given(settings.policy, {
			what: "The policy",
			guarded:
				"Whoever can change it decides who may run what through the agent.",
			needs: "read",
			use: startFails,
		}),
		...(settings["disable-collect-metrics"]
			? []
			: given(settings["metric-config"], {
					what: "The metric configuration",
					guarded:
						"Whoever can change it decides which plugins the agent runs every minute.",
					needs: "read",
					use: "The agent collects no metrics.",
				})),
		...given(settings["audit-log"], {
			what: "The audit log",
			secret: "It tells who asked for what, and when.",
			guarded: "Whoever can change it can remove traces.",
			needs: "create",
			use: startFails,
		}),
		...(settings.logfile === "-"
			? []
			: given(settings.logfile, {
					what: "The log file",
					guarded: "Whoever can change it can remove traces.",
					needs: "create",
					use: startFails,
				})),
		...given(settings.dbfile, {
			what: "The store",
			secret:
				"It has the lists of processes that machine states are made of, with their arguments.",
			guarded: "Whoever can change it can remove or invent metrics.",
			needs: "create",
			use: startFails,
		}),
	];
}

/** Who a file belongs to, and how to change that. */
interface Looked {
	patient: Patient;
	tools: Tools;
	/** Directories that have been reported. */
	told: Set<string>;
}

/** Whether a group is the agent's or root's. */
const isOurs = ({ groups }: Patient, gid: number) =>
	gid === 0 || groups.has(gid);

const isTrusted = ({ user }: Patient, uid: number) =>
	uid === 0 || uid === user.uid;

/** The mode that a secret file should have. */
const safeMode = (
	{ patient }: Looked,
	{ uid, gid }: Stats,
	isDirectory: boolean,
) =>
	isDirectory
		? "700"
		: uid === patient.user.uid || !patient.groups.has(gid)
			? "600"
			: "640";

const nameOf = async ({ tools }: Looked, uid: number) =>
	(await findUser(tools, String(uid)))?.name ?? String(uid);

/** What is wrong with owner and mode of a file that exists. */
async function ownership(
	looked: Looked,
	{ what, path, secret, guarded }: Rule,
	found: Stats,
): Promise<Finding[]> {
	const { patient } = looked;
	const { mode, uid, gid } = found;
	const isDirectory = found.isDirectory();
	const shown = modeText(mode);
	const findings: Finding[] = [];
	const add = (what: string, why: string, remedy: string) =>
		findings.push(finding("problem", "files", path, [what, why, remedy]));
	if (!isTrusted(patient, uid)) {
		const owner = await nameOf(looked, uid);
		add(
			`${what} belongs to the user ${owner}, and neither to root nor to ${patient.user.name}.`,
			`The owner can change it at any time. ${guarded}`,
			`chown ${isDirectory ? "-R " : ""}${patient.user.name} ${path}`,
		);
	}
	const isForeign = !isOurs(patient, gid);
	const who = (others: number, group: number) =>
		(mode & others) !== 0
			? "Every user of this machine"
			: isForeign && (mode & group) !== 0
				? `Every member of the group ${gid}`
				: undefined;
	const writers =
		isDirectory && (mode & sticky) !== 0
			? undefined
			: who(othersWrite, groupWrite);
	const readers = secret === undefined ? undefined : who(othersRead, groupRead);
	const safe = safeMode(looked, found, isDirectory);
	if (writers !== undefined)
		add(
			`${writers} can change ${what.toLowerCase()}: its mode is ${shown}.`,
			guarded,
			secret === undefined
				? `chmod ${(mode & othersWrite) !== 0 ? "o" : "g"}-w ${path}`
				: `chmod ${safe} ${path}`,
		);
	else if (readers !== undefined && secret !== undefined)
		add(
			`${readers} can read ${what.toLowerCase()}: its mode is ${shown}.`,
			secret,
			`chmod ${safe} ${path}`,
		);
	return findings;
}

/** What is wrong with directories above a file: whoever can write there can replace it. */
async function replaceable(
	looked: Looked,
	{ what, path, guarded }: Rule,
): Promise<Finding[]> {
	const { patient, told } = looked;
	const findings: Finding[] = [];
	for (const directory of directoriesAbove(path)) {
		if (told.has(directory)) continue;
		const found = await stat(directory).catch(() => undefined);
		if (!found) continue;
		const { mode, uid, gid } = found;
		const isOpen =
			(mode & sticky) === 0 &&
			((mode & othersWrite) !== 0 ||
				((mode & groupWrite) !== 0 && !isOurs(patient, gid)));
		if (!isOpen && isTrusted(patient, uid)) continue;
		told.add(directory);
		const owner = await nameOf(looked, uid);
		findings.push(
			finding("problem", "files", directory, [
				isOpen
					? `Others can write in this directory, in which or below which ${what.toLowerCase()} is: its mode is ${modeText(mode)}.`
					: `This directory, in which or below which ${what.toLowerCase()} is, belongs to the user ${owner}.`,
				`Whoever can write there can replace the file, whatever its own mode is. ${guarded}`,
				isOpen
					? `chmod go-w ${directory}`
					: `chown ${patient.user.name} ${directory}`,
			]),
		);
	}
	return findings;
}

/** The path itself, or the nearest directory above it that exists. */
function nearest(path: string): string {
	for (const one of [path, ...directoriesAbove(path)])
		if (seen(() => statSync(one))) return one;
	return "/";
}

/** Something that the agent's user needs to be able to do. */
interface Need {
	path: string;
	/** Flags of test(1) that all must hold: `r`, `wx`. */
	flags: string;
}

/**
 * Finds out whether the agent's user can do things, by trying them as this user: that includes
 * directories above, access control lists and read-only file systems.
 * @returns for each need whether it holds; undefined if nobody can tell
 */
export async function tryAccess(
	tools: Tools,
	{ user }: Pick<Patient, "user">,
	needs: readonly Need[],
): Promise<readonly boolean[] | undefined> {
	const prefix = asUser(user);
	if (!prefix) return undefined;
	if (needs.length === 0) return [];
	const script =
		'while [ $# -gt 0 ]; do ok=1; for flag in $(echo "$2" | sed "s/./& /g"); do [ "-$flag" "$1" ] || ok=0; done; echo $ok; shift 2; done';
	const words = [
		...[...prefix, "/bin/sh", "-c", script, "sh"],
		...needs.flatMap(({ path, flags }) => [path, flags]),
	] as [string, ...string[]];
	const tried = await tools.run(words);
	const answers = tried?.stdout.trim().split("\n") ?? [];
	return answers.length === needs.length
		? answers.map((answer) => answer === "1")
		: undefined;
}

const doing = { read: "read", write: "write", create: "write" } as const;

/** Whether systemd makes a directory for a path that does not exist yet. */
const isMadeLater = ({ unit }: Patient, path: string) =>
	(unit?.madeDirectories ?? []).some(
		(directory) =>
			`${path}/`.startsWith(`${directory}/`) && isMissing(directory),
	);

/** Whether the agent's user can do what it must. */
async function usable(
	{ tools, patient }: Looked,
	rules: readonly Rule[],
): Promise<Finding[]> {
	const needs = rules.map(({ path, needs }): Need => {
		if (needs === "read") return { path, flags: "r" };
		const there = nearest(path);
		const isDirectory = seen(() => statSync(there))?.isDirectory() === true;
		return { path: there, flags: isDirectory ? "wx" : "w" };
	});
	const can = await tryAccess(tools, patient, needs);
	if (!can)
		return [
			finding("unknown", "files", `user ${patient.user.name}`, [
				`It could not be tried whether the agent's user ${patient.user.name} can read and write its files.`,
				"The agent does not start if it cannot.",
				"Run doctor as root. It needs setpriv, which is part of util-linux.",
			]),
		];
	return rules.flatMap(({ what, path, needs: need, level, use }, at) => {
		if (can[at] !== false || level === "note" || isMadeLater(patient, path))
			return [];
		const there = needs[at]?.path ?? path;
		// the examination of what it is for reports a missing one
		if (need === "read" && isMissing(path)) return [];
		return [
			finding(level ?? "problem", "files", path, [
				`The agent's user ${patient.user.name} cannot ${doing[need]} ${there === path ? what.toLowerCase() : `in ${there}, where ${what.toLowerCase()} would be made`}.`,
				use,
				`Give ${there} to the user (chown ${patient.user.name} ${there}) or to its group, and let the user enter the directories above: namei -l ${there} shows them all.`,
			]),
		];
	});
}

/** Files in the store that belong to somebody else: LevelDB cannot open it then. */
async function foreignFiles({ patient, tools }: Looked): Promise<Finding[]> {
	const { user, settings } = patient;
	const store = settings.dbfile;
	const names = await readdir(store).catch(() => []);
	const owners = await Promise.all(
		names.map((name) =>
			lstat(join(store, name)).then(
				({ uid }) => ({ name, uid }),
				() => ({ name, uid: user.uid }),
			),
		),
	);
	const foreign = owners.filter(({ uid }) => uid !== user.uid);
	const [first] = foreign;
	if (!first || user.uid === 0) return [];
	const owner = (await findUser(tools, String(first.uid)))?.name ?? first.uid;
	return [
		finding("problem", "files", store, [
			`${foreign.length === 1 ? "A file" : `${foreign.length} files`} of the store belong${foreign.length === 1 ? "s" : ""} to another user than ${user.name}, such as ${first.name} to ${owner}.`,
			"The agent cannot open the store. This happens if the agent was started once by hand as another user.",
			`Stop the agent, then: chown -R ${user.name} ${store}`,
		]),
	];
}

/** The admin socket of an agent. */
function adminSocket({ patient }: Looked): Finding[] {
	const { settings, user, pid, unit } = patient;
	const path = settings["admin-socket"];
	const group = settings["admin-socket-group"];
	if (path === "none") return [];
	const findings: Finding[] = [];
	const add = (level: Level, what: string, why: string, remedy: string) =>
		findings.push(finding(level, "files", path, [what, why, remedy]));
	if (group !== "" && groupId(group) === undefined)
		add(
			"problem",
			`There is no group ${group} in /etc/group (admin-socket-group).`,
			"The agent does not start.",
			`Create the group (groupadd ${group}), or give the number of a group that is defined elsewhere.`,
		);
	const found = seen(() => lstatSync(path));
	if (!found) {
		if (!isMissing(path)) return findings;
		if (pid !== undefined)
			add(
				"problem",
				"The agent runs, but its admin socket does not exist.",
				"happo-ctl on this host cannot administrate the agent.",
				"Restart the agent. Its log says why there is no socket; a program that cleans /run or /tmp may have removed it.",
			);
		else if (!unit && isMissing(dirname(path)))
			add(
				"note",
				`The directory ${dirname(path)} does not exist.`,
				"The agent will have no admin socket, or not start if the setting admin-socket names this path.",
				`Have the service manager make it (RuntimeDirectory=), or: install -d -o ${user.name} ${dirname(path)}`,
			);
		return findings;
	}
	if (!found.isSocket()) {
		add(
			"problem",
			"There is a file that is not a socket.",
			"The agent does not replace it, and does not start.",
			`Look what it is, and remove it: ls -l ${path}`,
		);
		return findings;
	}
	if (pid === undefined) return findings;
	const { mode, uid } = found;
	const wanted = group === "" ? "600" : "660";
	if (uid !== user.uid)
		add(
			"problem",
			`The admin socket does not belong to the agent's user ${user.name}.`,
			"Another agent may have made it: then happo-ctl talks to that one.",
			"Give each agent a socket of its own (admin-socket), and restart this one.",
		);
	if ((mode & 0o777) !== Number.parseInt(wanted, 8))
		add(
			"problem",
			`The mode of the admin socket is ${modeText(mode)}, and not 0${wanted}.`,
			(mode & othersWrite) !== 0
				? "Every user of this machine can administrate the agent."
				: "Those who should administrate the agent cannot, or others can.",
			`chmod ${wanted} ${path}, or restart the agent. Then find out who changed it.`,
		);
	return findings;
}

/** A policy that the agent's plugins could change. */
function changeablePolicy({ patient }: Looked): Finding[] {
	const { settings, user } = patient;
	const found =
		settings.policy === "" ? undefined : seen(() => statSync(settings.policy));
	if (!found || found.uid !== user.uid || user.uid === 0) return [];
	return [
		finding("note", "files", settings.policy, [
			`The policy belongs to ${user.name}, the user that the plugins run as.`,
			"A plugin with a fault can change what it is allowed to do.",
			`chown root ${settings.policy} && chmod 640 ${settings.policy} (its group must be one of ${user.name})`,
		]),
	];
}

/** Examines owners and modes of all files of the agent. */
export async function examineFiles(
	tools: Tools,
	patient: Patient,
): Promise<Finding[]> {
	const looked: Looked = { tools, patient, told: new Set() };
	const ownPair = patient.settings["own-key-pair"];
	const isMade = (path: string) => ownPair !== "" && isMissing(path);
	const { "public-key": certificate, "private-key": key } = patient.settings;
	// without them, the agent makes its own pair
	const rules = rulesOf(patient).filter(
		({ path }) => !((path === certificate || path === key) && isMade(path)),
	);
	const findings: Finding[] = [];
	for (const rule of rules)
		try {
			const found = await stat(rule.path);
			findings.push(...(await ownership(looked, rule, found)));
			findings.push(...(await replaceable(looked, rule)));
		} catch (error) {
			const { code } = error as NodeJS.ErrnoException;
			// the examination of what it is for reports a missing one
			if (code === "ENOENT" || code === "ENOTDIR") continue;
			findings.push(
				finding("unknown", "files", rule.path, [
					`${rule.what} cannot be examined: ${systemReason(error)}.`,
					rule.guarded,
					"Run doctor as root.",
				]),
			);
		}
	return [
		...findings,
		...(await usable(looked, rules)),
		...(await foreignFiles(looked)),
		...adminSocket(looked),
		...changeablePolicy(looked),
	];
}

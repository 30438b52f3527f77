import { readFile } from "node:fs/promises";
import {
	CommandStartError,
	createCommands,
} from "../../../src/commands/command.ts";
import { chooseEngine } from "../../../src/spawn/engine.ts";

/** How a program ended. */
export interface Ended {
	/** undefined if a signal ended it. */
	status: number | undefined;
	isTimedOut: boolean;
	stdout: string;
	stderr: string;
}

/** A program with its arguments. */
export type Words = readonly [string, ...string[]];

/** Runs programs of this machine. */
export interface Tools {
	/**
	 * Runs a program to its end.
	 * @param options.seconds time limit, 10 by default
	 * @param options.environment its variables; those of this program by default
	 * @returns undefined if it cannot be started
	 */
	run(
		words: Words,
		options?: {
			seconds?: number | undefined;
			environment?: Readonly<Record<string, string>> | undefined;
		},
	): Promise<Ended | undefined>;
	/** Stops what still runs. */
	close(): Promise<void>;
}

const silent = { warning() {}, error() {}, info() {}, debug() {} };

const outputLimitBytes = 256 * 1024;

/** @param own variables of this program */
export function createTools(own: NodeJS.ProcessEnv): Tools {
	const withValues = Object.fromEntries(
		Object.entries(own).flatMap(([name, value]) =>
			value === undefined ? [] : [[name, value] as const],
		),
	);
	const closers: (() => Promise<void>)[] = [];
	const commandsWith = (environment: Readonly<Record<string, string>>) => {
		const commands = createCommands({
			engine: chooseEngine("auto", { environment, log: silent }),
			outputLimitBytes,
			maxLeftBehind: 16,
			environment,
			log: silent,
		});
		closers.push(() => commands.close());
		return commands;
	};
	const usual = commandsWith(withValues);
	return {
		async run([file, ...args], { seconds = 10, environment } = {}) {
			try {
				const commands = environment ? commandsWith(environment) : usual;
				const result = await commands.run(
					{ file, args },
					{ timeoutMilliseconds: seconds * 1000 },
				);
				return {
					status: result.exitStatus,
					isTimedOut: result.timedOut,
					stdout: result.stdout.text,
					stderr: result.stderr.text,
				};
			} catch (error) {
				if (error instanceof CommandStartError) return undefined;
				throw error;
			}
		},
		close: async () => {
			await Promise.all(closers.map((close) => close()));
		},
	};
}

/** A user of this machine. */
export interface SystemUser {
	uid: number;
	gid: number;
	/** Its number if it has no name. */
	name: string;
	home: string;
}

/** Finds a user by name or number; undefined if there is none. */
export async function findUser(
	tools: Tools,
	nameOrId: string,
): Promise<SystemUser | undefined> {
	const found = await tools.run(["getent", "passwd", nameOrId]);
	const line =
		found?.status === 0
			? found.stdout
			: (await readFile("/etc/passwd", "utf8").catch(() => ""))
					.split("\n")
					.find((entry) => {
						const [name, , id] = entry.split(":");
						return name === nameOrId || id === nameOrId;
					});
	const [name, , uid, gid, , home] = line?.trim().split(":") ?? [];
	if (name && uid && gid)
		return { name, uid: Number(uid), gid: Number(gid), home: home || "/" };
	return /^\d+$/.test(nameOrId)
		? {
				...{ name: nameOrId, uid: Number(nameOrId) },
				...{ gid: Number(nameOrId), home: "/" },
			}
		: undefined;
}

/** The ids of all groups of a user. */
export async function groupsOf(
	tools: Tools,
	user: SystemUser,
): Promise<ReadonlySet<number>> {
	const found = await tools.run(["id", "-G", user.name]);
	const others =
		found?.status === 0 ? found.stdout.trim().split(/\s+/).map(Number) : [];
	return new Set([user.gid, ...others]);
}

/**
 * The words in front of a program that has it run as a user, with that user's groups; undefined if
 * this user may not do that.
 */
export function asUser(user: SystemUser): readonly string[] | undefined {
	const own = process.geteuid?.();
	if (own === user.uid) return [];
	if (own !== 0) return undefined;
	const groups =
		user.name === String(user.uid) ? "--clear-groups" : "--init-groups";
	return [
		...["setpriv", `--reuid=${user.uid}`, `--regid=${user.gid}`],
		...[groups, "--"],
	];
}

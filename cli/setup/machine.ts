import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { findUser, type SystemUser, type Tools } from "../ctl/doctor/tools.ts";
import type { ServiceManager } from "./services.ts";

/** The machine that setup changes, and what it needs from outside. */
export interface Machine {
	/** Directory with the files of the machine, as if it were `/`; empty for `/` itself. */
	root: string;
	tools: Tools;
	services: ServiceManager;
	now(): Date;
	/** Node.js and the script of the installed happo-agent. */
	program: readonly [node: string, script: string];
	/** Called before each step, with its name. Tests end the process here. */
	before(step: string): void;
}

/** A path of the machine as this process sees it. */
export const at = ({ root }: Pick<Machine, "root">, path: string): string =>
	root === "" ? path : join(root, path);

/** The text of a regular file of the machine; undefined if there is none, or it cannot be read. */
export async function textAt(
	machine: Pick<Machine, "root">,
	path: string,
): Promise<string | undefined> {
	try {
		const file = at(machine, path);
		// reading a FIFO might never end
		const found = await stat(file);
		return found.isFile() ? await readFile(file, "utf8") : undefined;
	} catch {
		return undefined;
	}
}

const entriesOf = async (machine: Machine, path: string) =>
	((await textAt(machine, path)) ?? "")
		.split("\n")
		.map((line) => line.split(":"));

/** A user of the machine, by name or number; undefined if there is none. */
export async function userOf(
	machine: Machine,
	nameOrId: string,
): Promise<SystemUser | undefined> {
	if (machine.root === "") return findUser(machine.tools, nameOrId);
	const entries = await entriesOf(machine, "/etc/passwd");
	const [name, , uid, gid, , home] =
		entries.find(([name, , id]) => name === nameOrId || id === nameOrId) ?? [];
	if (!name || !uid || !gid) return undefined;
	return { name, uid: Number(uid), gid: Number(gid), home: home || "/" };
}

/** The id of a group of the machine, by name or number; undefined if there is none. */
export async function groupOf(
	machine: Machine,
	nameOrId: string,
): Promise<{ name: string; gid: number } | undefined> {
	const found =
		machine.root === ""
			? await machine.tools.run(["getent", "group", nameOrId])
			: undefined;
	const [name, , gid] =
		found?.status === 0
			? found.stdout.trim().split(":")
			: ((await entriesOf(machine, "/etc/group")).find(
					([name, , id]) => name === nameOrId || id === nameOrId,
				) ?? []);
	return name && gid ? { name, gid: Number(gid) } : undefined;
}

import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { SettingTable } from "../src/setting-table.ts";
import { systemReason } from "../src/system-error.ts";

/** Settings of every command that calls another program. */
export const clientSettings = {
	"timeout-seconds": {
		kind: "integer",
		minimum: 1,
		maximum: 86_400,
		default: 60,
		help: "seconds to wait for an answer",
	},
	"ca-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "CA that the server's certificate is verified with, PEM; in the place of those that Node knows",
	},
	"log-level": {
		kind: "text",
		default: "",
		placeholder: "WORD",
		help: "taken because the original does; nothing is logged",
	},
} as const satisfies SettingTable;

/** An error that is for the person who called: one line, exit status 1. */
export class CommandError extends Error {}

/** The CA of `ca-file`; nothing if there is none. Throws a CommandError. */
export async function readCa(file: string): Promise<{ ca?: Buffer }> {
	if (file === "") return {};
	const name = `--ca-file ${file}`;
	let ca: Buffer;
	try {
		ca = await readFile(file);
	} catch (cause) {
		throw new CommandError(`${name}: ${systemReason(cause)}`, { cause });
	}
	try {
		new X509Certificate(ca);
	} catch (cause) {
		throw new CommandError(`${name}: no certificate (PEM)`, { cause });
	}
	return { ca };
}

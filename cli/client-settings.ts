import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { SettingTable } from "../src/setting-table.ts";
import { systemReason } from "../src/system-error.ts";

/** Settings of all commands that send requests. */
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
		help: "CA certificate (PEM) that verifies the server; replaces the CAs that Node knows",
	},
	"log-level": {
		kind: "text",
		default: "",
		placeholder: "WORD",
		help: "accepted for compatibility with v1, has no effect",
	},
} as const satisfies SettingTable;

/** An error message for the user: one line, exit status 1. */
export class CommandError extends Error {}

/** Reads the CA from `ca-file`; empty if the setting is empty. Throws CommandError. */
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

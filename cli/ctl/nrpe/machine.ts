import {
	accessSync,
	constants,
	existsSync,
	readFileSync,
	realpathSync,
	statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { readRegularFile } from "../../../src/polled-files.ts";
import {
	calledPlugin,
	checkPluginName,
} from "../../../src/protocol/plugin-name.ts";
import type { Machine } from "./command-line.ts";

/** The PATH that NRPE gives to commands (C's _PATH_STDPATH). */
const nrpePath = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/** Shells for which a word such as `~:10` is no directory. */
const literalTildes = new Set(["dash", "busybox"]);

function isProgram(file: string): boolean {
	try {
		accessSync(file, constants.X_OK);
		return statSync(file).isFile();
	} catch {
		return false;
	}
}

/** Whether the file is there and begins neither as a script nor as a binary. */
function lacksInterpreter(file: string): boolean {
	try {
		if (!statSync(file).isFile()) return false;
		const start = readFileSync(file).subarray(0, 4);
		return (
			start.length > 0 &&
			!start.toString("latin1").startsWith("#!") &&
			!start.equals(Buffer.from("\x7fELF"))
		);
	} catch {
		return false;
	}
}

/** This machine, with the plugin directories of an agent. */
export function thisMachine(pluginDirectories: readonly string[]): Machine {
	let shell = "dash";
	try {
		shell = basename(realpathSync("/bin/sh"));
	} catch {
		// no shell, no commands
	}
	return {
		pluginName(file) {
			const directory = dirname(file);
			const name = basename(file);
			const at = pluginDirectories.indexOf(directory);
			const isPlain =
				join(directory, name) === file &&
				checkPluginName(name) === undefined &&
				calledPlugin(name).name === name;
			if (at < 0 || !isPlain) return undefined;
			const isHidden = pluginDirectories
				.slice(0, at)
				.some((earlier) => existsSync(join(earlier, name)));
			return isHidden ? undefined : name;
		},
		programFile: (name) =>
			nrpePath
				.map((directory) => join(directory, name))
				.find((file) => isProgram(file)) ??
			// the import may run elsewhere, and doctor says if it is missing
			(name === "sudo" ? "/usr/bin/sudo" : undefined),
		needsShell: lacksInterpreter,
		expandsTildes: !literalTildes.has(shell),
	};
}

/** What is known of an NRPE daemon. */
export interface DaemonFacts {
	/** Whether it was built to take arguments; `dont_blame_nrpe` has no effect otherwise. */
	readonly takesArguments: boolean;
	/** How that is known, as the end of a sentence. */
	readonly evidence: string;
	/** Whether it asks TCP wrappers (hosts.allow and hosts.deny). */
	readonly asksTcpWrappers: boolean;
}

/** Where NRPE is installed, by Debian, Red Hat and its own Makefile. */
export const usualDaemons = [
	"/usr/sbin/nrpe",
	"/usr/bin/nrpe",
	"/usr/local/nagios/bin/nrpe",
];

/** Only a daemon that can take arguments has this message. */
const argumentMessage = "but argument option is not enabled";

/** A file's bytes; undefined if it cannot be read. */
const bytesOf = (file: string) => readRegularFile(file).catch(() => undefined);

/**
 * Finds out how the NRPE of this machine was built: by the messages in its binary, or without one
 * by whether this is Debian or Ubuntu, whose packages take no arguments.
 * @param files binaries, of which the first that is there counts
 */
export async function examineDaemon(
	files: readonly string[],
	debianVersion = "/etc/debian_version",
): Promise<DaemonFacts> {
	for (const file of files) {
		const bytes = await bytesOf(file);
		if (!bytes) continue;
		const takesArguments = bytes.includes(argumentMessage);
		return {
			takesArguments,
			evidence: `${file} was built ${takesArguments ? "with" : "without"} --enable-command-args`,
			asksTcpWrappers: bytes.includes("hosts_access"),
		};
	}
	const isDebian = existsSync(debianVersion);
	return {
		takesArguments: !isDebian,
		evidence: isDebian
			? "there is no nrpe here, and the packages of Debian and Ubuntu are built without --enable-command-args"
			: "there is no nrpe here, so it may have been built with --enable-command-args",
		asksTcpWrappers: isDebian,
	};
}

/** The lines of hosts.allow and hosts.deny that are about NRPE, with one character for each byte. */
export async function tcpWrapperLines(
	files: readonly string[],
): Promise<{ file: string; line: number; text: string }[]> {
	const found: { file: string; line: number; text: string }[] = [];
	for (const file of files) {
		const text = (await bytesOf(file))?.toString("latin1") ?? "";
		text.split("\n").forEach((line, index) => {
			const [daemons = ""] = line.split(":", 1);
			if (
				!line.trimStart().startsWith("#") &&
				/(?:^|[\s,])(?:nrpe|ALL)(?:[\s,@]|$)/.test(daemons)
			)
				found.push({ file, line: index + 1, text: line.trim() });
		});
	}
	return found;
}

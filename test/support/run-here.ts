import { Readable, Writable } from "node:stream";
import { appendMetricCommand } from "../../cli/append-metric/command.ts";
import {
	commands,
	epilogue,
	families,
	topics,
} from "../../cli/ctl/commands/index.ts";
import { daemonCommand } from "../../cli/daemon.ts";
import { exportOriginalCommand } from "../../cli/export-original.ts";
import {
	addCommand,
	isAddedCommand,
	removeCommand,
} from "../../cli/management.ts";
import { type Program, runProgram } from "../../cli/program/program.ts";
import { setupCommand } from "../../cli/setup/command.ts";
import { version } from "../../generated/version.ts";
import type { Exited } from "./daemon.ts";

/** Runs like cli/happo-agent.ts. */
export const happoAgent: Program = {
	name: "happo-agent",
	version,
	commands: [
		daemonCommand,
		addCommand,
		isAddedCommand,
		removeCommand,
		appendMetricCommand,
		exportOriginalCommand,
		setupCommand,
	],
};

/** Runs like cli/happo-ctl.ts. */
export const happoCtl: Program = {
	...{ name: "happo-ctl", version, commands, families, topics, epilogue },
};

/** A stream that keeps the text written to it. */
function collector() {
	const chunks: Buffer[] = [];
	const stream = new Writable({
		write(chunk: Buffer, _encoding, done) {
			chunks.push(chunk);
			done();
		},
	});
	return { stream, text: () => Buffer.concat(chunks).toString("utf8") };
}

/**
 * Runs a command in this process, with its own streams and variables. That takes milliseconds,
 * while a process takes a third of a second of CPU. Tests of processes (signals, a closed pipe, the
 * exit) start the built program. Rejects if the command takes longer than `milliseconds`.
 */
export async function runHere(
	program: Program,
	args: readonly string[],
	given: {
		stdin?: string | Readable;
		environment?: Record<string, string>;
		milliseconds?: number;
	} = {},
): Promise<Exited> {
	const { stdin = "", environment = {}, milliseconds = 30_000 } = given;
	const stdout = collector();
	const stderr = collector();
	let tooLong: NodeJS.Timeout | undefined;
	const limit = new Promise<never>((_, reject) => {
		const late = () =>
			reject(
				new Error(
					`${program.name} ${args.join(" ")}: still running after ${milliseconds} ms: ${stderr.text()}`,
				),
			);
		tooLong = setTimeout(late, milliseconds);
	});
	const run = runProgram(program, args, {
		stdin:
			typeof stdin === "string"
				? Readable.from(stdin === "" ? [] : [Buffer.from(stdin)], {
						objectMode: false,
					})
				: stdin,
		stdout: stdout.stream,
		stderr: stderr.stream,
		env: { PATH: process.env.PATH, HOME: "/", LANG: "C", ...environment },
	});
	const code = await Promise.race([run, limit]).finally(() =>
		clearTimeout(tooLong),
	);
	return { code, signal: null, stdout: stdout.text(), stderr: stderr.text() };
}

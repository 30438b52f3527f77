import assert from "node:assert/strict";
import {
	type ChildProcess,
	type StdioOptions,
	spawn,
} from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { basename, join } from "node:path";
import type { Readable } from "node:stream";
import type { TestContext } from "node:test";
import { writeTestKeyPair } from "./agent.ts";
import { temporaryDirectory } from "./temporary.ts";

/** The built program. */
export const program = join(process.cwd(), "dist/happo-agent.js");

/** A Node binary that starts the built program. */
export interface NodeBinary {
	name: string;
	path: string;
}

/** The Node that runs the tests. */
export const ownNode: NodeBinary = {
	name: `node ${process.versions.node}`,
	path: process.execPath,
};

/** The Node binaries of HAPPO_TEST_NODES (paths, separated by colons). */
export const otherNodes: readonly NodeBinary[] = (
	process.env.HAPPO_TEST_NODES ?? ""
)
	.split(":")
	.filter((path) => path !== "")
	.map((path) => ({ name: basename(join(path, "../../../..")), path }));

export interface Exited {
	code: number | null;
	signal: NodeJS.Signals | null;
	stdout: string;
	stderr: string;
}

/** A started program: its output so far, and its end. */
export interface StartedProgram {
	process: ChildProcess;
	stdout(): string;
	stderr(): string;
	/** Resolves when the process has ended and its output is complete. */
	exited: Promise<Exited>;
	/** Resolves with the match when standard output has it; rejects if the program ends first. */
	printed(pattern: RegExp): Promise<RegExpExecArray>;
}

export interface StartOptions {
	node?: string;
	environment?: Record<string, string>;
	directory?: string;
	/** Options of Node itself, before the program. */
	nodeFlags?: readonly string[];
	/** Standard input; none by default. */
	stdin?: string | Readable;
	/** The program; happo-agent by default. */
	program?: string;
	/** A socket to pass as systemd does. */
	passed?: PassedFd;
}

/** A descriptor that listens, and what systemd calls it. */
export interface PassedFd {
	fd: number;
	name?: string;
}

/**
 * Listens on a free port of 127.0.0.1, to pass the descriptor on. Accepts connections itself until
 * it is closed.
 */
export async function listeningSocket(t: Pick<TestContext, "after">) {
	const server = createServer();
	t.after(() => server.close());
	server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 });
	await once(server, "listening");
	const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
	return {
		fd,
		port: (server.address() as AddressInfo).port,
		/** Leaves it to the programs that have got it. */
		close: () => server.close(),
	};
}

/** Sets LISTEN_PID, which systemd does between fork and exec. */
const asSystemd = ["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$0" "$@"'];

/** Starts the built program; kills it at the end of the test if it is still running. */
export function startProgram(
	t: Pick<TestContext, "after">,
	args: readonly string[],
	options: StartOptions = {},
): StartedProgram {
	const node = options.node ?? process.env.HAPPO_TEST_NODE ?? process.execPath;
	const file = options.program ?? program;
	const { stdin = "", passed } = options;
	const [command = "", ...words] = [
		...(passed ? asSystemd : []),
		...[node, ...(options.nodeFlags ?? []), file, ...args],
	];
	const child = spawn(command, words, {
		stdio: [
			...[stdin === "" ? "ignore" : "pipe", "pipe", "pipe"],
			...(passed ? [passed.fd] : []),
		] as StdioOptions,
		cwd: options.directory,
		env: {
			PATH: process.env.PATH,
			HOME: "/",
			LANG: "C",
			...(process.env.HAPPO_TEST_ENGINE && {
				HAPPO_AGENT_COMMAND_ENGINE: process.env.HAPPO_TEST_ENGINE,
			}),
			// the default may be that of an agent of this machine
			HAPPO_AGENT_ADMIN_SOCKET: "none",
			...(passed && {
				LISTEN_FDS: "1",
				LISTEN_FDNAMES: passed.name ?? "happo-agent.socket",
			}),
			...options.environment,
		},
	});
	// a program need not read its input
	child.stdin?.on("error", () => {});
	if (typeof stdin === "string") child.stdin?.end(stdin);
	else if (child.stdin) stdin.pipe(child.stdin);
	assert.ok(child.stdout && child.stderr);
	let stdout = "";
	let stderr = "";
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		stdout += text;
	});
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		stderr += text;
	});
	const exited = once(child, "close").then(([code, signal]) => ({
		code: code as number | null,
		signal: signal as NodeJS.Signals | null,
		stdout,
		stderr,
	}));
	t.after(async () => {
		if (child.exitCode === null && child.signalCode === null)
			child.kill("SIGKILL");
		await exited;
	});
	return {
		process: child,
		stdout: () => stdout,
		stderr: () => stderr,
		exited,
		printed: (pattern) =>
			new Promise((resolve, reject) => {
				const look = () => {
					const match = pattern.exec(stdout);
					if (match) resolve(match);
				};
				child.stdout?.on("data", look);
				look();
				void exited.then(({ code, signal }) =>
					reject(
						new Error(
							`the program ended (${code ?? signal}) before it printed ${pattern}: ${stdout}${stderr}`,
						),
					),
				);
			}),
	};
}

export interface StartedDaemon extends StartedProgram {
	port: number;
	directory: string;
	/** Stops it with SIGTERM and resolves with its end. */
	stop(): Promise<Exited>;
}

/**
 * Starts the built agent on a free port of 127.0.0.1, or on a passed socket, with a key pair and a directory of its own,
 * logging to standard output.
 */
export async function startDaemon(
	t: Pick<TestContext, "after">,
	flags: readonly string[] = [],
	options: StartOptions = {},
): Promise<StartedDaemon> {
	const directory = options.directory ?? (await temporaryDirectory(t));
	const pair = await writeTestKeyPair(directory);
	const given = (name: string) =>
		flags.some((flag) => flag === name || flag.startsWith(`${name}=`));
	const started = startProgram(
		t,
		[
			"daemon",
			...["-l", "-", "--log-level", "info"],
			...(options.passed ? [] : ["-P", "0"]),
			...["-B", pair["public-key"], "-R", pair["private-key"]],
			...(options.passed || given("--listen-address")
				? []
				: ["--listen-address", "127.0.0.1"]),
			...flags,
		],
		{ ...options, directory },
	);
	const [, port] = await started.printed(/listening on \S+ port (\d+)/);
	return {
		...started,
		port: Number(port),
		directory,
		stop: () => {
			started.process.kill("SIGTERM");
			return started.exited;
		},
	};
}

/** Starts a program that only writes to standard error; kills it at the end of the test if it still runs. */
export function startServer(
	t: Pick<TestContext, "after">,
	[file, ...args]: readonly [string, ...string[]],
	env: NodeJS.ProcessEnv,
) {
	const child = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"], env });
	const exited = once(child, "exit") as Promise<
		[code: number | null, signal: NodeJS.Signals | null]
	>;
	let said = "";
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		said += text;
	});
	t.after(async () => {
		if (child.exitCode !== null || child.signalCode !== null) return;
		child.kill("SIGKILL");
		await exited;
	});
	return {
		process: child,
		/** What it has written so far. */
		said: () => said,
		exited,
	};
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { createServer, type TLSSocket, type TlsOptions } from "node:tls";
import { runCheckHappo } from "../../cli/check-happo/run.ts";
import { createPair, listening, type NextHop } from "./next-hop.ts";

const manifest = JSON.parse(readFileSync("package.json", "utf8")) as {
	bin: { check_happo: string };
};

/** The built check_happo for Node.js. */
export const checkHappoProgram = join(process.cwd(), "dist/check_happo.cjs");

/** The command of the package: native if that could be built, else it starts the program above. */
export const checkHappoCommand = join(process.cwd(), manifest.bin.check_happo);

/** Why the command is not native; undefined if it is. */
export const nativeClientMissing = () =>
	readFileSync(checkHappoCommand).subarray(1, 4).toString() === "ELF"
		? undefined
		: "check_happo could not be compiled";

/** The broker that the native command uses; undefined: tests are about the program for Node.js. */
let broker: string | undefined;

/** Has all tests of this process run the native command with the broker of a socket. */
export const checkThroughBroker = (socket: string) => {
	broker = socket;
};

export const isThroughBroker = () => broker !== undefined;

/** How check_happo is started, and with which variables. */
export const checkHappoLine = (): {
	line: [string, ...string[]];
	env: NodeJS.ProcessEnv;
} => {
	const node = process.env.HAPPO_TEST_NODE ?? process.execPath;
	return {
		line:
			broker === undefined ? [node, checkHappoProgram] : [checkHappoCommand],
		env: {
			// the command finds node there
			PATH: `${dirname(node)}:${process.env.PATH}`,
			LANG: "C",
			...(broker !== undefined && { HAPPO_BROKER: broker }),
		},
	};
};

export interface Checked {
	stdout: string;
	stderr: string;
	/** Exit status, or the signal that ended it. */
	status: number | string | null;
}

/** Runs check_happo to its end in this process. */
export async function checkHappo(...args: string[]): Promise<Checked> {
	if (process.env.HAPPO_TEST_NODE || isThroughBroker())
		return checkHappoProcess(...args);
	let stderr = "";
	const { output, status } = await runCheckHappo(args, (said) => {
		stderr += said;
	});
	return { stdout: output, stderr, status };
}

/** Runs the built check_happo to its end; it may take 20 seconds. */
export async function checkHappoProcess(...args: string[]): Promise<Checked> {
	const { line, env } = checkHappoLine();
	const [file, ...first] = line;
	const child = spawn(file, [...first, ...args], {
		stdio: ["ignore", "pipe", "pipe"],
		env,
		timeout: 20_000,
		killSignal: "SIGKILL",
	});
	const [stdout, stderr, [code, signal]] = await Promise.all([
		text(child.stdout),
		text(child.stderr),
		once(child, "close") as Promise<[number | null, string | null]>,
	]);
	return { stdout, stderr, status: code ?? signal };
}

/** Arguments for a check by an agent on 127.0.0.1. */
export const checkAt = (port: number, ...more: string[]) =>
	checkHappo(
		"monitor",
		"-H",
		"127.0.0.1",
		"-P",
		String(port),
		"-p",
		"x",
		...more,
	);

/** A server whose bytes the test writes itself. */
export interface RawServer extends NextHop {
	certificate: string;
	/** The text received so far on its connections. */
	received(): string;
}

/** A TLS server on 127.0.0.1; `answer` is called once for each connection, after a whole request. */
export async function answeringRaw(
	t: Pick<TestContext, "after">,
	answer: (socket: TLSSocket) => void,
	options: TlsOptions = {},
): Promise<RawServer> {
	const pair = createPair();
	let received = "";
	const server = createServer(
		{ cert: pair.certificate, key: pair.privateKey, ...options },
		(socket) => {
			let own = "";
			let isAnswered = false;
			socket.on("error", () => {});
			socket.setEncoding("latin1").on("data", (part: string) => {
				own += part;
				received += part;
				const [head = "", body] = own.split("\r\n\r\n");
				const length = /^content-length: (\d+)$/im.exec(head)?.[1];
				if (isAnswered || body?.length !== Number(length)) return;
				isAnswered = true;
				answer(socket);
			});
		},
	);
	server.on("tlsClientError", () => {});
	// `listening` owns the TCP connections: it counts and closes them
	const started = await listening(t, (socket) => {
		server.emit("connection", socket);
	});
	return {
		...started,
		certificate: pair.certificate,
		received: () => received,
	};
}

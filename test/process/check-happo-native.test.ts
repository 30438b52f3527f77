import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { chmod, chown, copyFile, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { after, describe, it, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import fc from "fast-check";
import {
	checkFrame,
	createFrameReader,
	type Frame,
	frameBytes,
	kinds,
	maxRequestBytes,
	resultBody,
} from "../../cli/broker/frame.ts";
import { parseCheckOptions } from "../../cli/check-happo/arguments.ts";
import { brokerHere, brokerProcess } from "../support/broker.ts";
import {
	checkHappo,
	checkHappoCommand,
	checkHappoLine,
	checkThroughBroker,
	nativeClientMissing,
} from "../support/check-happo.ts";
import { eventually } from "../support/eventually.ts";
import { answering, json } from "../support/next-hop.ts";
import { createScope } from "../support/scope.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const missing = nativeClientMissing();
if (missing) test("the native command", (t) => t.skip(missing));
else await theNativeCommand();

async function theNativeCommand() {
	const scope = createScope();
	const broker = await brokerHere(scope);
	checkThroughBroker(broker.socket);
	after(async () => {
		const { checks } = broker.status();
		await scope.end();
		assert.ok(checks.answered > 20, "the broker was hardly asked");
		assert.deepEqual(broker.complaints, []);
	});
	// the tests of check_happo, with the native command and a broker
	await import("./check-happo.test.ts");
	describe("the native command", () => ownTests(broker));
}

/** Something that listens where a broker would. */
async function notABroker(
	t: TestContext,
	onConnection: (socket: Socket) => void,
) {
	const path = join(await temporaryDirectory(t), "broker.sock");
	const sockets = new Set<Socket>();
	const server = createServer((socket) => {
		sockets.add(socket);
		socket.on("error", () => {});
		onConnection(socket);
	});
	server.listen(path);
	await once(server, "listening");
	t.after(() => {
		for (const socket of sockets) socket.destroy();
		server.close();
	});
	return path;
}

/** An agent that says which client asked: only the one for Node.js closes the connection. */
const agent = (t: TestContext) =>
	answering(t, (response, { headers }) =>
		json(response, {
			return_value: 1,
			message: headers.connection === "close" ? "node\n" : "broker\n",
		}),
	);

const checkOf = (port: number, ...more: string[]) =>
	checkHappo("monitor", "-H", "127.0.0.1", "-P", `${port}`, "-p", "x", ...more);

const said = (stdout: string) => ({ stdout, stderr: "", status: 1 });

function ownTests(broker: Awaited<ReturnType<typeof brokerHere>>) {
	it("asks the broker of --broker, of HAPPO_BROKER, or none", async (t) => {
		const { port } = await agent(t);
		const other = await brokerHere(t);
		for (const own of [[], ["--perfdata-first-line"]])
			assert.deepEqual(await checkOf(port, ...own), said("broker\n"));
		const before = broker.status().checks.answered;
		for (const named of [
			["--broker", other.socket],
			[`-broker=${other.socket}`],
			["--broker=", "--broker", other.socket],
		])
			assert.deepEqual(await checkOf(port, ...named), said("broker\n"));
		assert.equal(other.status().checks.answered, 3);
		assert.equal(broker.status().checks.answered, before);
		assert.deepEqual(await checkOf(port, "--broker="), said("node\n"));
		const { line, env } = checkHappoLine();
		const args = ["monitor", "-H", `127.0.0.1:${port}`, "-p", "x"];
		const { stdout } = await promisify(execFile)(line[0], args, {
			env: { ...env, HAPPO_BROKER: "" },
		}).catch((error) => error);
		assert.equal(stdout, "node\n");
	});

	for (const [what, answer] of [
		["closes", (socket: Socket) => socket.destroy()],
		[
			"speaks something else",
			(socket: Socket) => socket.end("HTTP/1.1 400\r\n\r\n"),
		],
		[
			"is of another version",
			(socket: Socket) =>
				socket.end(
					frameBytes({
						...{ version: 2, kind: kinds.result, id: 1 },
						body: resultBody(0, "OK\n"),
					}),
				),
		],
		[
			"sends it elsewhere",
			(socket: Socket) =>
				socket.write(
					frameBytes({ kind: kinds.elsewhere, id: 1, body: Buffer.alloc(0) }),
				),
		],
		[
			"sends half a result",
			(socket: Socket) =>
				socket.end(
					frameBytes({
						...{ kind: kinds.result, id: 1 },
						body: resultBody(0, "OK\n"),
					}).subarray(0, -1),
				),
		],
		[
			"sends a result without a status",
			(socket: Socket) =>
				socket.end(
					frameBytes({ kind: kinds.result, id: 1, body: Buffer.alloc(0) }),
				),
		],
		[
			"announces four gigabytes",
			(socket: Socket) =>
				socket.end(Buffer.from("ffffffff011100000001", "hex")),
		],
	] as const)
		it(`a broker that ${what}: Node.js runs the check`, async (t) => {
			const { port } = await agent(t);
			const path = await notABroker(t, (socket) =>
				socket.once("data", () => answer(socket)),
			);
			assert.deepEqual(await checkOf(port, "--broker", path), said("node\n"));
		});

	it("no socket, a file, a dead socket, a path that is too long: Node.js runs the check", async (t) => {
		const { port } = await agent(t);
		const directory = await temporaryDirectory(t);
		const file = join(directory, "file");
		await writeFile(file, "");
		const dead = await brokerProcess(t, ["--insecure"]);
		dead.process.kill("SIGKILL");
		await dead.exited;
		for (const path of [
			...[join(directory, "none"), file, dead.socket],
			`/${"x".repeat(200)}`,
		])
			assert.deepEqual(
				await checkOf(port, "--broker", path),
				said("node\n"),
				path,
			);
	});

	it("a socket of another user is not believed", async (t) => {
		if (process.getuid?.() !== 0) return t.skip("only root can give it away");
		const { port } = await agent(t);
		const other = await brokerHere(t);
		await chown(other.socket, 65_534, 65_534);
		assert.deepEqual(
			await checkOf(port, "--broker", other.socket),
			said("node\n"),
		);
		assert.equal(other.status().clients_accepted, 0);
		// the file belongs to us, and who listens does not
		const path = join(await temporaryDirectory(t), "socket");
		const script = `use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un($ARGV[0])); $> = 65534; listen(S, 9); $> = 0; print "ready\n"; sleep 60`;
		const listener = execFile("perl", ["-e", `$| = 1; ${script}`, path]);
		t.after(() => {
			listener.kill("SIGKILL");
		});
		await once(listener.stdout ?? assert.fail(), "data");
		assert.deepEqual(await checkOf(port, "--broker", path), said("node\n"));
	});

	it("a broker that hangs: the time limit holds, and the reason is clear", async (t) => {
		const path = await notABroker(t, () => {});
		const began = performance.now();
		assert.deepEqual(await checkOf(1, "--broker", path, "-t", "1"), {
			stdout: `UNKNOWN(check_happo): the broker at ${path}: no answer within 1 seconds\n`,
			stderr: "",
			status: 3,
		});
		const seconds = (performance.now() - began) / 1000;
		assert.ok(seconds >= 1.4 && seconds < 8, `${seconds} s`);
	});

	it("a broker that is killed: Node.js has what is left of the time", async (t) => {
		const silent = await answering(t, () => {});
		const victim = await brokerProcess(t, ["--insecure"]);
		const checked = checkOf(silent.port, "--broker", victim.socket, "-t", "4");
		const began = performance.now();
		await eventually(
			"it runs, and a second is over",
			() => silent.arrived.length === 1 && performance.now() - began > 1_000,
		);
		victim.process.kill("SIGKILL");
		const { stdout, status } = await checked;
		assert.match(stdout, /: no answer within [123] seconds\n$/);
		assert.equal(status, 2);
		assert.equal(silent.arrived.length, 2);
	});

	it("options of trust, a key, and -v are not for the broker", async (t) => {
		const { port, certificate } = await agent(t);
		const ca = join(await temporaryDirectory(t), "ca.pem");
		const known = join(await temporaryDirectory(t), "known-hosts");
		const { fingerprint256 } = new X509Certificate(certificate);
		await writeFile(known, `127.0.0.1:${port} ${fingerprint256}\n`);
		await writeFile(ca, certificate);
		const key = join(await temporaryDirectory(t), "key");
		await writeFile(key, "a-key\n", { mode: 0o600 });
		const { clients_accepted } = broker.status();
		for (const own of [
			["--ca-file", ca],
			["--known-hosts", known],
			["--known-hosts", known, "--accept-new"],
			[`-ca_file=${ca}`],
			["--key-file", key, "--ca-file", ca],
			["-v"],
			["-t", "0"],
		])
			assert.equal(
				(await checkOf(port, ...own)).stdout,
				"node\n",
				own.join(" "),
			);
		assert.equal(broker.status().clients_accepted, clients_accepted);
	});

	it("a result is all that it prints, whatever SIGPIPE does", async (t) => {
		const { port } = await agent(t);
		const { line, env } = checkHappoLine();
		const args = ["monitor", "-H", `127.0.0.1:${port}`, "-p", "x"];
		for (const trap of ["trap '' PIPE", "trap - PIPE"])
			for (const [sink, code] of [
				["cat", "1"],
				["true", "1"],
			] as const) {
				const { stdout, stderr } = await promisify(execFile)(
					"sh",
					[
						"-c",
						`${trap}; { "$@"; echo "status $?" >&2; } | { sleep 0.2; ${sink}; }`,
						...["sh", line[0], ...args],
					],
					{ env },
				);
				assert.equal(stdout, sink === "cat" ? "broker\n" : "");
				assert.equal(stderr, `status ${code}\n`);
			}
	});

	it("without the client for Node.js beside it, it says so, UNKNOWN", async (t) => {
		const directory = await temporaryDirectory(t);
		const alone = join(directory, "check_happo");
		await copyFile(checkHappoCommand, alone);
		await chmod(alone, 0o755);
		const { stdout, stderr, status } = spawnSync(alone, ["--help"], {
			encoding: "utf8",
		});
		assert.equal(
			stdout,
			`UNKNOWN(check_happo): ${alone}.cjs: No such file or directory\n`,
		);
		assert.deepEqual([stderr, status], ["", 3]);
	});

	it("reads a command line as the client for Node.js does, or leaves it to that", async (t) => {
		const arrived: Frame[] = [];
		const path = await notABroker(t, (socket) => {
			const reader = createFrameReader(maxRequestBytes);
			socket.on("data", (bytes: Buffer) => {
				const frames = reader.push(bytes);
				arrived.push(...frames);
				for (const frame of frames)
					socket.end(
						frameBytes({
							...{ kind: kinds.result, id: frame.id },
							body: resultBody(42, ""),
						}),
					);
			});
		});
		const name = fc.constantFrom(
			...["host", "H", "port", "P", "proxy", "X", "plugin_name", "plugin-name"],
			...["p", "plugin_option", "plugin-option", "o", "timeout", "t", "hos"],
			...["no-port", "verbose", "v", "ca-file", "help", "h", "HOST", "pp"],
			...["perfdata_first_line", "perfdata-first-line"],
			"no-perfdata-first-line",
		);
		const value = fc.oneof(
			fc.constantFrom("a", "b:7", "10.0.0.1", "[::1]:9", "1", "7", "60", "007"),
			fc.constantFrom(
				"",
				"-w 5",
				"--host=x",
				"-p",
				"=",
				"ü",
				"a\nb",
				"1.5",
				"99999999999",
			),
			fc.string({ maxLength: 5 }).filter((text) => !text.includes("\0")),
		);
		const dash = fc.constantFrom("-", "--");
		const words = fc.oneof(
			{
				weight: 8,
				arbitrary: fc
					.tuple(dash, name, value)
					.map(([d, n, v]) => [`${d}${n}`, v]),
			},
			{
				weight: 4,
				arbitrary: fc
					.tuple(dash, name, value)
					.map(([d, n, v]) => [`${d}${n}=${v}`]),
			},
			{
				weight: 1,
				arbitrary: fc.constantFrom(["-o"], ["--"], ["-"], ["x"], ["---host=a"]),
			},
		);
		const { env } = checkHappoLine();
		let asked = 0;
		await fc.assert(
			commandLines(words, async (args) => {
				arrived.length = 0;
				// a client that leaves it to Node.js finds no node
				await promisify(execFile)(checkHappoCommand, ["monitor", ...args], {
					env: { ...env, PATH: "/nowhere", HAPPO_BROKER: path },
				}).catch(() => {});
				const [frame] = arrived;
				const check = frame && checkFrame(frame.body);
				if (!check) return;
				asked++;
				assert.deepEqual(
					outcome(check.words),
					outcome(args),
					JSON.stringify(args),
				);
			}),
			{ numRuns: 400 },
		);
		assert.ok(asked > 20, `only ${asked} were for the broker`);
	});
}

/** What the client for Node.js makes of a command line. */
function outcome(args: readonly string[]) {
	try {
		return parseCheckOptions(args);
	} catch (error) {
		return (error as Error).message;
	}
}

/** Runs a check for many command lines, each with a host and a plugin more often than not. */
function commandLines(
	words: fc.Arbitrary<readonly string[]>,
	run: (args: string[]) => Promise<void>,
) {
	const lines = fc
		.tuple(
			fc.constantFrom(["-H", "web01", "-p", "check_x"], ["--host=a"], []),
			fc.array(words, { maxLength: 4 }),
		)
		.map(([first, others]) => [...first, ...others.flat()]);
	return fc.asyncProperty(lines, run);
}

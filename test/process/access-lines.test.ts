import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it, type TestContext, test } from "node:test";
import { fixtures, writeTestKeyPair } from "../support/agent.ts";
import { processesWith, startWithPlugins } from "../support/command-line.ts";
import { type StartedDaemon, startProgram } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { post, type Sent, send } from "../support/https.ts";
import { answering, listening } from "../support/next-hop.ts";
import { local, relay, relayBody } from "../support/relaying.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { wholeFile } from "../support/whole-file.ts";
import { openWire, requestText, sendBytes } from "../support/wire.ts";

type Line = Record<string, unknown>;

/** The lines that an agent with `--log-format json` has logged so far. */
const linesOf = ({ stdout }: Pick<StartedDaemon, "stdout">): Line[] =>
	stdout()
		.split("\n")
		.slice(0, -1)
		.map((line) => JSON.parse(line));

/** An agent that logs in JSON, shared by tests one after the other. */
interface Logging {
	daemon: StartedDaemon;
	/** Access lines that the tests have checked. */
	seen: number;
}

/** Agents that no test is using, by their flags. */
const idle = new Map<string, Logging[]>();

const accessLines = (daemon: StartedDaemon) =>
	linesOf(daemon).filter(({ message }) => message === "Access");

/** Checks that no request was logged twice, not even late. */
const assertAccounted = ({ daemon, seen }: Logging) =>
	assert.equal(accessLines(daemon).length, seen, daemon.stdout());

after(async () => {
	for (const logging of [...idle.values()].flat()) {
		assert.equal((await logging.daemon.stop()).code, 0);
		assertAccounted(logging);
	}
});

// after the hook that checks their logs, as hooks run in this order
const file = wholeFile();

/** An agent that logs in JSON, and the access lines of this test. */
async function startLogging(t: TestContext, flags: readonly string[] = []) {
	const key = flags.join(" ");
	const logging = idle.get(key)?.pop() ?? {
		daemon: await startWithPlugins(file, ["--log-format=json", ...flags]),
		seen: 0,
	};
	assertAccounted(logging);
	const { daemon, seen: before } = logging;
	t.after(() => {
		logging.seen = accessLines(daemon).length;
		if (daemon.process.exitCode === null)
			idle.set(key, [...(idle.get(key) ?? []), logging]);
	});
	const access = () => accessLines(daemon).slice(before);
	/** Waits until this many requests have been logged. */
	const logged = async (count: number) => {
		await eventually(
			`${count} access lines`,
			() => access().length >= count,
		).catch((error) => assert.fail(`${error}: ${daemon.stdout()}`));
		return access();
	};
	const assertLines = async (count: number) => {
		// later requests are logged after it
		await send({ port: daemon.port, path: "/the-last" });
		const lines = await logged(count + 1);
		assert.equal(lines.length, count + 1, daemon.stdout());
		assert.equal(lines.at(-1)?.path, "/the-last", daemon.stdout());
	};
	return {
		...daemon,
		access,
		logged,
		/** Sends a request and returns its line. */
		lineAbout: async (ask: () => unknown): Promise<Line> => {
			const before = access().length;
			await ask();
			return (await logged(before + 1))[before] ?? assert.fail();
		},
		/** Checks that no request was logged twice. */
		assertLines,
		/** Stops the agent, and checks that no request was logged twice, not even at the end. */
		assertLinesAtTheEnd: async (count: number) => {
			assert.equal((await daemon.stop()).code, 0);
			assert.equal(access().length, count, daemon.stdout());
		},
	};
}

/** Limits that several tests run into, so that they share one agent. */
const shortLimits = [
	...["--command-timeout=1", "--proxy-timeout-seconds=1"],
	...["--headers-timeout-seconds=1", "--request-timeout-seconds=1"],
];

const clientPattern = /^127\.0\.0\.1:\d+$/;

describe("an access line", () => {
	it("has v1's format by default", async (t) => {
		const { port, stdout, stop } = await startWithPlugins(t);
		await send({ port });
		await post(port, "/monitor", {
			plugin_name: "check_exit",
			plugin_option: "2",
		});
		await send({ port, path: "/no%20where,a=b" });
		await stop();
		const time = String.raw`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`;
		for (const line of [
			String.raw`\[info\] Access client=127\.0\.0\.1:\d+,method=GET,path=/,operation=checkAvailability,status=200,bytes=2,ms=[\d.]+$`,
			String.raw`\[info\] Access client=127\.0\.0\.1:\d+,method=POST,path=/monitor,operation=runCheck,status=200,bytes=\d+,ms=[\d.]+,plugin=check_exit,exit_status=2$`,
			String.raw`\[warning\] Access client=127\.0\.0\.1:\d+,method=GET,path="/no where,a=b",status=404,bytes=\d+,ms=[\d.]+,reason="/no where,a=b: no such path"$`,
		])
			assert.match(stdout(), new RegExp(`${time} ${line}`, "m"));
		for (const line of stdout().trimEnd().split("\n"))
			assert.match(line, new RegExp(`${time} \\[(info|warning|error)\\] `));
	});

	it("is one JSON object per line with --log-format json", async (t) => {
		const { port, lineAbout } = await startLogging(t);
		const before = Date.now();
		const { time, client, ms, bytes, ...rest } = await lineAbout(() =>
			post(port, "/monitor", {
				plugin_name: "check_sleep",
				plugin_option: "1",
			}),
		);
		assert.ok(Date.parse(String(time)) >= before);
		assert.match(String(client), clientPattern);
		// the actual time and size
		const passed = Date.now() - before;
		assert.ok(Number(ms) >= 1_000 && Number(ms) <= passed, `${ms} ms`);
		assert.ok(Number(bytes) > 40, `${bytes} bytes`);
		assert.deepEqual(rest, {
			level: "info",
			message: "Access",
			method: "POST",
			path: "/monitor",
			operation: "runCheck",
			status: 200,
			plugin: "check_sleep",
			exit_status: 0,
		});
	});

	it("names a client by its address and port", async (t) => {
		const { port, lineAbout } = await startLogging(t, ["-A", "127.0.0.0/8"]);
		const wire = openWire(t, { port, localAddress: "127.0.0.7" });
		const { client } = await lineAbout(async () => {
			await wire.opened;
			wire.socket.write(requestText("GET /"));
			await wire.until(/OK$/);
		});
		// of the TCP connection under TLS
		const { localPort } = wire.socket;
		assert.equal(client, `127.0.0.7:${localPort}`);
	});

	it("has the sizes of bodies, none for HEAD", async (t) => {
		const { port, lineAbout } = await startLogging(t);
		const of = async (method: string, path: string) => {
			let received = 0;
			const { bytes } = await lineAbout(async () => {
				received = (await send({ port, method, path })).body.length;
			});
			return { bytes, received };
		};
		for (const path of ["/", "/status", "/none", "/metrics"]) {
			const { bytes, received } = await of("GET", path);
			assert.ok(received > 0);
			assert.equal(bytes, received, path);
		}
		assert.deepEqual(await of("HEAD", "/status"), { bytes: 0, received: 0 });
	});
});

describe("access lines of plugins and commands", () => {
	const check = (plugin_name: string, plugin_option = "") => ({
		plugin_name,
		plugin_option,
	});
	for (const [name, path, body, expected] of [
		[
			"a plugin",
			"/monitor",
			check("check_exit", "1"),
			{ status: 200, plugin: "check_exit", exit_status: 1 },
		],
		[
			"a plugin through a shell",
			"/monitor",
			check("check_exit", "3 | cat; exit 7"),
			{ status: 200, plugin: "check_exit", exit_status: 7 },
		],
		[
			"a plugin that a signal ended",
			"/monitor",
			check("check_killed"),
			{ status: 200, plugin: "check_killed", exit_status: 137 },
		],
		[
			"a plugin that is not there",
			"/monitor",
			check("check_none"),
			{
				status: 200,
				plugin: "check_none",
				exit_status: 127,
				reason: /^not found: .*check_none$/,
			},
		],
		[
			"a plugin that is not executable",
			"/monitor",
			check("check_nonexec"),
			{
				status: 200,
				plugin: "check_nonexec",
				exit_status: 126,
				reason: /^not executable: .*check_nonexec$/,
			},
		],
		[
			"a plugin over its time",
			"/monitor",
			check("check_sleep", "30"),
			{ status: 500, plugin: "check_sleep", reason: /time limit/ },
		],
		[
			"a plugin whose name is refused",
			"/monitor",
			check("../check_exit"),
			{ status: 400, plugin: "../check_exit", reason: /^plugin_name: / },
		],
		[
			"an inventory",
			"/inventory",
			{ command: "true", command_option: "--really" },
			{ status: 200, command: "true", exit_status: 0 },
		],
		[
			"an inventory that fails",
			"/inventory",
			{ command: "exit 9" },
			{ status: 400, command: "exit", exit_status: 9 },
		],
		[
			"an inventory over its time",
			"/inventory",
			{ command: "sleep 30" },
			{ status: 417, command: "sleep", reason: /time limit/ },
		],
	] as const)
		it(`${name}`, async (t) => {
			const { port, lineAbout, assertLines } = await startLogging(
				t,
				shortLimits,
			);
			const line = await lineAbout(() => post(port, path, body));
			assert.equal(line.path, path);
			const { reason, ...rest } = { reason: undefined, ...expected };
			for (const [key, value] of Object.entries(rest))
				assert.equal(line[key], value, `${key}: ${JSON.stringify(line)}`);
			if (reason) assert.match(String(line.reason), reason);
			else assert.equal("reason" in line, false, JSON.stringify(line));
			await assertLines(1);
		});

	it("names the setting if there is no place for a command", async (t) => {
		const { port, logged } = await startLogging(t, [
			...["--max-commands=1", "--command-timeout=1"],
		]);
		// the first keeps its place longer than the second waits for it
		await Promise.all(
			["30", "30.1"].map((option) =>
				post(port, "/monitor", check("check_ignoreterm", option)),
			),
		);
		const lines = await logged(2);
		const refused = lines.find(({ status }) => status === 503);
		assert.match(String(refused?.reason), /max-commands/);
		assert.equal(refused?.level, "warning");
	});
});

/** Refusals that a client can cause with `send`: the request, and its line. */
const refusals: readonly [string, Partial<Sent>, Line & { reason: RegExp }][] =
	[
		[
			"400: a field that is missing",
			{ method: "POST", path: "/monitor", body: "{}" },
			{
				status: 400,
				operation: "runCheck",
				reason: /^plugin_name: required$/,
			},
		],
		[
			"400: a field of another type",
			{
				method: "POST",
				path: "/monitor",
				body: '{"plugin_name":"x","plugin_option":["Xvalue"]}',
			},
			{ status: 400, operation: "runCheck", reason: /^plugin_option: / },
		],
		[
			"400: no JSON",
			{ method: "POST", path: "/metric/append", body: "{Xvalue" },
			{
				status: 400,
				operation: "appendMetrics",
				reason: /^body: not a JSON document/,
			},
		],
		[
			"400: a header",
			{
				method: "POST",
				path: "/monitor",
				body: '{"plugin_name":"x"}',
				headers: { "happo-milliseconds-left": "soon" },
			},
			{
				status: 400,
				operation: "runCheck",
				reason: /^happo-milliseconds-left: /i,
			},
		],
		[
			"403: a web page",
			{ headers: { origin: "https://example.org" } },
			{
				status: 403,
				operation: "checkAvailability",
				reason: /^origin: .*https:\/\/example\.org$/,
			},
		],
		[
			"403: a setting",
			{ method: "POST", path: "/inventory", body: '{"command":"true"}' },
			{
				status: 403,
				operation: "runInventoryCommand",
				reason: /\(inventory\)$/,
			},
		],
		[
			"404",
			{ path: "/none?x=1" },
			{ status: 404, path: "/none", reason: /^\/none: no such path$/ },
		],
		[
			"404: a second slash",
			{ path: "/monitor//" },
			{ status: 404, reason: /no such path$/ },
		],
		[
			"404: what is turned off",
			{ path: "/status/request" },
			{
				status: 404,
				operation: "getRequestStatus",
				reason: /enable-requeststatus-middleware/,
			},
		],
		[
			"405",
			{ method: "PUT", path: "/monitor" },
			{
				status: 405,
				method: "PUT",
				path: "/monitor",
				reason: /^\/monitor: no PUT, only POST$/,
			},
		],
		[
			"413",
			{ method: "POST", path: "/monitor", body: "x".repeat(5_000) },
			{
				status: 413,
				operation: "runCheck",
				reason: /max-body-bytes/,
			},
		],
		[
			"a bad escape",
			{ path: "/machine-state/%zz?x=1" },
			{
				status: 400,
				path: "/machine-state/%zz",
				reason: /bad escape: \/machine-state\/%zz$/,
			},
		],
	];

describe("the line of a refused request has the reason", () => {
	it("for every refusal", async (t) => {
		const { port, lineAbout, assertLines } = await startLogging(t, [
			...["--no-inventory", "--max-body-bytes=4096"],
		]);
		for (const [name, sent, expected] of refusals) {
			const line = await lineAbout(async () => {
				const { status } = await send({ port, ...sent });
				assert.equal(status, expected.status, name);
			});
			const { reason, ...rest } = expected;
			for (const [key, value] of Object.entries(rest))
				assert.equal(line[key], value, `${name}: ${JSON.stringify(line)}`);
			assert.match(String(line.reason), reason, name);
			assert.equal(line.level, "warning", name);
			assert.doesNotMatch(JSON.stringify(line), /Xvalue/, name);
		}
		await assertLines(refusals.length);
	});

	it("for a denied peer: disconnected after its first request, with v1's error line once", async (t) => {
		const daemon = await startLogging(t, ["-A", "127.0.0.1"]);
		const { port, logged, assertLines } = daemon;
		const wire = openWire(t, { port, localAddress: "127.0.0.2" });
		wire.socket.write(requestText("GET /status").repeat(2));
		const { text } = await wire.ended;
		assert.equal(text.match(/Access Denied\n/g)?.length, 1);
		const lines = await logged(2);
		assert.deepEqual(
			lines.map(({ status }) => status),
			[403, "none"],
		);
		for (const line of lines) {
			assert.match(String(line.client), /^127\.0\.0\.2:\d+$/);
		}
		assert.equal(lines[0]?.operation, "getStatus");
		assert.equal(lines[0]?.reason, "Access Denied");
		await assertLines(2);
		assert.deepEqual(
			linesOf(daemon).flatMap(({ level, message }) =>
				level === "error" ? [message] : [],
			),
			["Access Denied RemoteAddr=127.0.0.2"],
		);
	});

	const junk = `X-Junk: ${"x".repeat(20_000)}`;
	for (const [name, localAddress, bytes, expected] of [
		["not HTTP", "127.0.0.1", "SSH-2.0-OpenSSH\r\n\r\n", { status: 400 }],
		[
			"not HTTP in a header",
			"127.0.0.1",
			"GET / HTTP/1.1\r\nHost agent\r\n\r\n",
			{ status: 400 },
		],
		[
			"not HTTP after a request that was answered",
			"127.0.0.1",
			"",
			{ status: 400 },
		],
		[
			"431",
			"127.0.0.1",
			requestText("GET /", undefined, [junk]),
			{
				status: 431,
				reason: /16384/,
			},
		],
		[
			"no Host",
			"127.0.0.1",
			"GET / HTTP/1.1\r\n\r\n",
			{
				status: 400,
				reason: /^host: required$/,
				operation: "checkAvailability",
			},
		],
		[
			"CONNECT",
			"127.0.0.1",
			requestText("CONNECT agent:443"),
			{
				status: 404,
				method: "CONNECT",
				reason: /^agent:443: no such path$/,
			},
		],
		[
			"CONNECT to a path",
			"127.0.0.1",
			requestText("CONNECT /monitor"),
			{
				status: 405,
				method: "CONNECT",
				reason: /only POST/,
			},
		],
		[
			"CONNECT of a denied peer",
			"127.0.0.2",
			requestText("CONNECT agent:443"),
			{ status: 403, method: "CONNECT", reason: /^Access Denied$/ },
		],
	] as const)
		it(`${name}`, async (t) => {
			const { port, logged, assertLines } = await startLogging(t);
			const wire = openWire(t, { port, localAddress });
			await wire.opened;
			if (bytes === "") {
				wire.socket.write(requestText("GET /"));
				await wire.until(/OK$/);
				wire.socket.write("rubbish\r\n\r\n");
			} else wire.socket.write(bytes);
			await wire.until(new RegExp(`HTTP/1\\.1 ${expected.status} `));
			const count = bytes === "" ? 2 : 1;
			const line = (await logged(count))[count - 1] ?? assert.fail();
			const { reason, ...rest }: Line = { reason: /^not HTTP: /, ...expected };
			for (const [key, value] of Object.entries(rest))
				assert.equal(line[key], value, JSON.stringify(line));
			assert.match(String(line.reason), reason as RegExp);
			assert.match(String(line.client), /^127\.0\.0\.[12]:\d+$/);
			wire.socket.destroy();
			await assertLines(count);
		});

	const half = requestText("POST /monitor", "{").replace("h: 1", "h: 9");
	for (const [name, bytes, expected] of [
		["nothing", "", {}],
		["half a header", "GET / HTTP/1.1\r\nHost: a", {}],
		["half a body", half, { method: "POST", operation: "runCheck" }],
	] as const)
		it(`408: ${name} in time`, async (t) => {
			const { port, logged, assertLines } = await startLogging(t, shortLimits);
			const wire = openWire(t, { port });
			await wire.opened;
			wire.socket.write(bytes);
			await wire.until(/HTTP\/1\.1 408 /);
			const [line = assert.fail()] = await logged(1);
			assert.equal(line.status, 408);
			assert.equal(line.reason, "the request did not arrive in time");
			for (const [key, value] of Object.entries(expected))
				assert.equal(line[key], value, JSON.stringify(line));
			await wire.ended;
			await assertLines(1);
		});
});

describe("each request has exactly one line", () => {
	const sleep = (seconds: string) =>
		requestText(
			"POST /monitor",
			JSON.stringify({ plugin_name: "check_sleep", plugin_option: seconds }),
		);

	it("pipelined ones, answered and refused", async (t) => {
		const { port, logged, assertLines } = await startLogging(t);
		const wire = openWire(t, { port });
		wire.socket.write(
			[
				"GET /",
				"GET /none",
				"HEAD /status",
				"DELETE /monitor",
				"GET /machine-state/%zz",
				"GET /",
			]
				.map((line) => requestText(line))
				.join("") + sleep("0.2"),
		);
		await wire.until(/slept 0\.2/);
		const lines = await logged(7);
		assert.deepEqual(
			lines.map(({ method, path, status }) => `${method} ${path} ${status}`),
			[
				"GET / 200",
				"GET /none 404",
				"HEAD /status 200",
				"DELETE /monitor 405",
				"GET /machine-state/%zz 400",
				"GET / 200",
				"POST /monitor 200",
			],
		);
		assert.equal(new Set(lines.map(({ client }) => client)).size, 1);
		wire.socket.end();
		await assertLines(7);
	});

	it("with status none if its client disconnects before the answer", async (t) => {
		const { port, logged, assertLines } = await startLogging(t);
		const wire = openWire(t, { port });
		wire.socket.write(sleep("30.77001"));
		await eventually(
			"it sleeps",
			async () => (await processesWith("sleep\x0030.77001")).length > 0,
		);
		wire.reset();
		const [line = assert.fail()] = await logged(1);
		assert.match(String(line.client), clientPattern);
		assert.equal(line.status, "none");
		assert.equal(line.plugin, "check_sleep");
		assert.equal(line.reason, "the connection ended before the answer");
		assert.equal("exit_status" in line, false);
		await assertLines(1);
	});

	it("if its client disconnects within the request", async (t) => {
		const { port, logged, assertLines } = await startLogging(t);
		const wire = openWire(t, { port });
		wire.socket.write(
			requestText("GET /") +
				requestText("POST /monitor", undefined, ["Content-Length: 99"]),
		);
		await wire.until(/OK$/);
		wire.reset();
		const [, line = assert.fail()] = await logged(2);
		assert.equal(line.status, "none");
		assert.equal(line.operation, "runCheck");
		await assertLines(2);
	});

	it("pipelined ones whose client disconnects, all without an answer", async (t) => {
		const { port, logged, assertLines } = await startLogging(t);
		const wire = openWire(t, { port });
		wire.socket.write(
			sleep("30.77002") + sleep("30.77003") + requestText("GET /"),
		);
		await eventually(
			"the first sleeps",
			async () => (await processesWith("sleep\x0030.77002")).length > 0,
		);
		wire.reset();
		const lines = await logged(3);
		assert.deepEqual(
			lines.map(({ status }) => status),
			["none", "none", "none"],
		);
		await assertLines(3);
	});

	it("garbage after a request that is being answered", async (t) => {
		const { port, logged, assertLines } = await startLogging(t);
		const wire = openWire(t, { port });
		wire.socket.write(sleep("30.77004"));
		await eventually(
			"it sleeps",
			async () => (await processesWith("sleep\x0030.77004")).length > 0,
		);
		wire.socket.write("rubbish\r\n\r\n");
		await wire.ended;
		const [line = assert.fail()] = await logged(1);
		assert.equal(line.status, "none");
		assert.equal(line.operation, "runCheck");
		await assertLines(1);
	});

	it("requests that are running when the agent stops", async (t) => {
		const { port, assertLinesAtTheEnd, access } = await startLogging(t);
		const answer = post(port, "/monitor", {
			plugin_name: "check_sleep",
			plugin_option: "30.77005",
		}).then(({ status }) => status);
		await eventually(
			"it sleeps",
			async () => (await processesWith("sleep\x0030.77005")).length > 0,
		);
		await assertLinesAtTheEnd(1);
		assert.equal(await answer, 503);
		const [line] = access();
		assert.equal(line?.status, 503);
		assert.match(String(line?.reason), /stopping/);
	});

	it("under its operation, in any spelling of its path", async (t) => {
		const { port, lineAbout } = await startLogging(t);
		const operationOf = async (line: string) => {
			const wire = openWire(t, { port });
			const { operation } = await lineAbout(async () => {
				wire.socket.write(requestText(line));
				await wire.until(/HTTP\/1\.1 \d+ /);
			});
			wire.socket.destroy();
			return operation;
		};
		const expected = {
			"GET /status/": "getStatus",
			"GET /st%61tus?x=1": "getStatus",
			"GET https://agent/status?x=1": "getStatus",
			"HEAD /status": "getStatus",
			"GET /machine-state/s-1": "getMachineState",
			"GET /machine-state/s%2F1": "getMachineState",
			"GET /machine-state/s%3F1": "getMachineState",
			"GET /status#x": "getStatus",
		};
		const found: Record<string, unknown> = {};
		for (const line of Object.keys(expected))
			found[line] = await operationOf(line);
		assert.deepEqual(found, expected);
	});
});

describe("relayed requests name the hop", () => {
	it("answered", async (t) => {
		const behind = await startLogging(t);
		const { port, lineAbout } = await startLogging(t);
		const hop = local(behind.port);
		const line = await lineAbout(() =>
			relay(port, [hop], "monitor", {
				plugin_name: "check_exit",
				plugin_option: "1",
			}),
		);
		const { operation, status, hop: named, level } = line;
		assert.deepEqual(
			{ operation, status, named, level },
			{ operation: "relayRequest", status: 200, named: hop, level: "info" },
		);
		assert.equal("reason" in line, false);
		const [inner] = await behind.logged(1);
		assert.equal(inner?.plugin, "check_exit");
		assert.equal(inner?.exit_status, 1);
	});

	for (const [name, startHop, status, reason] of [
		[
			"nobody listens",
			async (t: TestContext) => {
				const gone = await listening(t, () => {});
				await gone.close();
				return gone;
			},
			500,
			/connection refused/,
		],
		[
			"no TLS",
			(t: TestContext) =>
				listening(t, (socket) => {
					socket.once("data", () => socket.end("HTTP/1.1 400 Bad\r\n\r\n"));
				}),
			500,
			/does not speak TLS/,
		],
		["silence", (t: TestContext) => answering(t, () => {}), 504, /within 1 s/],
		[
			"it breaks off",
			(t: TestContext) =>
				answering(t, (response) => response.socket?.destroy()),
			500,
			/./,
		],
	] as const)
		it(`failed: ${name}`, async (t) => {
			const { port: hopPort } = await startHop(t);
			const { port, lineAbout, assertLines } = await startLogging(
				t,
				shortLimits,
			);
			const line = await lineAbout(() =>
				relay(port, [local(hopPort)], "monitor", { plugin_name: "x" }),
			);
			assert.equal(line.status, status);
			assert.equal(line.hop, local(hopPort));
			assert.equal(line.level, "warning");
			assert.match(String(line.reason), reason);
			assert.ok(String(line.reason).includes(local(hopPort)));
			if (status === 504) return assertLines(1);
			// a repetition is not logged again, whatever is relayed
			const again = await lineAbout(() =>
				relay(port, [local(hopPort)], "inventory", { command: "x" }),
			);
			assert.equal(again.status, status);
			assert.equal(again.level, "info");
			await assertLines(2);
		});

	it("refused: not one of proxy-destinations", async (t) => {
		const { port, lineAbout } = await startLogging(t, [
			"--proxy-destinations=192.0.2.1",
		]);
		const line = await lineAbout(() =>
			relay(port, ["127.0.0.1:1"], "monitor", { plugin_name: "x" }),
		);
		assert.equal(line.status, 403);
		assert.equal(
			line.reason,
			"proxy_hostport[0]: not one of proxy-destinations: 127.0.0.1:1",
		);
	});
});

const key = "Xapikey7f3a9";

/** Everything that a client can do with an API key, each on its own connection. */
async function sendKeyEverywhere(t: TestContext, port: number, behind: number) {
	const raw = (bytes: string) => sendBytes(t, { port }, bytes);
	const check = { plugin_name: "check_exit", plugin_option: "0" };
	const paths = [
		...["/proxy", "/monitor", "/inventory", "/metric", "/metric/append"],
		...["/metric/lease", "/metric/ack", "/metric/peek"],
		"/metric/config/update",
	];
	for (const path of paths) {
		const bodies = [
			{ apikey: key, ...check },
			{ apikey: key, command: "true", command_option: "" },
			{ apikey: key, metric_data: [{ hostname: 5 }] },
			{ apikey: key, config: { Metrics: [{ Hostname: 1 }] } },
			{ APIKEY: [key] },
			{ apikey: { [key]: key }, ...check },
			{ apikey: [key], ...check },
			{ apikey: `${key}\0`, ...check },
			[key],
			key,
		].map((body) => JSON.stringify(body));
		for (const body of [
			...bodies,
			`{"apikey":"${key}"`,
			`{"apikey":${key}}`,
			`${key}`,
			`{"apikey":"${key}\u0001"}`,
		])
			await send({ port, method: "POST", path, body });
		await send({
			port,
			method: "POST",
			path: `${path}?apikey=${key}`,
			headers: { authorization: `Bearer ${key}`, "x-api-key": key },
			body: bodies[0] ?? "",
		});
		await send({ port, path: `${path}?apikey=${key}` });
		await send({
			...{ port, localAddress: "127.0.0.2", method: "POST" },
			...{ path: `${path}?apikey=${key}`, body: bodies[0] ?? "" },
		});
	}
	for (const line of [
		`GET /none?apikey=${key}`,
		`GET /none/%zz?apikey=${key}`,
		`GET /status?apikey=${key}%zz`,
		`GET https://agent/status?apikey=${key}`,
		`GET https://agent?apikey=${key}`,
		`GET /status#apikey=${key}`,
		`GET ?apikey=${key}`,
		`CONNECT agent:443?apikey=${key}`,
		`OPTIONS *?apikey=${key}`,
		`NONSENSE /?apikey=${key}`,
		`GET /?apikey=${key} ${key} HTTP/1.1`,
	])
		await raw(requestText(line));
	for (const header of [
		`X-Api-Key ${key}`,
		`X-Api-Key: ${key}\u0001`,
		`X-Api-Key: ${key.repeat(2_000)}`,
		`Content-Length: ${key}`,
		`Transfer-Encoding: ${key}`,
		`Expect: ${key}`,
		`Content-Type: ${key}`,
	])
		await raw(requestText("POST /monitor", '{"x":1}', [header]));
	await raw(`${key}\r\n\r\n`);
	// relayed: correctly, with a broken inner request, to a dead hop, and refused
	const inside = { apikey: key, ...check };
	const hop = local(behind);
	await relay(port, [hop], "monitor", inside);
	await relay(port, [hop, hop], "monitor", inside);
	await relay(port, [hop], "monitor", { apikey: [key], ...check });
	await relay(port, [hop], `get/status?apikey=${key}`);
	await relay(port, ["127.0.0.1:1"], "monitor", inside);
	await relay(port, ["192.0.2.1"], "monitor", inside);
	for (const request_json of [`{"apikey":"${key}`, `${key}!`, [key], key])
		await post(port, "/proxy", {
			...{ apikey: key, proxy_hostport: [hop], request_type: "monitor" },
			request_json,
		});
	await send({
		...{ port, method: "POST", path: `/proxy?apikey=${key}` },
		body: relayBody([hop], "monitor", inside),
	});
}

for (const format of ["text", "json"] as const)
	test(`the API key is never in the log, at any level (${format})`, async (t) => {
		const flags = ["--log-level=debug", `--log-format=${format}`];
		const behind = await startWithPlugins(t, flags);
		const daemon = await startWithPlugins(t, [
			...flags,
			"--proxy-destinations=127.0.0.0/8",
		]);
		await sendKeyEverywhere(t, daemon.port, behind.port);
		for (const { stop, stdout, stderr } of [daemon, behind]) {
			assert.equal((await stop()).code, 0);
			assert.match(stdout(), /Access.*runCheck/);
			const leaks = (stdout() + stderr())
				.split("\n")
				.filter((line) => line.toLowerCase().includes(key.toLowerCase()));
			assert.deepEqual(leaks, []);
		}
	});

const secret = "Xoption51c0";

/** Everything that a client can do with a secret option. */
async function sendOptionEverywhere(port: number, behind: number) {
	const check = (plugin_name: string, plugin_option: unknown) =>
		post(port, "/monitor", { plugin_name, plugin_option });
	const run = (command: unknown, command_option?: unknown) =>
		post(port, "/inventory", { command, command_option });
	await check("check_exit", `0 ${secret}`);
	await check("check_exit", `2 ${secret}`);
	await check("check_exit", `0; echo '${secret}' >&2`);
	await check("check_exit", `0 '${secret}`);
	await check("check_sleep", `30 ${secret}`);
	await check("check_none", secret);
	await check("check_nonexec", secret);
	await check("../check_exit", secret);
	await check("check_exit", secret.repeat(30_000));
	await check("check_exit", `; ${secret.repeat(30_000)}`);
	await check("check_exit", `${secret}\0`);
	for (const wrong of [[secret], { [secret]: secret }, [[secret]]])
		await check("check_exit", wrong);
	await post(port, "/monitor", { plugin_name: [secret] });
	await run("echo", secret);
	await run(`echo ${secret}`);
	await run(`exit 3; ${secret}`);
	await run(`sleep 30; echo ${secret}`);
	await run("echo", secret.repeat(30_000));
	await run("echo", `${secret}\0`);
	await run("echo", [secret]);
	await run([secret], "");
	await run({ [secret]: secret });
	const inside = { plugin_name: "check_exit", plugin_option: secret };
	const hop = local(behind);
	await relay(port, [hop], "monitor", inside);
	await relay(port, [hop], "inventory", {
		command: "echo",
		command_option: secret,
	});
	await relay(port, ["127.0.0.1:1"], "monitor", inside);
	const left = new AbortController();
	const gone = send({
		...{ port, method: "POST", path: "/monitor", signal: left.signal },
		body: JSON.stringify({
			plugin_name: "check_sleep",
			plugin_option: `30.77009 ${secret}`,
		}),
	}).catch(() => {});
	await eventually(
		"it sleeps",
		async () => (await processesWith("sleep\x0030.77009")).length > 0,
	);
	left.abort();
	await gone;
	for (const Plugin_Option of [`1 ${secret}`, [secret], `${secret}\0`])
		await post(port, "/metric/config/update", {
			config: {
				Metrics: [
					{
						Hostname: "web01",
						Plugins: ["metrics_fail", "metrics_none", "metrics_bad"].map(
							(Plugin_Name) => ({ Plugin_Name, Plugin_Option }),
						),
					},
				],
			},
		});
}

for (const shell of ["--shell", "--no-shell"])
	test(`options are only in the debug log (${shell})`, async (t) => {
		const flags = [
			...["--log-level=debug", "--log-format=json", "--command-timeout=1"],
			...["--collection-interval-seconds=1", "--inventory-commands=echo"],
			...["--sensu-plugin-paths", join(fixtures, "sensu"), shell],
		];
		const behind = await startWithPlugins(t, flags);
		const daemon = await startWithPlugins(t, flags);
		await sendOptionEverywhere(daemon.port, behind.port);
		// a pass with the options in metrics.yaml
		await eventually("a pass", async () => {
			const { json } = await send({ port: daemon.port, path: "/status" });
			const { collection } = json as {
				collection: { last_pass: { plugins: unknown[] } | null };
			};
			return collection.last_pass?.plugins.length === 3;
		});
		for (const each of [daemon, behind]) {
			assert.equal((await each.stop()).code, 0);
			assert.equal(each.stderr(), "");
			const told = each
				.stdout()
				.split("\n")
				.filter((line) => line.includes(secret));
			assert.deepEqual(
				told.filter((line) => !line.includes('"level":"debug"')),
				[],
			);
			assert.ok(told.some((line) => line.includes('"message":"Options"')));
		}
	});

test("a long option is a whole line", async (t) => {
	const { port, stop, stdout } = await startWithPlugins(t, [
		...["--log-level=debug", "--log-format=json"],
	]);
	// the system allows 128 KiB for one argument, 2 MiB for all
	const plugin_option = "x ".repeat(150_000);
	for (let n = 0; n < 3; n++)
		await post(port, "/monitor", { plugin_name: "check_exit", plugin_option });
	await stop();
	for (const line of stdout().trimEnd().split("\n"))
		assert.doesNotThrow(() => JSON.parse(line), `${line.length} characters`);
});

test("a password in front of an inventory command does not count as its name", async (t) => {
	const { port, lineAbout } = await startLogging(t);
	for (const command of [
		`MYSQL_PWD=${secret} true`,
		`true;echo\${IFS}${secret}`,
		`{echo,${secret}}`,
	]) {
		const line = await lineAbout(() => post(port, "/inventory", { command }));
		assert.doesNotMatch(JSON.stringify(line), new RegExp(secret), command);
	}
});

for (const format of ["text", "json"] as const)
	test(`control characters in names and paths are escaped (${format})`, async (t) => {
		const { port, stdout, stop } = await startWithPlugins(t, [
			...["--log-level=debug", `--log-format=${format}`],
		]);
		const steer =
			"\n2026-11-22 09:28:20 [info] faked\r\u001b[2J\u007f\u0085\u2028";
		const { status } = await send({
			port,
			path: `/none${encodeURIComponent(steer)}`,
		});
		assert.equal(status, 404);
		await send({ port, path: `/machine-state/${encodeURIComponent(steer)}` });
		await post(port, "/monitor", {
			plugin_name: `x${steer}`,
			plugin_option: steer,
		});
		await post(port, "/monitor", {
			plugin_name: "check_exit",
			plugin_option: steer,
		});
		await post(port, "/inventory", { command: `true${steer}` });
		await relay(port, [`x${steer}`], "monitor", {});
		await post(port, "/metric/peek", { consumer: steer });
		await post(port, "/metric/append", { metric_data: [{ [steer]: 1 }] });
		await stop();
		const lines = stdout().trimEnd().split("\n");
		for (const line of lines) {
			assert.doesNotMatch(line, /[\p{Cc}\p{Zl}\p{Zp}]/u);
			if (format === "json") JSON.parse(line);
			else
				assert.match(line, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[\w+\] (?!faked)/);
		}
		assert.equal(
			lines.filter((line) => /Access.*faked/.test(line)).length >= 4,
			true,
		);
	});

test("a log file is readable by its group, and by no others", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "agent.log");
	const { port, stop } = await startToFile(t, directory, file);
	assert.equal((await send({ port })).text, "OK");
	await stop();
	assert.equal((await stat(file)).mode & 0o777, 0o640);
	assert.match(await readFile(file, "utf8"), /\[info\] Access client=127/);
});

/** An agent that logs to a file. */
async function startToFile(t: TestContext, directory: string, file: string) {
	const pair = await writeTestKeyPair(directory);
	const port = await freePort();
	const started = startProgram(
		t,
		[
			...["daemon", "-P", String(port), "--listen-address", "127.0.0.1"],
			...[
				"-l",
				file,
				"--log-level",
				"info",
				"-B",
				pair["public-key"],
				"-R",
				pair["private-key"],
			],
		],
		{ directory },
	);
	await eventually("it listens", async () =>
		(await readFile(file, "utf8").catch(() => "")).includes("listening on"),
	);
	return {
		port,
		stop: () => {
			started.process.kill("SIGTERM");
			return started.exited;
		},
	};
}

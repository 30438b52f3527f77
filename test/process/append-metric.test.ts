import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { assertRefused, run } from "../support/command-line.ts";
import { type StartOptions, startDaemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { post } from "../support/https.ts";
import { answering, createPair, json, listening } from "../support/next-hop.ts";
import { plainServer } from "../support/stub-servers.ts";
import { temporaryDirectory } from "../support/temporary.ts";

interface Sample {
	hostname: string;
	timestamp: number;
	metrics: Record<string, number>;
}

/** Runs the command with an agent at this port. */
const append = (
	t: TestContext,
	port: number,
	args: readonly string[],
	options: StartOptions & { milliseconds?: number } = {},
) =>
	run(
		t,
		["append_metric", "-b", `https://127.0.0.1:${port}`, ...args],
		options,
	);

/** Samples of an agent, batch by batch. */
async function* drained(port: number) {
	for (;;) {
		const { json } = await post(port, "/metric", {});
		const { metric_data } = json as { metric_data: Sample[] | null };
		if (!metric_data) return;
		yield* metric_data;
	}
}

async function drainAll(port: number) {
	const all: Sample[] = [];
	for await (const sample of drained(port)) all.push(sample);
	return all;
}

const some =
	"a.b\t1.5\t1444028730\nfree text of five words\nc d\t-2\t1444028731\n";
const samplesOf = (hostname: string) => [
	{ hostname, timestamp: 1_444_028_730, metrics: { "a.b": 1.5 } },
	{ hostname, timestamp: 1_444_028_731, metrics: { "c d": -2 } },
];

test("a real agent stores lines from standard input and a file, with settings from variables", async (t) => {
	const { port } = await startDaemon(t);
	const directory = await temporaryDirectory(t);
	const file = join(directory, "figures");
	await writeFile(file, some);
	const endpoint = `https://127.0.0.1:${port}`;
	for (const exited of [
		await append(t, port, ["-H", "h1"], { stdin: some }),
		await append(t, port, ["--hostname=h2", "--datafile", file]),
		await run(t, ["append_metric"], {
			environment: {
				HAPPO_AGENT_HOSTNAME: "h3",
				HAPPO_AGENT_BASTION_ENDPOINT: `${endpoint}/`,
				HAPPO_AGENT_DATAFILE: file,
				HAPPO_AGENT_API_KEY: "K",
				// not for agents
				https_proxy: "http://127.0.0.1:1",
			},
		}),
		// the last line has no line end, the others have two characters
		await append(t, port, [], {
			stdin: "a.b 1.5 1444028730\r\n\r\nc d\t-2\t1444028731",
		}),
	]) {
		assert.equal(exited.stderr, "");
		assert.equal(exited.stdout, "Success.\n");
		assert.equal(exited.code, 0);
	}
	assert.deepEqual(
		await drainAll(port),
		["h1", "h2", "h3", ""].flatMap(samplesOf),
	);
});

test("every value keeps its timestamp, oldest first; the last line of a name and timestamp wins", async (t) => {
	const { port } = await startDaemon(t);
	const stdin =
		"a 1 160\nb 2 100\n# c 9 9\na 3 100\nb 4 160\nb 5 160\n__proto__ 6 1\n";
	assert.equal((await append(t, port, ["-H", "h"], { stdin })).code, 0);
	const all = await drainAll(port);
	assert.deepEqual(
		all.map(({ timestamp, metrics }) => [timestamp, Object.entries(metrics)]),
		[
			[1, [["__proto__", 6]]],
			[
				100,
				[
					["b", 2],
					["a", 3],
				],
			],
			[
				160,
				[
					["a", 1],
					["b", 5],
				],
			],
		],
	);
});

test("to http:// it posts, and warns that nothing is encrypted", async (t) => {
	const server = await plainServer(t, (response) => {
		response.end(server.arrived.length > 1 ? "ok" : "");
	});
	const endpoint = `http://127.0.0.1:${server.port}`;
	const { code, stdout, stderr } = await run(
		t,
		["append_metric", "-H", "h", "-b", endpoint, "-a", "KEY"],
		{ stdin: "a 1 5\n", environment: { http_proxy: "http://127.0.0.1:1" } },
	);
	assert.deepEqual([code, stdout], [0, "Success.\n"]);
	assert.match(
		stderr,
		/^happo-agent: http:\S+: not encrypted: metrics and API key can be read on the way; [^\n]*\n$/,
	);
	const [{ method, path, body } = assert.fail("nothing arrived")] =
		server.arrived;
	assert.deepEqual([method, path], ["POST", "/metric/append"]);
	assert.deepEqual(JSON.parse(body.toString("utf8")), {
		apikey: "KEY",
		metric_data: [{ hostname: "h", timestamp: 5, metrics: { a: 1 } }],
	});
	const gone = `http://127.0.0.1:${await freePort()}`;
	assertRefused(
		await run(t, ["append_metric", "-b", gone], { stdin: "a 1 5\n" }),
		1,
		/not encrypted/,
		/connection refused/,
		/nothing was stored/,
	);
});

test("without a line it sends an empty sample, like v1", async (t) => {
	const server = await answering(t, (response) => json(response, {}));
	for (const stdin of ["", "\n\n", "\r\n"]) {
		const { code, stdout } = await append(t, server.port, ["-H", "h"], {
			stdin,
		});
		assert.deepEqual([code, stdout], [0, "Success.\n"]);
	}
	for (const { path, body } of server.arrived) {
		assert.equal(path, "/metric/append");
		assert.equal(
			body.toString("utf8"),
			'{"apikey":"","metric_data":[{"hostname":"h","timestamp":0,"metrics":{}}]}',
		);
	}
	assert.equal(server.arrived.length, 3);
});

test("lines without a value are an error, and nothing is sent", async (t) => {
	const server = await answering(t, (response) => json(response, {}));
	assertRefused(
		await append(t, server.port, [], {
			stdin: "there is no command\n\nsorry\n",
		}),
		1,
		/standard input: no metric \(NAME VALUE TIMESTAMP\) in 2 lines, nothing was sent/,
	);
	assert.equal(server.arrived.length, 0);
});

test("bad lines are reported, the good ones are stored", async (t) => {
	const { port } = await startDaemon(t);
	const lines = [
		...["good\t1\t5", "x\ty\t5", "x\tNaN\t5", "x\tInf\t5", "x\t1e400\t5"],
		...["x\t1\t5.5", "\t1\t5", "x\t\u001b[31m\t5", "n\0l\t1\t5", "free text"],
		...[`${"long".repeat(30_000)}\t1\t5`, "also\t2\t6"],
		`ms\t1\t${Date.now()}`,
	];
	const exited = await append(t, port, ["-H", "h"], {
		stdin: lines.join("\n"),
	});
	assertRefused(
		exited,
		1,
		/standard input, line 2: the value is not a number: x\\x09y\\x095$/,
		/line 3: the value is NaN: /,
		/line 4: the value is infinite: /,
		/line 5: the value is out of range: /,
		/line 6: the timestamp is not a whole number of seconds: /,
		/line 7: the name is empty: /,
		/line 8: the value is not a number: x\\x09\\x1b\[31m\\x095$/,
		/line 9: the line has a NUL character: n\\x00l/,
		/line 11: the line is longer than 65536 characters: (long){25}\.\.\.$/,
		/line 13: the timestamp is in milliseconds, not in seconds: ms\\x091/,
		/10 bad lines skipped, 2 metrics stored$/,
	);
	assert.deepEqual(await drainAll(port), [
		{ hostname: "h", timestamp: 5, metrics: { good: 1 } },
		{ hostname: "h", timestamp: 6, metrics: { also: 2 } },
	]);
});

test("at most a hundred bad lines are reported", async (t) => {
	const { code, stderr } = await run(t, ["append_metric", "-n"], {
		stdin: `${"x\ty\t5\n".repeat(5000)}ok 1 1\n`,
	});
	assert.equal(code, 1);
	const lines = stderr.trimEnd().split("\n");
	assert.equal(lines.length, 102);
	assert.equal(lines[100], "happo-agent: standard input: 4900 more bad lines");
	assert.equal(
		lines[101],
		"happo-agent: 5000 bad lines skipped, 1 metric would be sent",
	);
});

test("a file that cannot be read is an error", async (t) => {
	const directory = await temporaryDirectory(t);
	await mkdir(join(directory, "folder"));
	for (const more of [[], ["-n"]]) {
		assertRefused(
			await run(t, ["append_metric", "--datafile", "none", ...more], {
				directory,
			}),
			1,
			/happo-agent: none: no such file or directory/,
		);
		const { code, stderr } = await run(
			t,
			["append_metric", "--datafile", "folder", ...more],
			{ directory },
		);
		assert.equal(code, 1);
		assert.match(stderr, /^happo-agent: folder: is a directory\n/);
	}
});

test("--dry-run prints a line for each request, like v1", async (t) => {
	const dry = (stdin: string, ...args: string[]) =>
		run(t, ["append_metric", "-n", ...args], { stdin });
	for (const [stdin, printed] of [
		[
			"a.b\t1.5\t1444028730\nc\t1e21\t1444028735\nd\t2\t5\n",
			"[{h1 5 map[d:2]} {h1 1444028730 map[a.b:1.5]} {h1 1444028735 map[c:1e+21]}]\n",
		],
		[
			"z 999999 1\na 1000000 1\nm 0.0001 1\nk 0.00001234 1\n",
			"[{h1 1 map[a:1e+06 k:1.234e-05 m:0.0001 z:999999]}]\n",
		],
		["x -1 -5\n", "[{h1 -5 map[x:-1]}]\n"],
		["", "[{h1 0 map[]}]\n"],
	] as const) {
		const { code, stdout, stderr } = await dry(stdin, "-H", "h1");
		assert.deepEqual([code, stdout, stderr], [0, printed, ""]);
	}
	const many = Array.from({ length: 12_000 }, (_, n) => `m${n} 1 7`);
	const { stdout } = await dry(many.join("\n"));
	assert.deepEqual(
		stdout.split("\n").map((line) => line.split(":").length - 1),
		[5000, 5000, 2000, 0],
	);
});

test("an agent that refuses this address: 403", async (t) => {
	const { port } = await startDaemon(t);
	const foreign = await listening(t, (socket) => {
		const to = connect({ port, host: "127.0.0.1", localAddress: "127.0.0.9" });
		to.on("error", () => socket.destroy());
		socket.pipe(to).pipe(socket);
	});
	assertRefused(
		await append(t, foreign.port, ["-H", "h"], { stdin: some }),
		1,
		/https:\/\/127\.0\.0\.1:\d+: answered 403 Forbidden: Access Denied$/,
		/nothing was stored$/,
	);
	assert.deepEqual(await drainAll(port), []);
});

test("an agent whose store cannot be used: 503", async (t) => {
	const directory = await temporaryDirectory(t);
	await writeFile(join(directory, "file"), "");
	const { port } = await startDaemon(t, [
		"--dbfile",
		join(directory, "file/db"),
	]);
	assertRefused(
		await append(t, port, ["-H", "h"], { stdin: some }),
		1,
		/answered 503 Service Unavailable: the store cannot be used: /,
		/nothing was stored$/,
	);
});

test("an agent with a smaller body limit: 413", async (t) => {
	const { port } = await startDaemon(t, ["--max-body-bytes", "1024"]);
	const stdin = Array.from({ length: 100 }, (_, n) => `figure.${n} 1 7`);
	assertRefused(
		await append(t, port, ["-H", "h"], { stdin: stdin.join("\n") }),
		1,
		/answered 413 Payload Too Large: .*max-body-bytes/,
		/nothing was stored$/,
	);
});

test("no answer gives exit status 1 and the reason", async (t) => {
	const silent = await listening(t, () => {});
	const closing = await listening(t, (socket) => socket.end());
	const redirecting = await answering(t, (response) => {
		response.writeHead(302, { Location: "/followed" });
		response.end();
	});
	const hanging = await answering(t, () => {});
	const cases: [number, RegExp, RegExp][] = [
		[
			await freePort(),
			/127\.0\.0\.1:\d+: connection refused$/,
			/nothing was stored$/,
		],
		[
			silent.port,
			/127\.0\.0\.1:\d+: no answer within 1 seconds$/,
			/nothing was stored$/,
		],
		[closing.port, /127\.0\.0\.1:\d+: /, /nothing was stored$/],
		[redirecting.port, /answered 302 Found$/, /nothing was stored$/],
		[
			hanging.port,
			/no answer within 1 seconds$/,
			/nothing was stored; lines 1 to 3 may or may not be stored$/,
		],
	];
	for (const [port, reason, progress] of cases)
		assertRefused(
			await append(t, port, ["--timeout-seconds", "1"], { stdin: some }),
			1,
			reason,
			progress,
		);
	assert.equal(redirecting.arrived.length, 1);
	assertRefused(
		await run(t, ["append_metric", "-b", "https://no.such.host.invalid:1"], {
			stdin: some,
		}),
		1,
		/no\.such\.host\.invalid:1: /,
		/nothing was stored$/,
	);
});

test("the agent's certificate is verified if a CA is given", async (t) => {
	const directory = await temporaryDirectory(t);
	const daemon = await startDaemon(t, [], { directory });
	const other = join(directory, "other.pem");
	await writeFile(other, createPair().certificate);
	const ca = join(directory, "agent.pub");
	assertRefused(
		await append(t, daemon.port, ["--ca-file", other], { stdin: some }),
		1,
		/127\.0\.0\.1:\d+: certificate is self-signed/,
		/nothing was stored$/,
	);
	assertRefused(
		await append(t, daemon.port, ["--ca-file", "none"], { stdin: some }),
		1,
		/--ca-file none: no such file or directory$/,
	);
	for (const options of [
		{ stdin: some, args: ["--ca-file", ca] },
		{ stdin: some, args: [], environment: { HAPPO_AGENT_CA_FILE: ca } },
	]) {
		const { code, stderr } = await append(
			t,
			daemon.port,
			options.args,
			options,
		);
		assert.deepEqual([code, stderr], [0, ""]);
	}
});

test("the certificate of another host is refused", async (t) => {
	const pair = createPair(["web.example.net"]);
	const server = await answering(t, (response) => json(response, {}), {
		cert: pair.certificate,
		key: pair.privateKey,
	});
	const ca = join(await temporaryDirectory(t), "ca.pem");
	await writeFile(ca, pair.certificate);
	assertRefused(
		await append(t, server.port, ["--ca-file", ca], { stdin: some }),
		1,
		/127\.0\.0\.1/,
		/nothing was stored$/,
	);
	assert.equal(server.arrived.length, 0);
});

test("if a later request fails, the stored lines are reported", async (t) => {
	let answers = 0;
	const server = await answering(t, (response) => {
		answers++;
		if (answers < 3) json(response, { status: "ok", message: "" });
		else json(response, { title: "x", status: 503, detail: "full" }, 503);
	});
	const stdin = Array.from({ length: 20_000 }, (_, n) => `m${n} ${n} 7\n`);
	stdin.splice(100, 0, "free text\n");
	assertRefused(
		await append(t, server.port, [], { stdin: stdin.join("") }),
		1,
		/answered 503 Service Unavailable: full$/,
		/stored before: 10000 metrics, lines 1 to 10001$/,
	);
	assert.equal(server.arrived.length, 3);
	// the lines reported as not stored have to be sent again
	const { body } = server.arrived[2] ?? assert.fail();
	const [sample] = JSON.parse(body.toString("utf8")).metric_data;
	assert.equal(Object.keys(sample.metrics)[0], "m10000");
});

import assert from "node:assert/strict";
import { execFile, spawn, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { rm, symlink, writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { promisify } from "node:util";
import { version } from "../../generated/version.ts";
import {
	answeringRaw,
	type Checked,
	checkAt,
	checkHappo,
	checkHappoCommand,
	checkHappoLine,
	checkHappoProgram,
	isThroughBroker,
} from "../support/check-happo.ts";
import { startWithPlugins } from "../support/command-line.ts";
import { freePort } from "../support/free-port.ts";
import { answering, createPair, json, listening } from "../support/next-hop.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const hasIpv6 = Object.values(networkInterfaces())
	.flat()
	.some((found) => found?.address === "::1");

const printed = (stdout: string, status: number): Checked => ({
	stdout,
	stderr: "",
	status,
});

/** Standard output has one line with this prefix and a reason; standard error is empty. */
function assertError(
	{ stdout, stderr, status }: Checked,
	prefix: "ERROR(happo-agent)" | "ERROR(check_happo)",
	reason: RegExp,
) {
	assert.ok(stdout.startsWith(`${prefix}: `), stdout);
	assert.match(stdout, /^[^\n]+\n$/);
	assert.match(stdout.slice(prefix.length + 2, -1), reason);
	assert.equal(stderr, "");
	assert.equal(status, 2);
}

/** A server that answers every request with these bytes and then closes the connection. */
const saying = (t: TestContext, ...parts: string[]) =>
	answeringRaw(t, async (socket) => {
		for (const part of parts) socket.write(part, "latin1");
		socket.end();
	});

const ok = (body: string, ...headers: string[]) =>
	["HTTP/1.1 200 OK", ...headers, "", body].join("\r\n");
const sized = (body: string) => ok(body, `Content-Length: ${body.length}`);
const result = (value: unknown, message: unknown = "x\n") =>
	JSON.stringify({ return_value: value, message });

/** A broker sends requests of its own, whose answers Node parses. */
const throughBroker = isThroughBroker();

/** A test of what the client for Node.js sends; not run, and not skipped, with a broker. */
const itSends = throughBroker ? () => {} : it;

describe("the request", () => {
	itSends("is what check_happo 0.9.5 sends, byte for byte", async (t) => {
		const server = await saying(t, sized(result(0)));
		const option = `-w 5 -c "<ü>" 'a&b'`;
		assert.deepEqual(
			await checkHappo(
				...["monitor", "--host", "127.0.0.1", "--port", `${server.port}`],
				...["--plugin_name", "check_x", "--plugin_option", option],
			),
			printed("x\n", 0),
		);
		const body = String.raw`{"apikey":"","plugin_name":"check_x","plugin_option":"-w 5 -c \"\u003cü\u003e\" 'a\u0026b'"}`;
		assert.equal(
			Buffer.from(server.received(), "latin1").toString("utf8"),
			[
				"POST /monitor HTTP/1.1",
				`Host: 127.0.0.1:${server.port}`,
				"Content-Type: application/json",
				`Content-Length: ${Buffer.byteLength(body)}`,
				"Connection: close",
				"",
				body,
			].join("\r\n"),
		);
	});

	itSends(
		"goes to the first proxy, with a list of the other proxies and the host",
		async (t) => {
			const first = await saying(t, sized(result(1, "through\n")));
			assert.deepEqual(
				await checkHappo(
					...["monitor", "-H", "Web01.example", "-P", "7000"],
					...["-X", `127.0.0.1:${first.port}`, "-X", "192.0.2.1"],
					...["--proxy=[2001:DB8::1]:70", "-p", "check_x"],
				),
				printed("through\n", 1),
			);
			const check = '{"apikey":"","plugin_name":"check_x","plugin_option":""}';
			const body = `{"proxy_hostport":["192.0.2.1:6777","[2001:db8::1]:70","Web01.example:7000"],"request_type":"monitor","request_json":"${Buffer.from(check).toString("base64")}"}`;
			assert.equal(
				first.received(),
				[
					"POST /proxy HTTP/1.1",
					`Host: 127.0.0.1:${first.port}`,
					"Content-Type: application/json",
					`Content-Length: ${body.length}`,
					"Connection: close",
					"",
					body,
				].join("\r\n"),
			);
		},
	);

	it("is printed to standard error by -v; standard output stays the same", async (t) => {
		const server = await saying(t, sized(result(2)));
		const { stdout, stderr, status } = await checkAt(server.port, "-v");
		assert.deepEqual([stdout, status], ["x\n", 2]);
		assert.match(
			stderr,
			/^connecting to 127\.0\.0\.1:\d+\nconnected: TLSv1\.3/,
		);
		assert.match(stderr, /\nPOST \/monitor HTTP\/1\.1\n(.+\n)+\n\{"apikey":/);
		assert.match(stderr, /\nanswer: 200, \d+ bytes of body\n$/);
	});

	it("-v counts the bytes of every body", async (t) => {
		for (const [status, sent, said] of [
			["200 OK", result(0), `${result(0).length} bytes of body`],
			["500 Oops", result(3), `${result(3).length} bytes of body`],
			["204 No Content", "", "0 bytes of body"],
		] as const) {
			const head = `HTTP/1.1 ${status}\r\nContent-Length: ${sent.length}\r\n\r\n`;
			const server = await saying(t, head, sent);
			const { stderr } = await checkAt(server.port, "-v");
			const last = stderr.trimEnd().split("\n").at(-1);
			assert.equal(last, `answer: ${status.slice(0, 3)}, ${said}`);
		}
		const short = await saying(
			t,
			"HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\nhalf",
		);
		const { stderr } = await checkAt(short.port, "-v");
		assert.match(stderr, /\nanswer: 500, 4 bytes of body, cut off\n$/);
	});
});

describe("the answer", () => {
	for (const [value, status] of [
		...[0, 1, 2, 3, 4, 127, 255].map((n) => [n, n] as const),
		...([
			[-1, 255],
			[256, 3],
			[-256, 3],
			[300, 44],
			[1e15, 3],
		] as const),
	])
		it(`return_value ${value}: exit status ${status}`, async (t) => {
			const server = await saying(t, sized(result(value, "no end of line")));
			assert.deepEqual(
				await checkAt(server.port),
				printed("no end of line", status),
			);
		});

	for (const [what, ...parts] of [
		["of a Go agent", sized(result(1, "W"))],
		[
			"in chunks",
			ok("", "Transfer-Encoding: chunked"),
			`3;a=b\r\n{"r\r\n`,
			`1E\r\neturn_value":1,"message":"W"}\n\r\n`,
			"0\r\nTrailer: x\r\n\r\n",
		],
		["that ends with the connection", ok(result(1, "W"))],
		[
			"after others",
			"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n",
			sized(result(1, "W")),
		],
		[
			"of HTTP/1.0",
			`HTTP/1.0 200\r\nContent-Length: ${result(1, "W").length}\r\n\r\n${result(1, "W")}`,
		],
		...(throughBroker
			? []
			: ([["with bytes behind it", `${sized(result(1, "W"))}more`]] as const)),
	] as const)
		it(`${what} is read`, async (t) => {
			const server = await saying(t, ...parts);
			assert.deepEqual(await checkAt(server.port), printed("W", 1));
		});

	for (const [value, message, isMissing] of [
		[127, "stdout=, stderr=/bin/sh: 1: x: not found\n", true],
		[
			127,
			"stdout=, stderr=/bin/sh: line 1: /p/x: No such file or directory\n",
			true,
		],
		[127, "stdout=, stderr=sh: x: not found\n", true],
		[126, "stdout=, stderr=/bin/sh: 1: /p/x: Permission denied\n", true],
		// of a plugin's own script, of another program, and behind an output
		[127, "stdout=, stderr=/p/x: 1: y: not found\n", false],
		[127, "stdout=, stderr=/bin/sh: 1: y: not found\n", false],
		[127, "stdout=, stderr=/bin/sh: 1: x: not found\nmore\n", false],
		[127, "OK\n, stderr=/bin/sh: 1: x: not found\n", false],
		[2, "stdout=, stderr=/bin/sh: 1: x: not found\n", false],
	] as const)
		it(`${value} with ${JSON.stringify(message)}: ${isMissing ? "the host has no such plugin" : "is the plugin's own"}`, async (t) => {
			const server = await saying(t, sized(result(value, message)));
			const checked = await checkAt(server.port);
			if (!isMissing) return assert.deepEqual(checked, printed(message, value));
			assert.equal(checked.status, 3);
			const begin = `UNKNOWN(happo-agent): 127.0.0.1:${server.port} ${value === 127 ? "has no plugin" : "cannot run the plugin"} x (`;
			assert.ok(checked.stdout.startsWith(begin), checked.stdout);
		});

	it("is used as soon as it is complete, even if the server keeps the connection", async (t) => {
		const server = await answeringRaw(t, (socket) => {
			socket.write(sized(result(0)));
		});
		assert.deepEqual(await checkAt(server.port), printed("x\n", 0));
	});

	for (const status of [
		"500 Internal Server Error",
		"403 Forbidden",
		"400",
		"404 Not Found",
		"302 Found",
		"101 Switching Protocols",
		"204 No Content",
		"503 Service Unavailable",
	])
		it(`${status}: a body without a reason is ignored`, async (t) => {
			const body = result(0, "OK");
			// a broker, which keeps the connection, reads it
			const length = throughBroker ? body.length : 1000;
			const server = await saying(
				t,
				`HTTP/1.1 ${status}\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: ${length}\r\n\r\n${body}`,
			);
			const checked = await checkAt(server.port);
			// no body belongs to these two
			if (throughBroker && /^[12]0[14]/.test(status))
				return assertError(checked, "ERROR(happo-agent)", /\S/);
			assert.deepEqual(
				checked,
				printed(
					`ERROR(happo-agent): happo-agent returns ${status.slice(0, 3)}\n`,
					2,
				),
			);
		});

	it("504 is UNKNOWN", async (t) => {
		const server = await saying(t, "HTTP/1.1 504 Gateway Timeout\r\n\r\n");
		assert.deepEqual(
			await checkAt(server.port),
			printed("UNKNOWN(happo-agent): happo-agent returns 504\n", 3),
		);
	});

	const said = (message: string) => result(3, message);
	for (const [status, body, reason] of [
		[
			500,
			said("192.0.2.1:6777: connection refused"),
			"192.0.2.1:6777: connection refused",
		],
		[500, result(2, "Exec timeout: /x/check_y"), "Exec timeout: /x/check_y"],
		[504, said("no answer within 9 seconds\n"), "no answer within 9 seconds"],
		[400, JSON.stringify({ title: "Bad Request", detail: "why" }), "why"],
		[503, said("a\r\nb\x1b[2J|c=1"), "a b [2J¦c=1"],
		[500, said("x".repeat(10_000)), "x".repeat(500)],
		[
			403,
			"Access Denied\n",
			"Access Denied: its allowed-hosts does not include this machine, or the bastion in front of it",
		],
		[500, result(0, "OK"), undefined],
		[500, "<html>no</html>", undefined],
		[502, '"text"', undefined],
		[500, said("x".repeat(100_000)), undefined],
		[500, "", undefined],
	] as const)
		it(`${status} with ${JSON.stringify(body.trim().slice(0, 60))}: ${reason === undefined ? "no reason" : "its reason is shown"}`, async (t) => {
			const server = await saying(
				t,
				`HTTP/1.1 ${status} x\r\nContent-Length: ${body.length}\r\n\r\n`,
				body,
			);
			const prefix = status === 504 ? "UNKNOWN" : "ERROR";
			const why = reason === undefined ? "" : `: ${reason}`;
			assert.deepEqual(
				await checkAt(server.port),
				printed(
					`${prefix}(happo-agent): happo-agent returns ${status}${why}\n`,
					status === 504 ? 3 : 2,
				),
			);
		});

	for (const [status, type] of [
		[403, "not-permitted"],
		[429, "rate-limited"],
	] as const)
		it(`${status}: what a policy refuses is UNKNOWN, with the reason`, async (t) => {
			const body = JSON.stringify({
				type: `urn:happo:problem:${type}`,
				title: "x",
				status,
				detail: "not permitted: why",
				return_value: 3,
				message: "not permitted: why",
			});
			const server = await saying(
				t,
				`HTTP/1.1 ${status} x\r\nContent-Length: ${body.length}\r\n\r\n`,
				body,
			);
			assert.deepEqual(
				await checkAt(server.port),
				printed(
					`UNKNOWN(happo-agent): happo-agent returns ${status}: not permitted: why\n`,
					3,
				),
			);
		});

	itSends("a refusal counts, whatever becomes of its body", async (t) => {
		const head = "HTTP/1.1 500 Oops\r\n";
		for (const rest of [
			"Content-Length: 1000\r\n\r\nhalf",
			"Content-Length: x\r\n\r\nbody",
			"Transfer-Encoding: gzip\r\n\r\nbody",
			"Transfer-Encoding: chunked\r\n\r\nno number\r\n",
			`Content-Length: 1000000\r\n\r\n${"x".repeat(1_000_000)}`,
		])
			for (const isKept of [false, true]) {
				const server = await answeringRaw(t, (socket) => {
					socket.write(head + rest);
					if (!isKept) socket.end();
				});
				assert.deepEqual(
					await checkAt(server.port, "-t", "15"),
					printed("ERROR(happo-agent): happo-agent returns 500\n", 2),
					`${rest.slice(0, 40)}, the connection is kept: ${isKept}`,
				);
			}
	});

	for (const [body, reason] of [
		["", /^the answer is not JSON/],
		["OK", /^the answer is not JSON/],
		["<html>\n\x1b[2J", /^the answer is not JSON/],
		['{"return_value":0,"message":"x"', /^the answer is not JSON/],
		['{"return_value":0,"message":"x"}{}', /^the answer is not JSON/],
		["[".repeat(100_000), /^the answer is not JSON/],
		["null", /no whole number return_value/],
		["{}", /no whole number return_value/],
		["[0]", /no whole number return_value/],
		[result("0"), /no whole number return_value/],
		[result(0.5), /no whole number return_value/],
		['{"return_value":1e30,"message":"x"}', /no whole number return_value/],
		[result(0, null), /no text message/],
		['{"return_value":0}', /no text message/],
	] as const)
		it(`200 with ${JSON.stringify(body.slice(0, 40))}`, async (t) => {
			const server = await saying(t, sized(body));
			assertError(await checkAt(server.port), "ERROR(check_happo)", reason);
		});

	for (const [what, reason, ...parts] of [
		["nothing", /: closed without an answer$/],
		[
			"half a head",
			/: closed before the answer was complete$/,
			"HTTP/1.1 200 OK\r\nConte",
		],
		[
			"half a body",
			/: closed before the answer was complete$/,
			ok(result(0), "Content-Length: 1000"),
		],
		[
			"half a chunk",
			/: closed before the answer was complete$/,
			ok("50\r\n{", "Transfer-Encoding: chunked"),
		],
		[
			"chunks without an end",
			/: closed before the answer was complete$/,
			ok("1\r\n{\r\n", "Transfer-Encoding: chunked"),
		],
		["no HTTP", /: the answer is not HTTP$/, "SSH-2.0-OpenSSH_9\r\n"],
		["HTTP/2", /: the answer is not HTTP$/, "HTTP/2 200\r\n\r\n"],
		[
			"two lengths",
			/: the answer is not HTTP$/,
			ok("x", "Content-Length: 1", "Content-Length: 2"),
		],
		[
			"gzip",
			/: the answer has an unexpected transfer coding: gzip, chunked$/,
			ok("", "Transfer-Encoding: gzip, chunked"),
		],
		[
			"endless headers",
			/: the answer has headers of over 65536 bytes$/,
			ok("", ...Array<string>(10_000).fill("X-Header: y")),
		],
	] as const)
		it(`${what} is no answer`, async (t) => {
			const server = await saying(t, ...parts);
			const checked = await checkAt(server.port);
			assertError(
				checked,
				"ERROR(happo-agent)",
				// how much of it had arrived is not told apart
				throughBroker ? /: \S/ : reason,
			);
			assert.ok(checked.stdout.includes(`: 127.0.0.1:${server.port}: `));
		});
});

describe("no answer", () => {
	const refusing = /^\S+:\d+: connection refused$/;

	it("connection refused", async () => {
		const port = await freePort();
		assertError(await checkAt(port), "ERROR(happo-agent)", refusing);
		for (const host of ["localhost", "[::1]"])
			assertError(
				await checkHappo("monitor", "-H", `${host}:${port}`, "-p", "x"),
				"ERROR(happo-agent)",
				hasIpv6 ? refusing : /./,
			);
	});

	it("unknown host name", async () =>
		assertError(
			await checkHappo("monitor", "-H", "nobody.invalid", "-p", "x"),
			"ERROR(happo-agent)",
			/^nobody\.invalid:6777: (unknown host name|the host name could not be looked up)$/,
		));

	it("connection reset", async (t) => {
		const server = await answeringRaw(t, () => server.resetAll());
		assertError(
			await checkAt(server.port),
			"ERROR(happo-agent)",
			/: the connection was reset before the answer was complete$/,
		);
	});

	it("no TLS", async (t) => {
		const server = await listening(t, (socket) => {
			socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
		});
		assertError(
			await checkAt(server.port),
			"ERROR(happo-agent)",
			/: does not speak TLS on this port$/,
		);
	});

	it("TLS before 1.2", async (t) => {
		const server = await answeringRaw(t, () => {}, {
			minVersion: "TLSv1",
			maxVersion: "TLSv1.1",
			ciphers: "DEFAULT@SECLEVEL=0",
		});
		assertError(
			await checkAt(server.port),
			"ERROR(happo-agent)",
			/: TLS: .*protocol version$/,
		);
		assert.equal(server.received(), "");
	});

	it("connection closed during the handshake", async (t) => {
		const server = await listening(t, (socket) => socket.end());
		assertError(
			await checkAt(server.port),
			"ERROR(happo-agent)",
			/^127\.0\.0\.1:\d+: \S/,
		);
	});

	for (const [what, start] of [
		["no handshake", (t: TestContext) => listening(t, () => {})],
		["no answer", (t: TestContext) => answeringRaw(t, () => {})],
		[
			"half an answer",
			(t: TestContext) =>
				answeringRaw(t, (socket) => {
					socket.write(ok("{", "Content-Length: 1000"));
				}),
		],
	] as const)
		it(`${what} within -t: the time limit covers the whole request`, async (t) => {
			const { port } = await start(t);
			const began = performance.now();
			assertError(
				await checkAt(port, "-t", "1"),
				"ERROR(happo-agent)",
				/^127\.0\.0\.1:\d+: no answer within 1 seconds$/,
			);
			const seconds = (performance.now() - began) / 1000;
			assert.ok(seconds >= 1 && seconds < 10, `${seconds} s`);
		});
});

describe("the certificate", () => {
	it("is not verified unless an option says so, as in v1", async (t) => {
		const directory = await temporaryDirectory(t);
		const file = join(directory, "ca.pem");
		const server = await saying(t, sized(result(0)));
		await writeFile(file, server.certificate);
		const { fingerprint256 } = new X509Certificate(server.certificate);
		for (const right of [
			["--ca-file", file],
			["--fingerprint", fingerprint256],
			[`--fingerprint=${fingerprint256.replaceAll(":", "").toLowerCase()}`],
		])
			assert.deepEqual(
				await checkAt(server.port, ...right),
				printed("x\n", 0),
				right.join(" "),
			);
	});

	it("if the certificate is the wrong one, no request is sent", async (t) => {
		const directory = await temporaryDirectory(t);
		const other = createPair(["elsewhere.example"]);
		const file = join(directory, "ca.pem");
		await writeFile(file, other.certificate);
		const server = await saying(t, sized(result(0)));
		assertError(
			await checkAt(server.port, "--ca-file", file),
			"ERROR(happo-agent)",
			/: certificate is self-signed and not trusted$/,
		);
		const wanted = new X509Certificate(other.certificate).fingerprint256;
		assertError(
			await checkAt(server.port, "--fingerprint", wanted),
			"ERROR(happo-agent)",
			/: certificate fingerprint is (..:){31}.., not (..:){31}..$/,
		);
		const named = await answeringRaw(t, () => {}, {
			cert: other.certificate,
			key: other.privateKey,
		});
		assertError(
			await checkAt(named.port, "--ca-file", file),
			"ERROR(happo-agent)",
			/127\.0\.0\.1/,
		);
		assert.equal(server.received() + named.received(), "");
	});

	it("an invalid CA file is an error of check_happo", async (t) => {
		const directory = await temporaryDirectory(t);
		assertError(
			await checkAt(1, "--ca-file", join(directory, "none.pem")),
			"ERROR(check_happo)",
			/^--ca-file \S+none\.pem: no such file or directory$/,
		);
		assertError(
			await checkAt(1, "--ca-file", "package.json"),
			"ERROR(check_happo)",
			/^--ca-file \S+: has no certificate in PEM form$/,
		);
	});
});

describe("the command line", () => {
	const whole = ["monitor", "-H", "127.0.0.1", "-p", "x"];
	for (const [reason, ...args] of [
		[/^a command is missing$/],
		[/^the command comes first, not -H$/, "-H", "a", "monitor"],
		[/^--host \(-H\) is missing$/, "monitor", "-p", "x"],
		[/^--host \(-H\) is empty$/, "monitor", "-H", "", "-p", "x"],
		[/^--plugin-name \(-p\) is missing$/, "monitor", "-H", "a"],
		[/^--plugin-option: needs a value$/, ...whole, "-o"],
		[
			/^--host: not a name or an address: a b$/,
			"monitor",
			"-H",
			"a b",
			"-p",
			"x",
		],
		[
			/^--host and --port: two ports: a:1 and 2$/,
			"monitor",
			"-H",
			"a:1",
			"-P",
			"2",
			"-p",
			"x",
		],
		[/^--port: not a whole number from 1 to 65535: 0$/, ...whole, "-P", "0"],
		[
			/^--proxy: not HOST, HOST:PORT or an address: -p$/,
			"monitor",
			"-H",
			"a",
			"-p",
			"x",
			"-X",
			"-p",
		],
		[
			/^--timeout: not a whole number from 0 to \d+: 1\.5$/,
			...whole,
			"-t",
			"1.5",
		],
		[/^--fingerprint: not a SHA-256/, ...whole, "--fingerprint", "AB"],
		[
			/^--ca-file and --fingerprint: only one/,
			...whole,
			"--ca-file",
			"x",
			"--fingerprint",
			"AB",
		],
		[/^no such option: --secret$/, ...whole, "--secret=word"],
		[/^unexpected argument: a b¦c=1 \(/, ...whole, "a\nb|c=1"],
		[
			/^unexpected argument: 5 \(a plugin option with blanks needs quotes\)$/,
			...whole,
			"-o",
			"-w",
			"5",
		],
		[
			/^-h: help is shown for "monitor -h" only$/,
			"monitor",
			"-h",
			"web01",
			"-p",
			"x",
		],
	] as const)
		it(`${reason.source}: exit status 3, on the first line of standard output`, async () => {
			const { stdout, stderr, status } = await checkHappo(...args);
			assert.deepEqual([stderr, status], ["", 3]);
			// monitoring systems would take the rest for performance data
			assert.doesNotMatch(stdout, /\|/);
			const [first = "", ...rest] = stdout.split("\n");
			assert.match(first.replace(/^check_happo: /, ""), reason);
			assert.match(rest.join("\n"), /^Usage: check_happo monitor -H HOST /);
		});

	it("prints help and its version, and rejects an unknown command in the recorded words", async () => {
		for (const args of [
			["-h"],
			["--help"],
			["help"],
			["help", "monitor"],
			["monitor", "-h"],
			["monitor", "--help"],
		]) {
			const { stdout, stderr, status } = await checkHappo(...args);
			assert.match(stdout, /^check_happo: .+\n\nUsage: check_happo monitor /);
			assert.deepEqual([stderr, status], ["", 0], args.join(" "));
		}
		for (const args of [["x"], ["help", "x"]])
			assert.deepEqual(
				await checkHappo(...args),
				printed(
					"check_happo: 'x' is not a check_happo command. See 'check_happo --help'.\n",
					3,
				),
			);
		for (const flag of ["-V", "--version", "-v"])
			assert.deepEqual(
				await checkHappo(flag),
				printed(`check_happo version ${version}\n`, 0),
			);
	});
});

describe("with real agents", () => {
	it("runs a check directly and through two agents", async (t) => {
		const [edge, middle, first] = await Promise.all(
			[0, 1, 2].map(() => startWithPlugins(t)),
		);
		assert.ok(edge && middle && first);
		const through = [first, middle].flatMap(({ port }) => [
			"-X",
			`127.0.0.1:${port}`,
		]);
		for (const way of [[], through]) {
			const check = (port: number, ...args: string[]) =>
				checkHappo(
					...["monitor", "-H", "127.0.0.1", "-P", String(port)],
					...way,
					...args,
				);
			for (const n of [0, 1, 2, 3, 127])
				assert.deepEqual(
					await check(edge.port, "-p", "check_exit", "-o", String(n)),
					printed(`exit ${n} says hello\n`, n),
				);
			// options after the name, as in old command definitions
			assert.deepEqual(
				await check(edge.port, "-p", " ./check_exit 2 "),
				printed("exit 2 says hello\n", 2),
			);
			assert.match(
				(await check(edge.port, "-p", "check_nothing")).stdout,
				/\(the plugin printed nothing\)/,
			);
			const large = await check(edge.port, "-p", "check_1mb");
			assert.ok(large.stdout.length >= 1_000_000);
			const dead = await freePort();
			const down = await check(dead, "-p", "check_exit");
			const reason = `127.0.0.1:${dead}: connection refused`;
			assert.deepEqual(
				down,
				printed(
					`ERROR(happo-agent): ${way.length > 0 ? "happo-agent returns 500: " : ""}${reason}\n`,
					2,
				),
			);
		}
	});

	it("runs a check on an IPv6 address", async (t) => {
		if (!hasIpv6) return t.skip("::1 is not an address of this machine");
		const { port } = await startWithPlugins(t, ["--listen-address", "::1"]);
		for (const host of [
			["::1", "-P", `${port}`],
			[`[::1]:${port}`],
			["[::1]", "-P", `${port}`],
		])
			assert.deepEqual(
				await checkHappo(
					"monitor",
					"-H",
					...host,
					"-p",
					"check_exit",
					"-o",
					"1",
				),
				printed("exit 1 says hello\n", 1),
			);
	});

	it("names the host and the plugin that it lacks or cannot run, UNKNOWN", async (t) => {
		const directory = await temporaryDirectory(t);
		await writeFile(join(directory, "check_plain"), "#!/bin/sh\n");
		await writeFile(join(directory, "check_empty"), "", { mode: 0o755 });
		const [edge, bastion] = await Promise.all([
			startWithPlugins(t, ["--nagios-plugin-paths", directory]),
			startWithPlugins(t),
		]);
		const place = `127.0.0.1:${edge.port}`;
		for (const [plugin, failure, words] of [
			["check_none", "has no plugin", "not found"],
			["sub/check_none -w 5", "has no plugin", "not found"],
			["check_plain", "cannot run the plugin", "Permission denied"],
			["check_empty", "cannot run the plugin", "the file is empty"],
		] as const)
			for (const way of [[], ["-X", `127.0.0.1:${bastion.port}`]]) {
				const [name = ""] = plugin.split(" ");
				assert.deepEqual(
					await checkHappo("monitor", "-H", place, ...way, "-p", plugin),
					printed(
						`UNKNOWN(happo-agent): ${place} ${failure} ${name} (${directory}/${name}: ${words})\n`,
						3,
					),
				);
			}
	});

	it("reports a refusal and a time limit", async (t) => {
		const { port } = await startWithPlugins(t, ["--command-timeout", "1"]);
		for (const [returned, reason, ...args] of [
			[
				400,
				/^plugin_name: has the path segment \.\.: \.\.\/check_exit$/,
				"-p",
				"../check_exit",
			],
			[
				500,
				/^Exec timeout: \/\S+\/check_sleep 9$/,
				...["-p", "check_sleep", "-o", "9"],
			],
		] as const) {
			const checked = await checkHappo(
				...["monitor", "-H", `127.0.0.1:${port}`],
				...args,
			);
			const prefix = `happo-agent returns ${returned}: `;
			assertError(checked, "ERROR(happo-agent)", new RegExp(`^${prefix}`));
			const [, said = ""] = checked.stdout.trimEnd().split(prefix);
			assert.match(said, reason);
		}
	});
});

describe("the output", () => {
	it("--perfdata-first-line: has all performance data on the first line", async (t) => {
		const message = "OK | a=1\nlong | b=2\nc=3\n";
		const { port } = await answering(t, (response) =>
			json(response, { return_value: 1, message }),
		);
		const moved = printed("OK | a=1 b=2 c=3\nlong\n", 1);
		for (const on of [
			["--perfdata-first-line"],
			["-perfdata_first_line=yes"],
			["--perfdata-first-line=no", "--perfdata-first-line", "-o", "x"],
		])
			assert.deepEqual(await checkAt(port, ...on), moved, on.join(" "));
		for (const off of [
			[],
			["--perfdata-first-line=no"],
			["--perfdata-first-line", "--no-perfdata-first-line"],
		])
			assert.deepEqual(await checkAt(port, ...off), printed(message, 1));
	});

	const message = "0123456789abcde\n".repeat(300_000);
	const { line, env } = checkHappoLine();
	const large = (t: TestContext) =>
		answering(t, (response) => json(response, { return_value: 1, message }));

	it("is complete even if it is read slowly", async (t) => {
		const { port } = await large(t);
		const run = promisify(execFile);
		const args = `monitor -H 127.0.0.1 -P ${port} -p x`;
		const { stdout } = await run(
			"bash",
			[
				"-c",
				`("$@" ${args}; echo "status $?" >&2) | (sleep 0.5; md5sum; wc -c)`,
				"bash",
				...line,
			],
			{ env },
		);
		const { stdout: sum } = spawnSync("md5sum", {
			input: message,
			encoding: "utf8",
		});
		assert.equal(stdout.split("\n", 1)[0], sum.trim());
	});

	it("is complete in a non-blocking pipe", async (t) => {
		const { port } = await large(t);
		// a Node parent gives its children sockets as pipes; perl gives real pipes
		const script = `use Fcntl; pipe(R, W); fcntl(W, F_SETFL, O_NONBLOCK|O_WRONLY);
if (!fork) { open(STDOUT, ">&", \\*W); close(R); close(W); exec(@ARGV) }
close(W); select(undef, undef, undef, 0.5); while (<R>) { print } wait; print "status ", $? >> 8, "\\n"`;
		const { stdout } = await promisify(execFile)(
			"perl",
			["-e", script, ...line, "monitor", "-H", `127.0.0.1:${port}`, "-p", "x"],
			{ maxBuffer: 1 << 26, env },
		);
		assert.ok(stdout === `${message}status 1\n`, stdout.slice(-100));
	});

	it("does not change the exit status if nobody reads it", async (t) => {
		const { port } = await large(t);
		const args = ["monitor", "-H", `127.0.0.1:${port}`, "-p", "x"];
		const [file, ...first] = line;
		const child = spawn(file, [...first, ...args], {
			env,
			stdio: ["ignore", "pipe", "inherit"],
		});
		child.stdout.destroy();
		assert.deepEqual(await once(child, "exit"), [1, null]);
	});
});

it("check_happo starts through a symbolic link, as in an installed package", async (t) => {
	const directory = await temporaryDirectory(t);
	const link = join(directory, "check_happo");
	for (const program of [checkHappoProgram, checkHappoCommand]) {
		await symlink(program, link);
		const { stdout } = await promisify(execFile)(link, ["--help"]);
		assert.match(stdout, /^check_happo: /);
		await rm(link);
	}
});

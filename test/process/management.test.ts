import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { assertRefused, run } from "../support/command-line.ts";
import { freePort } from "../support/free-port.ts";
import { answering, createPair, json, listening } from "../support/next-hop.ts";
import { forwardProxy, plainServer } from "../support/stub-servers.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const commands = ["add", "is_added", "remove"] as const;
const host = ["-g", "GRP!SUB", "-i", "10.0.0.5"];
const at = (port: number) => `http://127.0.0.1:${port}`;

/** What a command prints for an answer, on which stream, and its exit status. */
const verdicts: Record<
	(typeof commands)[number],
	Record<number, ["stdout" | "stderr", string, number]>
> = {
	add: {
		200: ["stdout", "Success.\n", 0],
		302: ["stderr", "Conflict!\n", 1],
	},
	is_added: {
		302: ["stdout", "Found.\n", 0],
		404: ["stderr", "Not found.\n", 1],
	},
	remove: { 200: ["stdout", "Success.\n", 0] },
};
const otherwise = {
	add: ["Failed!\n", 1],
	is_added: ["Unknown Status\n", 2],
	remove: ["Failed!\n", 1],
} as const;

for (const command of commands)
	test(`${command}: output and exit status for each status of an answer`, async (t) => {
		let status = 0;
		const server = await plainServer(t, (response) => {
			response.writeHead(status, { Location: "/followed" });
			response.end();
		});
		for (status of [
			200, 201, 204, 301, 302, 303, 307, 400, 401, 403, 404, 409, 500, 503,
		]) {
			const exited = await run(t, [command, "-e", at(server.port), ...host]);
			const known = verdicts[command][status];
			const message = `${command} ${status}: ${exited.stderr}`;
			if (known) {
				const [stream, text, code] = known;
				const other = stream === "stdout" ? "stderr" : "stdout";
				assert.equal(exited[stream], text, message);
				assert.equal(exited[other], "", message);
				assert.equal(exited.code, code, message);
				continue;
			}
			const [text, code] = otherwise[command];
			const [first, second, ...more] = exited.stderr.split("\n");
			assert.equal(`${first}\n`, text, message);
			assert.match(
				second ?? "",
				new RegExp(`^happo-agent: ${at(server.port)}: answered ${status} \\w`),
			);
			assert.deepEqual(more, [""]);
			assert.equal(exited.stdout, "");
			assert.equal(exited.code, code, message);
		}
		assert.ok(
			server.arrived.every(({ path }) => path === `/manage/${command}`),
		);
		assert.equal(server.arrived.length, 14, "no redirect is followed");
	});

test("requests have the same bytes as those of v1", async (t) => {
	const server = await plainServer(t, (response) => response.end());
	const to = ["-e", at(server.port), ...host];
	await run(t, [
		"add",
		...to,
		"-H",
		"web01",
		"-p",
		"10.0.0.1:6777",
		"-p",
		"10.0.0.2",
	]);
	await run(t, ["add", ...to]);
	await run(t, ["is_added", ...to]);
	await run(t, ["remove", ...to, "-P", "0x1A79"]);
	const whole = (hostname: string, proxies: string) =>
		`{"apikey":"","hostdata":{"group_name":"GRP!SUB","ip":"10.0.0.5","hostname":"${hostname}","port":6777,"proxies":${proxies}}}`;
	assert.deepEqual(
		server.arrived.map(({ body }) => body.toString("utf8")),
		[
			whole("web01", '["10.0.0.1:6777","10.0.0.2"]'),
			whole("", "[]"),
			whole("", "null"),
			whole("", "null"),
		],
	);
	for (const { method, headers, body } of server.arrived) {
		assert.equal(method, "POST");
		assert.equal(headers["content-type"], "application/json");
		assert.equal(headers["content-length"], String(body.length));
		assert.equal(headers["transfer-encoding"], undefined);
		assert.equal(headers.host, `127.0.0.1:${server.port}`);
	}
});

test("the path is appended to the endpoint unchanged", async (t) => {
	const server = await plainServer(t, (response) => response.end());
	for (const path of ["", "/", "/base", "/base/", "/a/b//", "/%20x"])
		await run(t, ["add", "-e", at(server.port) + path, ...host]);
	assert.deepEqual(
		server.arrived.map(({ path }) => path),
		[
			"/manage/add",
			"//manage/add",
			"/base/manage/add",
			"/base//manage/add",
			"/a/b///manage/add",
			"/%20x/manage/add",
		],
	);
});

/** The host data that a command line sends. */
async function sentBy(
	t: TestContext,
	args: readonly string[],
	environment: Record<string, string> = {},
) {
	const server = await plainServer(t, (response) => response.end());
	const endpoint = at(server.port);
	const exited = await run(t, [...args], {
		environment: { HAPPO_AGENT_ENDPOINT: endpoint, ...environment },
	});
	assert.equal(exited.code, 0, exited.stderr);
	const [{ body } = assert.fail("nothing was sent")] = server.arrived;
	return JSON.parse(body.toString("utf8")).hostdata;
}

test("operands are ignored as in v1, with a warning", async (t) => {
	const server = await plainServer(t, (response) => response.end());
	const exited = await run(t, ["add", "extra", "-e", at(server.port), ...host]);
	assert.equal(exited.stdout, "Success.\n");
	assert.equal(
		exited.stderr,
		"happo-agent: warning: add: unexpected argument, ignored: extra\n",
	);
	assert.equal(exited.code, 0);
});

test("every setting has a variable; an empty one counts as unset, and a flag overrides it", async (t) => {
	const environment = {
		HAPPO_AGENT_GROUP_NAME: "VG",
		HAPPO_AGENT_IP: "vi",
		HAPPO_AGENT_HOSTNAME: "vh",
		HAPPO_AGENT_PORT: "7001",
		HAPPO_AGENT_PROXY: "p1, p2:7000,",
	};
	assert.deepEqual(await sentBy(t, ["add"], environment), {
		...{ group_name: "VG", ip: "vi", hostname: "vh", port: 7001 },
		proxies: ["p1", "p2:7000"],
	});
	assert.deepEqual(
		await sentBy(
			t,
			[
				"add",
				"-g",
				"G",
				"--ip=i",
				"-hostname",
				"h",
				"-P=1",
				"-p",
				"a,b",
				"-proxy=c",
			],
			environment,
		),
		{
			...{ group_name: "G", ip: "i", hostname: "h", port: 1 },
			// --proxy adds bastions, as in v1
			proxies: ["p1", "p2:7000", "a", "b", "c"],
		},
	);
	assert.deepEqual(
		await sentBy(t, ["remove"], {
			...environment,
			HAPPO_AGENT_PORT: "",
			HAPPO_AGENT_HOSTNAME: "",
		}),
		{ group_name: "VG", ip: "vi", hostname: "", port: 6777, proxies: null },
	);
});

test("group, address and name may be any text", async (t) => {
	for (const text of [
		"-x",
		"--",
		"a b",
		"ü\u{1f600}",
		'"\\',
		"a=b",
		"2001:db8::1",
		"%s",
		"'",
		"0",
		"null",
	])
		assert.deepEqual(
			await sentBy(t, ["add", "-g", text, "-i", text, "-H", text]),
			{ group_name: text, ip: text, hostname: text, port: 6777, proxies: [] },
		);
});

for (const command of commands)
	test(`${command}: without a group or an address nothing is sent`, async (t) => {
		const server = await plainServer(t, (response) => response.end());
		const to = ["-e", at(server.port)];
		const group = /--group-name: required \(or HAPPO_AGENT_GROUP_NAME\)/;
		const ip = /--ip: required \(or HAPPO_AGENT_IP\)/;
		assertRefused(await run(t, [command, ...to]), 2, group, ip);
		assertRefused(await run(t, [command, ...to, "-i", "x"]), 2, group);
		assertRefused(await run(t, [command, ...to, "-g", "x"]), 2, ip);
		assertRefused(
			await run(t, [command, ...to, "-g", "", "-i", "x"]),
			2,
			group,
		);
		assert.equal(server.arrived.length, 0);
	});

test("the reason of the server follows after Failed!", async (t) => {
	const bodies: [string, RegExp][] = [
		[
			'{"title":"x","status":400,"detail":"hostdata.ip: empty"}',
			/400 Bad Request: hostdata\.ip: empty$/,
		],
		[
			"no\u001b[31m room\nat all",
			/400 Bad Request: no\\x1b\[31m room\\x0aat all$/,
		],
		["<html>long</html>", /400 Bad Request$/],
		["5", /400 Bad Request$/],
		["x".repeat(5000), /400 Bad Request: x{500}$/],
		["", /400 Bad Request$/],
	];
	for (const [body, reason] of bodies) {
		const server = await plainServer(t, (response) => {
			response.writeHead(400);
			response.end(body);
		});
		const { stderr } = await run(t, ["add", "-e", at(server.port), ...host]);
		const [first, second = ""] = stderr.split("\n");
		assert.equal(first, "Failed!");
		assert.match(second, reason);
	}
});

test("the password of an endpoint is sent but not shown", async (t) => {
	const server = await plainServer(t, (response) => {
		response.writeHead(500);
		response.end();
	});
	const endpoint = `http://user:secret@127.0.0.1:${server.port}/base`;
	const { stderr } = await run(t, ["add", "-e", endpoint, ...host]);
	assert.equal(
		stderr,
		`Failed!\nhappo-agent: ${at(server.port)}/base: answered 500 Internal Server Error\n`,
	);
	assert.equal(
		server.arrived[0]?.headers.authorization,
		`Basic ${Buffer.from("user:secret").toString("base64")}`,
	);
});

for (const command of commands)
	test(`${command}: without an answer, exit status 1 and the reason in one line`, async (t) => {
		const silent = await listening(t, () => {});
		const closing = await listening(t, (socket) => socket.end());
		const noHttp = await listening(t, (socket) => socket.end("hello\r\n\r\n"));
		const refusing = `http://127.0.0.1:${await freePort()}`;
		const cases: [string, RegExp][] = [
			[at(silent.port), /127\.0\.0\.1:\d+: no answer within 1 seconds/],
			[at(closing.port), /127\.0\.0\.1:\d+: .*(closed|reset)/],
			[at(noHttp.port), /127\.0\.0\.1:\d+: .*not HTTP/],
			[refusing, /127\.0\.0\.1:\d+: connection refused/],
			["http://no.such.host.invalid", /no\.such\.host\.invalid: /],
			[`https://127.0.0.1:${closing.port}`, /127\.0\.0\.1:\d+: /],
			["127.0.0.1:6777", /endpoint: .*127\.0\.0\.1:6777/],
			["", /endpoint: /],
			["ftp://x", /endpoint: .*ftp:\/\/x/],
		];
		for (const [endpoint, reason] of cases)
			assertRefused(
				await run(t, [
					command,
					"-e",
					endpoint,
					...host,
					"--timeout-seconds",
					"1",
				]),
				1,
				reason,
			);
	});

test("an https endpoint is verified, also with --ca-file", async (t) => {
	const server = await answering(t, (response) => response.end());
	const endpoint = `https://127.0.0.1:${server.port}`;
	const directory = await temporaryDirectory(t);
	const ca = join(directory, "ca.pem");
	const other = join(directory, "other.pem");
	const garbage = join(directory, "garbage.pem");
	await writeFile(ca, server.certificate);
	await writeFile(other, createPair().certificate);
	await writeFile(garbage, "no certificate");
	const add = (...more: string[]) =>
		run(t, ["add", "-e", endpoint, ...host, ...more]);
	assertRefused(await add(), 1, /127\.0\.0\.1:\d+: certificate is self-signed/);
	assertRefused(await add("--ca-file", other), 1, /certificate/);
	assertRefused(
		await add("--ca-file", "/nowhere"),
		1,
		/--ca-file \/nowhere: no such file/,
	);
	assertRefused(
		await add("--ca-file", garbage),
		1,
		/--ca-file .*garbage\.pem: no certificate/,
	);
	assert.equal(server.arrived.length, 0);
	const { code, stdout } = await add("--ca-file", ca);
	assert.deepEqual([code, stdout], [0, "Success.\n"]);
	const byVariable = await run(t, ["remove", "-e", endpoint, ...host], {
		environment: { HAPPO_AGENT_CA_FILE: ca },
	});
	assert.equal(byVariable.code, 0, byVariable.stderr);
	assert.equal(server.arrived.length, 2);
});

test("a certificate for another host is refused", async (t) => {
	const pair = createPair(["web.example.net"]);
	const server = await answering(t, (response) => response.end(), {
		cert: pair.certificate,
		key: pair.privateKey,
	});
	const ca = join(await temporaryDirectory(t), "ca.pem");
	await writeFile(ca, pair.certificate);
	assertRefused(
		await run(t, [
			"add",
			"-e",
			`https://127.0.0.1:${server.port}`,
			...host,
			"--ca-file",
			ca,
		]),
		1,
		/127\.0\.0\.1/,
	);
	assert.equal(server.arrived.length, 0);
});

test("http_proxy: requests in absolute form, unless no_proxy excludes the host", async (t) => {
	const server = await plainServer(t, (response) => response.end());
	const proxy = await forwardProxy(t, server.port);
	const environment = { http_proxy: at(proxy.port) };
	const add = (endpoint: string, environment: Record<string, string>) =>
		run(t, ["add", "-e", endpoint, ...host, "--timeout-seconds", "5"], {
			environment,
		});
	const endpoint = "http://management.invalid:8080/base";
	for (const variables of [
		environment,
		{ HTTP_PROXY: at(proxy.port) },
		{ http_proxy: `127.0.0.1:${proxy.port}` },
	]) {
		const { code, stderr } = await add(endpoint, variables);
		assert.equal(code, 0, stderr);
	}
	assert.deepEqual(proxy.asked, Array(3).fill(`POST ${endpoint}/manage/add`));
	assert.equal(proxy.seen[0]?.host, "management.invalid:8080");
	assert.deepEqual(
		server.arrived.map(({ path }) => path),
		Array(3).fill("/base/manage/add"),
	);
	for (const no_proxy of [
		"*",
		"management.invalid",
		".invalid",
		"x, management.invalid:8080",
	])
		assertRefused(
			await add(endpoint, { ...environment, no_proxy }),
			1,
			/management\.invalid:8080: .*host/,
		);
	// requests to this machine never go through a proxy
	const direct = await add(at(server.port), environment);
	assert.equal(direct.code, 0, direct.stderr);
	assert.equal(proxy.asked.length, 3);
	const gone = { http_proxy: at(await freePort()) };
	assertRefused(
		await add(endpoint, gone),
		1,
		/proxy 127\.0\.0\.1:\d+.*connection refused/,
	);
});

test("https_proxy: a tunnel, and the certificate is verified", async (t) => {
	const pair = createPair(["management.invalid"]);
	const server = await answering(t, (response) => json(response, {}), {
		cert: pair.certificate,
		key: pair.privateKey,
	});
	const ca = join(await temporaryDirectory(t), "ca.pem");
	await writeFile(ca, pair.certificate);
	const proxy = await forwardProxy(t, server.port);
	const environment = {
		https_proxy: `http://user:pass@127.0.0.1:${proxy.port}`,
	};
	const add = (...more: string[]) =>
		run(t, ["add", "-e", "https://management.invalid", ...host, ...more], {
			environment,
		});
	const { code, stderr } = await add("--ca-file", ca);
	assert.equal(code, 0, stderr);
	assert.deepEqual(proxy.asked, ["CONNECT management.invalid:443"]);
	assert.equal(
		proxy.seen[0]?.["proxy-authorization"],
		`Basic ${Buffer.from("user:pass").toString("base64")}`,
	);
	assertRefused(
		await add(),
		1,
		/management\.invalid.*certificate is self-signed/,
	);
	assert.equal(server.arrived.length, 1);
});

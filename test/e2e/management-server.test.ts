import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createManagementClient } from "../../src/client/index.ts";
import { writeTestKeyPair } from "../support/agent.ts";
import { assertRefused, run } from "../support/command-line.ts";
import { startProgram } from "../support/daemon.ts";
import { createPair } from "../support/next-hop.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** The compiled reference server. */
const program = fileURLToPath(
	new URL("../../contrib/management-server/main.js", import.meta.url),
);

/** Starts the server on a free port; `url` is its address. */
async function startServer(
	t: TestContext,
	directory: string,
	...flags: string[]
) {
	const started = startProgram(
		t,
		["--port", "0", "--directory", directory, ...flags],
		{ program },
	);
	const [, url = ""] = await started.printed(/listening on (\S+), hosts in /);
	const end = (signal: NodeJS.Signals) => {
		started.process.kill(signal);
		return started.exited;
	};
	return { ...started, url, end };
}

const hostData = (group_name: string, ip: string, more = {}) => ({
	...{ group_name, ip, hostname: "", port: 6777, proxies: [] as string[] },
	...more,
});

/** Sends a plain request. Returns status and body. */
function ask(
	url: string,
	method: string,
	body = "",
	headers: Record<string, string> = {},
) {
	return new Promise<{ status: number; text: string; allow?: string }>(
		(resolve, reject) => {
			const sent = request(url, { method, headers, agent: false }, (answer) => {
				let text = "";
				answer.setEncoding("utf8").on("data", (chunk: string) => {
					text += chunk;
				});
				answer.once("end", () =>
					resolve({ status: answer.statusCode ?? 0, text }),
				);
			});
			sent.once("error", reject);
			sent.end(body);
		},
	);
}

const add = async (url: string, hostdata: object) =>
	(await ask(`${url}/manage/add`, "POST", JSON.stringify({ hostdata }))).status;

async function list(url: string, query = "") {
	const { status, text } = await ask(`${url}/manage/hosts${query}`, "GET");
	assert.equal(status, 200, text);
	return (JSON.parse(text) as { hosts: Record<string, unknown>[] }).hosts;
}

test("the commands add, is_added and remove, and the list", async (t) => {
	const server = await startServer(t, await temporaryDirectory(t));
	const host = ["-g", "WEB!FRONT", "-i", "192.0.2.5", "-e", server.url];
	const command = async (...args: string[]) => {
		const { code, stdout, stderr } = await run(t, args);
		return `${stdout}${stderr}${code}`;
	};
	const more = ["-H", "web01", "-p", "198.51.100.1:6777,198.51.100.2"];
	assert.equal(await command("is_added", ...host), "Not found.\n1");
	assert.match(
		await command("remove", ...host),
		/^Failed!\n.*answered 404 Not Found\n1$/,
	);
	assert.equal(await command("add", ...host, ...more), "Success.\n0");
	assert.equal(await command("add", ...host), "Conflict!\n1");
	assert.equal(await command("is_added", ...host), "Found.\n0");
	assert.equal(
		await command("is_added", ...host, "-P", "7000"),
		"Not found.\n1",
	);
	assert.equal(await command("add", ...host, "-P", "7000"), "Success.\n0");
	assert.deepEqual(await list(server.url), [
		hostData("WEB!FRONT", "192.0.2.5", {
			hostname: "web01",
			proxies: ["198.51.100.1:6777", "198.51.100.2"],
		}),
		hostData("WEB!FRONT", "192.0.2.5", { port: 7000 }),
	]);
	assert.equal(await command("remove", ...host), "Success.\n0");
	assert.equal(await command("is_added", ...host), "Not found.\n1");
	// an endpoint with a trailing slash gives a path with two slashes
	assert.equal(
		await command("is_added", ...host, "-P", "7000", "-e", `${server.url}/`),
		"Found.\n0",
	);
	const { code, stderr, stdout } = await server.end("SIGTERM");
	assert.deepEqual([code, stderr], [0, ""]);
	assert.match(stdout, / POST \/manage\/add 302\n/);
	assert.match(stdout, / stopped\n$/);
});

test("the SDK's client lists hosts for a crawler", async (t) => {
	const server = await startServer(t, await temporaryDirectory(t));
	for (const [group, ip] of [
		["GRP", "a"],
		["GRP!SUB", "b"],
		["GRP!SUB!LOW", "c"],
		["GRP2", "d"],
		["AAA", "e"],
		["GRP", "0"],
		["ü !\"'", "\u{1f600}"],
	] as const)
		assert.equal(await add(server.url, hostData(group, ip)), 200);
	const client = createManagementClient({ endpoint: server.url });
	t.after(() => client.close());
	const ips = async (group?: string) => {
		const { data } = await client.GET("/manage/hosts", {
			params: { query: group === undefined ? {} : { group } },
		});
		return data?.hosts.map(({ ip }) => ip).join("");
	};
	assert.equal(await ips(), "e0abcd\u{1f600}");
	assert.equal(await ips("GRP"), "0abc");
	assert.equal(await ips("GRP!SUB"), "bc");
	assert.equal(await ips("GR"), "");
	assert.equal(await ips("ü !\"'"), "\u{1f600}");
	const { error } = await client.GET("/manage/hosts", {
		params: { query: { group: "" } },
	});
	assert.deepEqual(error, {
		type: "urn:happo:problem:bad-request",
		title: "Bad Request",
		status: 400,
		detail: "group: empty",
	});
});

test("confirmed hosts survive a kill and a stop", async (t) => {
	const directory = join(await temporaryDirectory(t), "hosts");
	for (const signal of ["SIGKILL", "SIGTERM", "SIGINT"] as const) {
		const server = await startServer(t, directory);
		assert.equal(await add(server.url, hostData("G", signal)), 200);
		await server.end(signal);
	}
	const server = await startServer(t, directory);
	const hosts = await list(server.url);
	assert.deepEqual(
		hosts.map(({ ip }) => ip),
		["SIGINT", "SIGKILL", "SIGTERM"],
	);
	assert.ok((await readdir(directory)).includes("CURRENT"));
});

test("if many requests add one host at once, exactly one succeeds", async (t) => {
	const server = await startServer(t, await temporaryDirectory(t));
	for (const ip of ["a", "b", "c"]) {
		const statuses = await Promise.all(
			Array.from({ length: 50 }, () => add(server.url, hostData("G", ip))),
		);
		assert.equal(statuses.filter((status) => status === 200).length, 1);
		assert.equal(statuses.filter((status) => status === 302).length, 49);
	}
	const many = Array.from({ length: 200 }, (_, n) =>
		add(server.url, hostData("M", String(n))),
	);
	assert.ok((await Promise.all(many)).every((status) => status === 200));
	assert.equal((await list(server.url, "?group=M")).length, 200);
});

test("answers say what is wrong with a request", async (t) => {
	const server = await startServer(t, await temporaryDirectory(t));
	const valid = hostData("G", "I");
	const cases: [string, string, unknown, number, RegExp][] = [
		[
			"POST",
			"add",
			{ hostdata: { ...valid, group_name: "" } },
			400,
			/^hostdata\.group_name: empty$/,
		],
		[
			"POST",
			"add",
			{ hostdata: { ...valid, ip: 5 } },
			400,
			/^hostdata\.ip: expected a string, got 5$/,
		],
		[
			"POST",
			"add",
			{ hostdata: { ...valid, port: 0 } },
			400,
			/^hostdata\.port: .*1.*got 0$/,
		],
		[
			"POST",
			"is_added",
			{ hostdata: { ...valid, proxies: [1] } },
			400,
			/^hostdata\.proxies\[0\]: /,
		],
		["POST", "remove", {}, 400, /^hostdata: required$/],
		[
			"POST",
			"add",
			{ hostdata: { ...valid, ip: "a\0b" } },
			400,
			/^hostdata\.ip: contains a NUL character$/,
		],
		["POST", "add", [], 400, /^body: expected an object/],
		["POST", "add", 5, 400, /^body: expected an object$/],
		["POST", "add", undefined, 400, /^body: expected an object$/],
		["POST", "nosuch", {}, 404, /^no such operation$/],
		["GET", "add", undefined, 405, /^the operation has another method$/],
		["POST", "hosts", {}, 405, /^the operation has another method$/],
		["GET", "hosts?grp=x", undefined, 400, /^grp: no such query parameter$/],
	];
	for (const [method, path, body, status, detail] of cases) {
		const text = body === undefined ? "" : JSON.stringify(body);
		const answer = await ask(`${server.url}/manage/${path}`, method, text);
		const problem = JSON.parse(answer.text) as Record<string, unknown>;
		assert.equal(answer.status, status, answer.text);
		assert.equal(problem.status, status);
		assert.match(String(problem.detail), detail);
	}
	const noJson = await ask(`${server.url}/manage/add`, "POST", "{");
	assert.equal(noJson.status, 400);
	const large = JSON.stringify({
		hostdata: { ...valid, hostname: "x".repeat(1024 * 1024) },
	});
	const tooLarge = await ask(`${server.url}/manage/add`, "POST", large);
	assert.equal(tooLarge.status, 413);
	for (const headers of [
		{ origin: "https://x" },
		{ "sec-fetch-site": "cross-site" },
	]) {
		const { status } = await ask(
			`${server.url}/manage/hosts`,
			"GET",
			"",
			headers as Record<string, string>,
		);
		assert.equal(status, 403);
	}
	assert.deepEqual(await list(server.url), []);
});

test("over HTTPS, the commands verify the certificate", async (t) => {
	const directory = await temporaryDirectory(t);
	const pair = await writeTestKeyPair(directory);
	const server = await startServer(
		t,
		join(directory, "hosts"),
		...[
			"--certificate",
			pair["public-key"],
			"--private-key",
			pair["private-key"],
		],
	);
	assert.match(server.url, /^https:/);
	const args = ["add", "-g", "G", "-i", "I", "-e", server.url];
	assertRefused(await run(t, args), 1, /certificate is self-signed/);
	const { code } = await run(t, [...args, "--ca-file", pair["public-key"]]);
	assert.equal(code, 0);
});

test("a failed start says why", async (t) => {
	const directory = await temporaryDirectory(t);
	const used = join(directory, "used");
	const server = await startServer(t, used);
	const { port } = new URL(server.url);
	const start = async (...args: string[]) => {
		const { code, stdout, stderr } = await run(t, args, { program, directory });
		assert.equal(stdout, "");
		return `${code} ${stderr}`;
	};
	assert.match(
		await start("--directory", used, "--port", "0"),
		/^1 management-server: .*used: .*LOCK.*\n$/,
	);
	assert.match(
		await start("--port", port),
		/^1 management-server: port \d+ of 127\.0\.0\.1: already in use\n$/,
	);
	assert.match(
		await start("--port", "x"),
		/^2 management-server: --port: not a whole number: x\n$/,
	);
	assert.match(
		await start("--listen-address", "x"),
		/^2 management-server: --listen-address: not an address: x\n$/,
	);
	assert.match(await start("--nosuch"), /^2 management-server: .*--nosuch/);
	assert.match(
		await start("--certificate", "none"),
		/^2 management-server: certificate and private-key go together\n$/,
	);
	assert.match(
		await start("--certificate", "none", "--private-key", "none"),
		/^1 management-server: certificate none: no such file or directory\n$/,
	);
	const [one, other] = [await writeTestKeyPair(directory), createPair()];
	await writeFile(one["private-key"], other.privateKey);
	assert.match(
		await start(
			...["--certificate", one["public-key"]],
			...["--private-key", one["private-key"]],
		),
		/^1 management-server: private key \S+: does not belong to the \(first\) certificate in \S+\n$/,
	);
	const help = await run(t, ["--help"], { program });
	assert.equal(help.code, 0);
	assert.match(help.stdout, /--listen-address ADDRESS/);
	assert.equal(await add(server.url, hostData("G", "I")), 200);
});

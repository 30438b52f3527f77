import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, lstatSync } from "node:fs";
import { Agent, request } from "node:http";
import { connect as connectNet } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { createAgentClient } from "../../../src/client/index.ts";
import type { Answered } from "../../../src/http/reply.ts";
import type { DaemonSettings } from "../../../src/settings.ts";
import { sendAdmin } from "../../support/admin-socket.ts";
import { startTestAgent } from "../../support/agent.ts";
import { startServerOfCallers } from "../../support/callers.ts";
import { eventually } from "../../support/eventually.ts";
import { send } from "../../support/https.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

/** An agent with an admin socket. */
async function anAgent(t: TestContext, settings: Partial<DaemonSettings> = {}) {
	const file = join(await temporaryDirectory(t), "admin.sock");
	const agent = await startTestAgent(t, { ...settings, "admin-socket": file });
	return { agent, file };
}

test("its callers are administrators without an address; those of loopback and the agent's own user are not", async (t) => {
	const file = join(await temporaryDirectory(t), "admin.sock");
	const answered: Answered[] = [];
	let isAdmin = true;
	const { callers, port } = await startServerOfCallers(t, {}, undefined, {
		adminSocket: { file, group: "", isAdmin: () => isAdmin },
		access: { allows: (address) => address === "127.0.0.1" },
		onAnswered: (one) => answered.push(one),
	});
	assert.equal((await sendAdmin(file)).text, "OK");
	await send({ port });
	isAdmin = false;
	await sendAdmin(file);
	const [admin, other, own] = callers;
	assert.deepEqual(own, { ...admin, isAdmin: false });
	assert.deepEqual(admin, {
		isAdmin: true,
		address: undefined,
		certificate: undefined,
		keyDigest: undefined,
	});
	assert.equal(other?.isAdmin, false);
	assert.equal(other?.address, "127.0.0.1");
	assert.deepEqual(
		answered.map(({ client, clientPort }) => [client, typeof clientPort]),
		[
			["admin", "undefined"],
			["127.0.0.1", "number"],
			["own-user", "undefined"],
		],
	);
});

test("the whole contract is served, with its errors, and each request is logged", async (t) => {
	const { agent, file } = await anAgent(t);
	assert.equal(lstatSync(file).mode & 0o777, 0o600);
	const ask = (path: string, body: object, headers = {}) =>
		sendAdmin(file, {
			...{ method: "POST", path, headers },
			body: JSON.stringify(body),
		});
	const check = { plugin_name: "check_exit", plugin_option: "0" };
	assert.equal((await ask("/monitor", check)).status, 200);
	assert.match((await sendAdmin(file, { path: "/status" })).text, /"pid":/);
	assert.equal((await sendAdmin(file, { path: "/none" })).status, 404);
	assert.equal((await ask("/monitor", {})).status, 400);
	const page = await ask("/monitor", check, { origin: "https://evil.example" });
	assert.equal(page.status, 403);
	const lines = agent.lines.filter((line) => line.includes("Access client="));
	assert.equal(lines.length, 5);
	for (const line of lines) assert.match(line, /Access client=admin,method=/);
});

test("connections are kept, and requests in a row are answered in order", async (t) => {
	const { file } = await anAgent(t);
	const pool = new Agent({ keepAlive: true, maxSockets: 1 });
	t.after(() => pool.destroy());
	const sockets = new Set();
	for (let n = 0; n < 3; n++)
		await new Promise<void>((resolve, reject) => {
			const sent = request(
				{ socketPath: file, path: "/", agent: pool },
				(answer) => answer.resume().once("end", resolve),
			);
			sent.once("socket", (socket) => sockets.add(socket));
			sent.once("error", reject).end();
		});
	assert.equal(sockets.size, 1);
	const piped = connectNet(file);
	let text = "";
	piped.setEncoding("utf8").on("data", (chunk: string) => {
		text += chunk;
	});
	piped.write(
		"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
	);
	await once(piped, "close");
	assert.match(text, /^HTTP\/1\.1 200 [\s\S]*HTTP\/1\.1 404 /);
});

test("limits of bodies, times and connections hold", async (t) => {
	const { agent, file } = await anAgent(t, {
		"max-connections": 2,
		"max-body-bytes": 1024,
		"request-timeout-seconds": 1,
	});
	const body = JSON.stringify({ plugin_name: "x".repeat(2_000) });
	const large = { method: "POST", path: "/monitor", body };
	assert.equal((await sendAdmin(file, large)).status, 413);
	const slow = connectNet(file);
	let text = "";
	slow.setEncoding("utf8").on("data", (chunk: string) => {
		text += chunk;
	});
	slow.write("GET / HTTP/1.1\r\nHost");
	await once(slow, "close");
	assert.match(text, /^HTTP\/1\.1 408 /);
	// all places are taken: this one waits
	const taken = [connectNet(file), connectNet(file)];
	for (const socket of taken) {
		socket.on("error", () => {});
		await once(socket, "connect");
	}
	const waiting = sendAdmin(file);
	await eventually("it waits", () =>
		agent.lines.some((line) => line.includes("more are waiting")),
	);
	for (const socket of taken) socket.destroy();
	assert.equal((await waiting).status, 200);
});

test("what is not HTTP is refused, and harms nobody", async (t) => {
	const { file } = await anAgent(t);
	const tls = connectTls({ socket: connectNet(file) }).on("error", () => {});
	await new Promise((resolve) => tls.once("close", resolve));
	const mute = connectNet(file);
	await once(mute, "connect");
	mute.destroy();
	assert.equal((await sendAdmin(file)).status, 200);
});

test("a client that goes away has its plugin stopped", async (t) => {
	const { file } = await anAgent(t);
	const running = async () => {
		const { text } = await sendAdmin(file, { path: "/status" });
		return JSON.parse(text).commands.running as number;
	};
	const gone = new AbortController();
	const asked = sendAdmin(file, {
		method: "POST",
		path: "/monitor",
		body: JSON.stringify({ plugin_name: "check_sleep", plugin_option: "8" }),
		signal: gone.signal,
	});
	await eventually("it runs", async () => (await running()) === 1);
	gone.abort();
	await assert.rejects(asked);
	await eventually("it is stopped", async () => (await running()) === 0, 5_000);
});

test("a request in progress gets its answer at the stop; the file is removed", async (t) => {
	const { agent, file } = await anAgent(t);
	const idle = connectNet(file);
	await once(idle, "connect");
	const asked = sendAdmin(file, {
		method: "POST",
		path: "/monitor",
		body: JSON.stringify({ plugin_name: "check_sleep", plugin_option: "0.5" }),
	});
	await eventually("it runs", async () => {
		const { text } = await sendAdmin(file, { path: "/status" });
		return JSON.parse(text).commands.running === 1;
	});
	const closed = once(idle, "close");
	const stopped = agent.close();
	await closed;
	const { status, headers } = await asked;
	assert.equal(status, 200);
	assert.equal(headers.connection, "close");
	await stopped;
	assert.ok(!existsSync(file));
});

test("the typed client uses it", async (t) => {
	const { file } = await anAgent(t);
	const client = createAgentClient({
		agent: "localhost",
		adminSocket: file,
		trust: "unverified",
	});
	t.after(() => client.close());
	const { data } = await client.GET("/status");
	assert.equal(data?.pid, process.pid);
	const options = {
		agent: "x",
		adminSocket: file,
		trust: "unverified",
	} as const;
	assert.throws(() => createAgentClient({ ...options, via: ["b"] }), {
		name: "OptionsError",
		option: "via",
	});
	const nobody = createAgentClient({ ...options, adminSocket: `${file}.no` });
	t.after(() => nobody.close());
	await assert.rejects(
		nobody.GET("/status"),
		/^AgentUnreachable: x:6777: \S+\.no: no such file or directory$/,
	);
});

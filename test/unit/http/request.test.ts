import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { test } from "node:test";
import { AgentError } from "../../../src/agent-error.ts";
import { createFairLimit } from "../../../src/fair-limit.ts";
import { Connection } from "../../../src/http/connection.ts";
import type { Answered } from "../../../src/http/reply.ts";
import {
	answeredOnSocket,
	IncomingRequest,
} from "../../../src/http/request.ts";

const times = { quiet: 1_000, slow: 1_000 };

const answer = (payload: string | Uint8Array) => ({
	status: 200,
	headers: {},
	payload,
});

/** A request that ends when a test says so. */
function setUp({
	remoteAddress = "::ffff:192.0.2.7",
	url = "/monitor?apikey=Xsecret",
	isDenied = false,
}: {
	remoteAddress?: string;
	url?: string;
	isDenied?: boolean;
} = {}) {
	const told: Answered[] = [];
	const socket = { remoteAddress, remotePort: 51234 };
	const response = {
		headersSent: false,
		writableFinished: false,
		statusCode: 200,
		socket,
	};
	const memory = createFairLimit({ limit: 1_000, keptFor: 1_000 });
	const request = new IncomingRequest({
		memory,
		waitMilliseconds: 50,
		connection: new Connection(socket, isDenied, times),
		raw: {
			complete: true,
			socket,
			method: "POST",
			url,
			headers: {},
		} as unknown as IncomingMessage,
		response: response as unknown as ServerResponse,
		run: () => {},
		tell: (answered) => told.push(answered),
	});
	request.goesTo({ path: "/monitor", operationId: "runCheck" });
	/** Ends the request, answered or not. */
	const end = (status?: number) => {
		response.headersSent = status !== undefined;
		response.writableFinished = response.headersSent;
		response.statusCode = status ?? 200;
		request.over();
		request.over();
		assert.equal(told.length, 1, "told once");
		return told[0] ?? assert.fail();
	};
	return { request, memory, socket, told, end };
}

test("reports a request when it is over, and not before", () => {
	const { request, told, end } = setUp();
	request.answers(answer("four"));
	assert.deepEqual(told, []);
	const { milliseconds, ...rest } = end(200);
	assert.ok(milliseconds >= 0);
	assert.deepEqual(rest, {
		client: "192.0.2.7",
		clientPort: 51234,
		method: "POST",
		target: "/monitor",
		path: "/monitor",
		operationId: "runCheck",
		status: 200,
		bytes: 4,
		isCut: false,
		refusal: undefined,
		isDenied: false,
		facts: {},
	});
});

test("knows client and port even after the connection has closed", () => {
	const { socket, end } = setUp();
	// like a destroyed socket of Node
	Object.assign(socket, { remoteAddress: undefined, remotePort: undefined });
	const { client, clientPort } = end();
	assert.equal(client, "192.0.2.7");
	assert.equal(clientPort, 51234);
});

test("has neither status nor size without an answer, and aborts the signal", () => {
	const { request, end } = setUp();
	const { signal } = request;
	const { status, bytes } = end();
	assert.deepEqual({ status, bytes }, { status: undefined, bytes: undefined });
	assert.equal(signal.aborted, true);
	assert.equal(setUp().request.signal.aborted, false);
});

test("a signal first read after the end is aborted, unless the answer was sent", () => {
	const cut = setUp();
	cut.end();
	assert.equal(cut.request.signal.aborted, true);
	const sent = setUp();
	sent.end(200);
	assert.equal(sent.request.signal.aborted, false);
});

test("counts the answer's size in bytes, not characters", () => {
	for (const [payload, bytes] of [
		["", 0],
		["日本", 6],
		[new Uint8Array(5), 5],
	] as const) {
		const { request, end } = setUp();
		request.answers(answer(payload));
		assert.equal(end(200).bytes, bytes);
	}
});

test("reports the facts of a reply and of an error", () => {
	const replied = setUp();
	replied.request.addFacts({ plugin: "check_disk", exitStatus: 1 });
	assert.deepEqual(replied.end(200).facts, {
		plugin: "check_disk",
		exitStatus: 1,
	});
	const refused = setUp();
	refused.request.refused(
		new AgentError("busy", "busy", { facts: { plugin: "check_disk" } }),
	);
	assert.deepEqual(refused.end(503).facts, { plugin: "check_disk" });
});

test("reports a refusal without secrets", () => {
	const { request, end } = setUp();
	request.refused(
		new AgentError("forbidden", "option: no: Xsecret", {
			logged: "option: no",
		}),
	);
	const { refusal, status, isDenied } = end(403);
	assert.deepEqual(
		{ refusal, status, isDenied },
		{ refusal: "option: no", status: 403, isDenied: false },
	);
});

test("reports a denied peer as such", () => {
	const { request, end } = setUp({ isDenied: true });
	request.refused("denied");
	const { refusal, isDenied } = end(403);
	assert.equal(isDenied, true);
	assert.equal(refusal, "Access Denied");
});

test("reports an answer on the socket once, at the end of the request", () => {
	const { request, told, end } = setUp();
	const late = new AgentError("request-timeout", "did not arrive in time");
	request.answersOnSocket(late);
	assert.deepEqual(told, []);
	const { status, refusal, operationId } = end();
	assert.deepEqual(
		{ status, refusal, operationId },
		{ status: 408, refusal: late.message, operationId: "runCheck" },
	);
});

test("reports the peer of an answer on the socket without a request", () => {
	const socket = { remoteAddress: "2001:db8::7", remotePort: 9 };
	const noHttp = new AgentError("bad-http", "not HTTP");
	const told = [
		answeredOnSocket(new Connection(socket, false, times), noHttp),
		answeredOnSocket(new Connection(socket, true, times), "denied"),
	];
	assert.deepEqual(
		told.map(({ client, clientPort, status, refusal, isDenied, target }) => ({
			client,
			clientPort,
			status,
			refusal,
			isDenied,
			target,
		})),
		[
			{ status: 400, refusal: "not HTTP", isDenied: false },
			{ status: 403, refusal: "Access Denied", isDenied: true },
		].map((line) => ({
			client: "2001:db8::7",
			clientPort: 9,
			target: "",
			...line,
		})),
	);
});

test("reserves memory until the answer is known, then the answer's size until the end", async () => {
	const { request, memory, end } = setUp();
	await request.reserve(300, "body");
	await request.reserve(200);
	assert.deepEqual([request.reserved, memory.taken], [500, 500]);
	request.answers(answer("x".repeat(350)));
	assert.equal(memory.taken, 350);
	end(200);
	assert.equal(memory.taken, 0);
	// the client has disconnected
	await assert.rejects(async () => request.reserve(2_000, "body"), {
		code: "busy",
	});
	await request.reserve(10);
	assert.equal(memory.taken, 0);
});

test("is busy if there is no memory in time, and stops waiting if its client disconnects", async () => {
	const { request, memory, end } = setUp();
	const other = await memory.acquire({
		client: "other",
		amount: 990,
		timeoutMilliseconds: 0,
	});
	await assert.rejects(async () => request.reserve(20), {
		code: "busy",
		message: /^answer: 990 bytes of requests and answers are in memory/,
	});
	const waiting = assert.rejects(async () => request.reserve(20), {
		code: "busy",
		message: "the client has disconnected",
	});
	end();
	await waiting;
	other.release();
	assert.equal(memory.taken, 0);
});

import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { test } from "node:test";
import type { Answered } from "../../../src/answered.ts";
import { createRecords } from "../../../src/http/records.ts";
import { Problem } from "../../../src/problem.ts";

/** Records with one request that was begun, whose end a test decides on. */
function setUp({
	remoteAddress = "::ffff:192.0.2.7",
	url = "/monitor?apikey=Xsecret",
}: {
	remoteAddress?: string;
	url?: string;
} = {}) {
	const told: Answered[] = [];
	const ends: (() => void)[] = [];
	const records = createRecords(
		{ whenOver: (_request, _response, callback) => ends.push(callback) },
		(answered) => told.push(answered),
	);
	const socket = { remoteAddress, remotePort: 51234 };
	const request = { socket, method: "POST", url } as IncomingMessage;
	const response = {
		headersSent: false,
		writableFinished: false,
		statusCode: 200,
		socket,
	};
	records.begin(request, response as unknown as ServerResponse);
	records.goesTo(request, { path: "/monitor", operationId: "runCheck" });
	/** Ends the request, answered or not. */
	const end = (status?: number) => {
		response.headersSent = status !== undefined;
		response.writableFinished = response.headersSent;
		response.statusCode = status ?? 200;
		for (const callback of ends.splice(0)) callback();
		assert.equal(told.length, 1, "told once");
		return told[0] ?? assert.fail();
	};
	return { records, request, socket, told, end };
}

test("a request is told of when it is over, and not before", () => {
	const { records, request, told, end } = setUp();
	records.sends(request, "four");
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
		isDenied: undefined,
		facts: {},
	});
});

test("who and from which port is known after the connection has gone, too", () => {
	const { socket, end } = setUp();
	// what Node makes of a socket that was destroyed
	Object.assign(socket, { remoteAddress: undefined, remotePort: undefined });
	const { client, clientPort } = end();
	assert.equal(client, "192.0.2.7");
	assert.equal(clientPort, 51234);
});

test("without an answer there is neither status nor size", () => {
	const { end } = setUp();
	const { status, bytes } = end();
	assert.deepEqual({ status, bytes }, { status: undefined, bytes: undefined });
});

test("the size is that of the bytes, not of the characters", () => {
	for (const [payload, bytes] of [
		["", 0],
		["日本", 6],
		[new Uint8Array(5), 5],
	] as const) {
		const { records, request, end } = setUp();
		records.sends(request, payload);
		assert.equal(end(200).bytes, bytes);
	}
});

test("facts are added to those noted before", () => {
	const { records, request, end } = setUp();
	records.note(request, { plugin: "check_disk" });
	records.note(request, { exitStatus: 1 });
	assert.deepEqual(end(200).facts, { plugin: "check_disk", exitStatus: 1 });
});

test("a refusal is told as the log may have it", () => {
	const { records, request, end } = setUp();
	records.refused(
		request,
		new Problem(403, "option: no: Xsecret", { logged: "option: no" }),
	);
	const { refusal, status, isDenied } = end(403);
	assert.deepEqual(
		{ refusal, status, isDenied },
		{ refusal: "option: no", status: 403, isDenied: undefined },
	);
});

test("a denied peer is told as such", () => {
	const { records, request, end } = setUp();
	records.denied(request);
	const { refusal, isDenied } = end(403);
	assert.equal(isDenied, true);
	assert.equal(refusal, "Access Denied");
});

test("an answer on the socket to a request that was begun is told of once, at its end", () => {
	const { records, request, socket, told, end } = setUp();
	const late = new Problem(408, "the request did not arrive in time");
	records.answeredOnSocket(socket, late, request);
	assert.deepEqual(told, []);
	const { status, refusal, operationId } = end();
	assert.deepEqual(
		{ status, refusal, operationId },
		{ status: 408, refusal: late.message, operationId: "runCheck" },
	);
});

test("an answer on the socket without a request is told of at once", () => {
	const { records, told } = setUp();
	const socket = { remoteAddress: "2001:db8::7", remotePort: 9 };
	records.answeredOnSocket(socket, new Problem(400, "not HTTP"));
	records.answeredOnSocket(socket, "denied");
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

test("what is said of a request that nobody began is dropped", () => {
	const { records, told } = setUp();
	const unknown = {} as IncomingMessage;
	records.note(unknown, { plugin: "x" });
	records.refused(unknown, new Problem(400, "x"));
	records.denied(unknown);
	assert.deepEqual(told, []);
});

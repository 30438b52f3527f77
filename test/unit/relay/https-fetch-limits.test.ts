import assert from "node:assert/strict";
import { it } from "node:test";
import { AgentError } from "../../../src/agent-error.ts";
import { RelayError } from "../../../src/protocol/relay-error.ts";
import type { Fetched } from "../../../src/relay/https-fetch.ts";
import { eventually } from "../../support/eventually.ts";
import { createFetching } from "../../support/fetching.ts";
import { answering, json, listening } from "../../support/next-hop.ts";

const isBusy = (error: unknown) =>
	error instanceof AgentError && error.code === "relay-busy";
const isLate = (error: unknown) =>
	error instanceof RelayError && error.isTimeout;

const usual = { each: 128, all: 512, eachSlow: 8, allSlow: 64 };

/** Enough places to show the sharing, and few enough for a busy machine. */
const few = { each: 32, all: 128, eachSlow: 8, allSlow: 16 };

it("answers 200 concurrent requests to a slow hop", async (t) => {
	const fetch = await createFetching(t, { limits: usual });
	const server = await answering(t, (response) => {
		setTimeout(json, 300, response, {});
	});
	const patient = { timeoutMilliseconds: 60_000 };
	const all = Array.from({ length: 200 }, () => fetch(server.port, patient));
	const answers = await Promise.all(all);
	assert.ok(answers.every(({ status }) => status === 200));
	assert.ok(server.accepted() <= 112, `${server.accepted()} connections`);
});

for (const [kind, start] of [
	["does not speak", (t) => listening(t, (socket) => socket.resume())],
	["does not answer", (t) => answering(t, () => {})],
] as const satisfies [string, (t: never) => unknown][])
	it(`a hop that ${kind} does not delay requests to others`, async (t) => {
		const fetch = await createFetching(t, { limits: few });
		const silent = await start(t as never);
		const healthy = await answering(t, (response) => json(response, {}));
		// far longer than the others take, even on a busy machine
		const timeoutMilliseconds = 6_000;
		const errors: unknown[] = [];
		const asked = Array.from({ length: 75 }, () =>
			fetch(silent.port, { timeoutMilliseconds }).catch((error) => {
				errors.push(error);
			}),
		);
		for (let n = 0; n < 10; n++)
			assert.equal((await fetch(healthy.port)).status, 200);
		assert.equal(errors.length, 0, "those to the hop wait");
		await eventually("28 connections", () => silent.open() === 28);
		await Promise.all(asked);
		assert.equal(errors.length, 75);
		for (const error of errors) {
			assert.ok(isLate(error) || isBusy(error), String(error));
			assert.match(String(error), new RegExp(`127.0.0.1:${silent.port}`));
		}
		await eventually("all have ended", () => silent.open() === 0);
		// it now counts as slow, and gets only a few places, which are reused
		const again = Array.from({ length: 40 }, () =>
			fetch(silent.port, { timeoutMilliseconds: 300 }).catch((error) => error),
		);
		await eventually("a few connections", () => silent.open() > 0);
		assert.ok(silent.open() <= 8, `${silent.open()} connections`);
		assert.equal((await fetch(healthy.port)).status, 200);
		for (const error of await Promise.all(again))
			assert.ok(isLate(error) || isBusy(error), String(error));
	});

it("a hop gets all its places back when it answers again", async (t) => {
	const fetch = await createFetching(t, {
		limits: { ...usual, eachSlow: 1 },
	});
	let isSilent = true;
	const server = await answering(t, (response) => {
		if (!isSilent) setTimeout(json, 500, response, {});
	});
	await assert.rejects(fetch(server.port, { timeoutMilliseconds: 50 }), isLate);
	isSilent = false;
	assert.equal((await fetch(server.port)).status, 200);
	// with a single place they would take ten seconds
	const many = await Promise.all(
		Array.from({ length: 20 }, () =>
			fetch(server.port, { timeoutMilliseconds: 8_000 }),
		),
	);
	assert.ok(many.every(({ status }) => status === 200));
});

it("requests that wait for a hop get all its places when it answers again", async (t) => {
	const fetch = await createFetching(t, {
		limits: { ...usual, each: 20, eachSlow: 1 },
	});
	const held: Parameters<Parameters<typeof answering>[1]>[0][] = [];
	let isSilent = true;
	const server = await answering(t, (response) => {
		if (!isSilent) held.push(response);
	});
	await assert.rejects(fetch(server.port, { timeoutMilliseconds: 50 }), isLate);
	isSilent = false;
	const gone = new AbortController();
	const many = Array.from({ length: 12 }, () => fetch(server.port));
	const left = fetch(server.port, { signal: gone.signal });
	await eventually("one has the place", () => held.length === 1);
	gone.abort();
	await assert.rejects(left);
	json(held[0] as (typeof held)[0], {});
	await eventually("all others are sent", () => held.length === 12);
	for (const response of held.slice(1)) json(response, {});
	for (const { status } of await Promise.all(many)) assert.equal(status, 200);
});

it("a request whose client has left before does not wait for a slow hop", async (t) => {
	const fetch = await createFetching(t, {
		limits: { ...usual, each: 20, eachSlow: 1 },
	});
	const held: Parameters<Parameters<typeof answering>[1]>[0][] = [];
	const server = await answering(t, (response) => held.push(response));
	await assert.rejects(
		fetch(server.port, { timeoutMilliseconds: 500 }),
		isLate,
	);
	const first = fetch(server.port);
	await eventually("the slow place is taken", () => held.length === 2);
	let isOver = false;
	const left = fetch(server.port, { signal: AbortSignal.abort() });
	left.catch(() => {
		isOver = true;
	});
	await eventually("it has ended", () => isOver);
	json(held[1] as (typeof held)[0], {});
	assert.equal((await first).status, 200);
});

it("a nested request does not wait for a place, as another request may be waiting for it", async (t) => {
	const fetch = await createFetching(t, { limits: { ...usual, each: 2 } });
	const silent = await answering(t, () => {});
	const client = new AbortController();
	const wait = (isNested: boolean) =>
		fetch(silent.port, { signal: client.signal, isNested }).catch(
			(error) => error,
		);
	const waiting = [wait(false), wait(true)];
	await assert.rejects(fetch(silent.port, { isNested: true }), isBusy);
	client.abort();
	await Promise.all(waiting);
});

it("above the total limit, requests to any hop wait for a place, and are busy if there is none in time", async (t) => {
	const fetch = await createFetching(t, {
		limits: { ...usual, each: 2, all: 3 },
	});
	const silent = [
		await answering(t, () => {}),
		await answering(t, () => {}),
	] as const;
	const healthy = await answering(t, (response) => json(response, {}));
	const client = new AbortController();
	const wait = (port: number) =>
		fetch(port, { signal: client.signal }).catch((error) => error);
	const waiting = [silent[0], silent[0], silent[1]].map(({ port }) =>
		wait(port),
	);
	await assert.rejects(
		fetch(healthy.port, { timeoutMilliseconds: 100 }),
		isBusy,
	);
	const patient = fetch(healthy.port);
	client.abort();
	await Promise.all(waiting);
	assert.equal((await patient).status, 200);
});

it("an answer waits for memory, and fails with the error of reserve", async (t) => {
	const fetch = await createFetching(t);
	const large = await answering(t, (response) =>
		json(response, { text: "x".repeat(300_000) }),
	);
	const asked: number[] = [];
	const reserve = async (bytes: number) => void asked.push(bytes);
	const { body } = await fetch(large.port, { reserve });
	assert.ok(body.length > 300_000);
	assert.ok(asked.reduce((sum, bytes) => sum + bytes, 0) >= body.length);
	const full = new AgentError("busy", "no memory");
	await assert.rejects(
		fetch(large.port, { reserve: () => Promise.reject(full) }),
		full,
	);
	await eventually("its connection has ended", () => large.open() <= 1);
});

it("an aborted request closes its connection", async (t) => {
	const fetch = await createFetching(t);
	for (const server of [
		await answering(t, () => {}),
		await answering(t, (response) => response.write("{")),
		await listening(t, (socket) => socket.resume()),
	]) {
		const client = new AbortController();
		const { signal } = client;
		const asked = fetch(server.port, { signal });
		await eventually("the connection", () => server.open() === 1);
		client.abort();
		await assert.rejects(asked);
		await eventually("its end", () => server.open() === 0);
	}
});

it("requests waiting for a connection get one when it is free", async (t) => {
	const fetch = await createFetching(t);
	const server = await answering(t, (response) => {
		setTimeout(json, 100, response, {});
	});
	const all = Array.from({ length: 200 }, () => fetch(server.port));
	const answers: Fetched[] = await Promise.all(all);
	assert.ok(answers.every(({ status }) => status === 200));
	assert.equal(server.accepted(), 64);
});

it("an answer in chunks of one byte leaves turns of the event loop to others", async (t) => {
	const fetch = await createFetching(t);
	const bytes = 100_000;
	const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	const server = await answering(t, ({ socket }) => {
		socket?.write(`${head}${"1\r\nx\r\n".repeat(bytes)}0\r\n\r\n`);
	});
	let turns = 0;
	let isDone = false;
	const turn = () => {
		turns++;
		if (!isDone) setImmediate(turn);
	};
	turn();
	const { body } = await fetch(server.port);
	isDone = true;
	assert.equal(body.toString(), "x".repeat(bytes));
	assert.ok(turns > 200, `${turns} turns`);
});

it("a request abandoned before it is sent leaves its kept connection to others", async (t) => {
	const fetch = await createFetching(t);
	const server = await answering(t, (response) => json(response, {}));
	await fetch(server.port);
	const client = new AbortController();
	const asked = fetch(server.port, { signal: client.signal });
	client.abort();
	await assert.rejects(asked);
	// one turn later it is given back
	await new Promise((resolve) => setImmediate(resolve));
	assert.equal((await fetch(server.port)).status, 200);
	assert.equal(server.accepted(), 1);
	assert.equal(server.arrived.length, 2);
});

it("a request that cannot be written leaves no connection open", async (t) => {
	const fetch = await createFetching(t);
	const server = await answering(t, (response) => json(response, {}));
	await assert.rejects(
		fetch(server.port, { headers: { "not a name": "x" } }),
		(error) => {
			assert.ok(error instanceof RelayError && error.isUnsent, String(error));
			return true;
		},
	);
	await eventually("the end", () => server.open() === 0);
	assert.equal(server.arrived.length, 0);
});

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

/** Places enough to see what is shared, and few enough for a busy machine. */
const few = { each: 32, all: 128, eachSlow: 8, allSlow: 16 };

it("200 requests at once to a hop that takes its time are all answered", async (t) => {
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
	it(`a hop that ${kind} does not keep the requests to others waiting`, async (t) => {
		const fetch = await createFetching(t, { limits: few });
		const silent = await start(t as never);
		const healthy = await answering(t, (response) => json(response, {}));
		// far longer than the others take on a busy machine
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
		// it is known to be slow now, and gets a few places only, each of them again and again
		const again = Array.from({ length: 40 }, () =>
			fetch(silent.port, { timeoutMilliseconds: 300 }).catch((error) => error),
		);
		await eventually("a few connections", () => silent.open() > 0);
		assert.ok(silent.open() <= 8, `${silent.open()} connections`);
		assert.equal((await fetch(healthy.port)).status, 200);
		for (const error of await Promise.all(again))
			assert.ok(isLate(error) || isBusy(error), String(error));
	});

it("a hop that answers again gets all its places back", async (t) => {
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
	// with one place they would take ten seconds
	const many = await Promise.all(
		Array.from({ length: 20 }, () =>
			fetch(server.port, { timeoutMilliseconds: 8_000 }),
		),
	);
	assert.ok(many.every(({ status }) => status === 200));
});

it("a nested request does not wait for a place: it may be waited for itself", async (t) => {
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

it("over the limit for all, any hop waits for a place, and is busy when there is none in time", async (t) => {
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

it("an answer waits for memory, and gives up with what keeps it from that", async (t) => {
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

it("a caller that gives up closes its connection", async (t) => {
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

it("requests that wait for a connection get one when it is free", async (t) => {
	const fetch = await createFetching(t);
	const server = await answering(t, (response) => {
		setTimeout(json, 100, response, {});
	});
	const all = Array.from({ length: 200 }, () => fetch(server.port));
	const answers: Fetched[] = await Promise.all(all);
	assert.ok(answers.every(({ status }) => status === 200));
	assert.equal(server.accepted(), 64);
});

import assert from "node:assert/strict";
import { it } from "node:test";
import { AgentError } from "../../../src/agent-error.ts";
import type { Fetched } from "../../../src/relay/https-fetch.ts";
import { RelayError } from "../../../src/relay/relay-error.ts";
import { eventually } from "../../support/eventually.ts";
import { createFetching } from "../../support/fetching.ts";
import { answering, json, listening } from "../../support/next-hop.ts";

const isBusy = (error: unknown) =>
	error instanceof AgentError && error.code === "relay-busy";
const isLate = (error: unknown) =>
	error instanceof RelayError && error.isTimeout;

for (const [kind, start] of [
	["does not speak", (t) => listening(t, (socket) => socket.resume())],
	["does not answer", (t) => answering(t, () => {})],
] as const satisfies [string, (t: never) => unknown][])
	it(`a hop that ${kind}: 128 of 200 wait, the others are refused at once`, async (t) => {
		const fetch = await createFetching(t);
		const silent = await start(t as never);
		const healthy = await answering(t, (response) => json(response, {}));
		const before = process.memoryUsage().rss;
		const timeoutMilliseconds = 4_000;
		const body = Buffer.alloc(10_000, "a");
		const errors: unknown[] = [];
		const asked = Array.from({ length: 200 }, () =>
			fetch(silent.port, { timeoutMilliseconds, body }).catch((error) => {
				errors.push(error);
			}),
		);
		await new Promise(setImmediate);
		assert.equal(errors.length, 72, "refused at once");
		assert.ok(errors.every(isBusy), String(errors[0]));
		assert.match(String(errors[0]), new RegExp(`127.0.0.1:${silent.port}`));
		for (let n = 0; n < 20; n++)
			assert.equal((await fetch(healthy.port)).status, 200);
		assert.equal(errors.length, 72, "the others wait");
		await eventually("64 connections", () => silent.open() === 64);
		assert.equal(silent.accepted(), 64);
		await Promise.all(asked);
		assert.equal(errors.slice(72).filter(isLate).length, 128);
		const grown = (process.memoryUsage().rss - before) / 2 ** 20;
		assert.ok(grown < 150, `${grown} MiB more`);
		await eventually("all have ended", () => silent.open() === 0);
		// every place is free again
		const again = Array.from({ length: 128 }, () =>
			fetch(silent.port, { timeoutMilliseconds: 100 }).catch((error) => error),
		);
		assert.ok((await Promise.all(again)).every(isLate));
	});

it("a nested request does not wait for a connection: it may be waited for itself", async (t) => {
	const fetch = await createFetching(t, {
		limits: { each: 4, all: 8, eachNested: 2 },
	});
	const silent = await answering(t, () => {});
	const client = new AbortController();
	const wait = (isNested: boolean) =>
		fetch(silent.port, { signal: client.signal, isNested }).catch(
			(error) => error,
		);
	const waiting = [wait(false), wait(true)];
	await assert.rejects(fetch(silent.port, { isNested: true }), isBusy);
	waiting.push(wait(false));
	await assert.rejects(fetch(silent.port, { isNested: true }), isBusy);
	client.abort();
	await Promise.all(waiting);
});

it("512 in all: then 503 for any hop, until some are over", async (t) => {
	const fetch = await createFetching(t, {
		limits: { each: 2, all: 3, eachNested: 1 },
	});
	const silent = [
		await answering(t, () => {}),
		await answering(t, () => {}),
	] as const;
	const client = new AbortController();
	const wait = (port: number) =>
		fetch(port, { signal: client.signal }).catch((error) => error);
	const waiting = [silent[0], silent[0], silent[1]].map(({ port }) =>
		wait(port),
	);
	await assert.rejects(fetch(silent[0].port), isBusy);
	await assert.rejects(fetch(silent[1].port), isBusy);
	client.abort();
	await Promise.all(waiting);
	const healthy = await answering(t, (response) => json(response, {}));
	assert.equal((await fetch(healthy.port)).status, 200);
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
	const all = Array.from({ length: 128 }, () => fetch(server.port));
	const answers: Fetched[] = await Promise.all(all);
	assert.ok(answers.every(({ status }) => status === 200));
	assert.equal(server.accepted(), 64);
});

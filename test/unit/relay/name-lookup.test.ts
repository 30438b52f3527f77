import assert from "node:assert/strict";
import type { LookupAddress } from "node:dns";
import { test } from "node:test";
import {
	createNameLookup,
	type Resolve,
} from "../../../src/relay/name-lookup.ts";

type Found = Parameters<Resolve>[1];

/** A resolver that answers when the test says so, and a clock that the test sets. */
function setUp(limits = { max: 4, maxDoubtful: 2 }) {
	const asked: string[] = [];
	const open = new Map<string, Found>();
	let milliseconds = 0;
	const lookup = createNameLookup({
		resolve: (host, found) => {
			asked.push(host);
			open.set(host, found);
		},
		limits,
		now: () => milliseconds,
	});
	return {
		asked,
		wait: (more: number) => {
			milliseconds += more;
		},
		/** The addresses of a name, or the code of an error. */
		ask: (host: string, family = 0) =>
			new Promise<string>((resolve) => {
				lookup(host, { all: true, family }, (error, found) =>
					resolve(
						error
							? String(error.code)
							: (found as LookupAddress[])
									.map(({ address, family }) => `${address}/${family}`)
									.join(),
					),
				);
			}),
		first: (host: string) =>
			new Promise<unknown[]>((resolve) => {
				lookup(host, {}, (...answer) => resolve(answer));
			}),
		answer: (host: string, ...addresses: string[]) =>
			open.get(host)?.(addresses),
		fail: (host: string, code = "EAI_AGAIN") =>
			open.get(host)?.(Object.assign(new Error(code), { code })),
	};
}

test("concurrent requests for a name share one look-up", async () => {
	const { ask, answer, asked } = setUp();
	const all = [ask("web01"), ask("web01"), ask("web01", 6)];
	answer("web01", "192.0.2.1", "2001:db8::1");
	assert.deepEqual(await Promise.all(all), [
		"192.0.2.1/4,2001:db8::1/6",
		"192.0.2.1/4,2001:db8::1/6",
		"2001:db8::1/6",
	]);
	assert.deepEqual(asked, ["web01"]);
	const again = ask("web01");
	answer("web01", "192.0.2.2");
	assert.equal(await again, "192.0.2.2/4", "what was found is not kept");
});

test("returns one address if one is wanted; fails if none has the wanted family", async () => {
	const { ask, first, answer } = setUp();
	const one = first("web01");
	const none = ask("web01", 6);
	answer("web01", "192.0.2.1", "192.0.2.2");
	assert.deepEqual(await one, [null, "192.0.2.1", 4]);
	assert.equal(await none, "ENOTFOUND");
});

test("caches a failure for five seconds", async () => {
	const { ask, fail, asked, wait } = setUp();
	const before = ask("dead");
	fail("dead");
	assert.equal(await before, "EAI_AGAIN");
	wait(4_999);
	assert.equal(await ask("dead"), "EAI_AGAIN");
	assert.deepEqual(asked, ["dead"]);
	wait(1);
	const after = ask("dead");
	fail("dead", "ENOTFOUND");
	assert.equal(await after, "ENOTFOUND");
	assert.deepEqual(asked, ["dead", "dead"]);
});

test("names that failed before leave look-ups for others", async () => {
	const { ask, fail, answer, asked, wait } = setUp();
	const dead = ["dead1", "dead2", "dead3", "dead4"];
	const failed = dead.map((host) => ask(host));
	for (const host of dead) fail(host);
	await Promise.all(failed);
	wait(5_000);
	for (const host of dead) void ask(host);
	assert.deepEqual(asked.slice(4), ["dead1", "dead2"]);
	const good = [ask("web01"), ask("web02"), ask("web03")];
	assert.deepEqual(asked.slice(6), ["web01", "web02"]);
	answer("web01", "192.0.2.1");
	assert.equal(await good[0], "192.0.2.1/4");
	// none of the dead names
	assert.deepEqual(asked.slice(8), ["web03"]);
	fail("dead1");
	assert.deepEqual(asked.slice(9), ["dead3"]);
});

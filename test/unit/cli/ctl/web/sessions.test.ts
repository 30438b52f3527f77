import assert from "node:assert/strict";
import { test } from "node:test";
import { Sessions } from "../../../../../cli/ctl/web/sessions.ts";

test("a token works once and in time, a key until twelve hours without a request", () => {
	let now = 0;
	const sessions = new Sessions(() => now);
	const token = sessions.createToken(1_000);
	assert.match(token, /^[\w-]{43}$/);
	assert.equal(sessions.open(""), undefined);
	assert.equal(sessions.open(`${token} `), undefined);
	const key = sessions.open(token) ?? "";
	assert.match(key, /^[\w-]{43}$/);
	assert.notEqual(key, token);
	assert.equal(sessions.open(token), undefined, "used");
	assert.ok(sessions.has(key));
	assert.ok(!sessions.has(token), "a token is no key");
	assert.equal(sessions.open(key), undefined, "a key is no token");

	const late = sessions.createToken(1_000);
	now += 1_000;
	assert.equal(sessions.open(late), undefined, "too old");

	const hours = 60 * 60_000;
	now += 11 * hours;
	assert.ok(sessions.has(key));
	now += 11 * hours;
	assert.ok(sessions.has(key), "a request keeps it");
	now += 12 * hours;
	assert.ok(!sessions.has(key));
});

test("tokens and sessions are bounded, and the one used last stays", () => {
	const sessions = new Sessions(() => 0);
	const tokens = Array.from({ length: 17 }, () => sessions.createToken(1));
	assert.equal(sessions.open(tokens[0] ?? ""), undefined);
	const first = sessions.open(tokens[1] ?? "") ?? "";
	for (let n = 0; n < 63; n++) {
		sessions.open(sessions.createToken(1));
		assert.ok(sessions.has(first));
	}
	const oldest = sessions.open(sessions.createToken(1)) ?? "";
	assert.ok(sessions.has(first), "in use, and so not the one that leaves");
	for (let n = 0; n < 64; n++) sessions.open(sessions.createToken(1));
	assert.ok(!sessions.has(oldest));
	assert.ok(!sessions.has(first));
});

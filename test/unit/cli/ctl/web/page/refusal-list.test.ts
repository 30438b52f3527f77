import assert from "node:assert/strict";
import { test } from "node:test";
import {
	calledText,
	callerText,
	keyOf,
	type Refusal,
} from "../../../../../../cli/ctl/web/page/refusal-list.ts";

const refusal = (more: Partial<Refusal> = {}): Refusal => ({
	...{ id: "a1", decision: "refused", count: 1, first_at: 5, last_at: 5 },
	...{ who: [], proof: { address: "192.0.2.1" }, unproved_hops: 0 },
	...{ protocol: "https", operation: "relayRequest", permission: "relay" },
	...{ hop: "db1:6777", rule: null, reason: "no rule", allow: null },
	...more,
});

test("refusals are told apart, but stay the same when they happen again", () => {
	const key = keyOf(refusal());
	for (const other of [
		{ decision: "limited" as const },
		{ first_at: 6 },
		{ who: ["ops"] },
		{ proof: { address: "192.0.2.2" } },
		{ unproved_hops: 1 },
		{ hop: "db2:6777" },
		{ command: "disk", options: ["a b"] },
	])
		assert.notEqual(keyOf(refusal(other)), key, JSON.stringify(other));
	const again = { id: "a2", count: 2, last_at: 9, allow: "rules: []" };
	assert.equal(keyOf(refusal(again)), key);
});

test("a refusal says who called what", () => {
	assert.equal(calledText(refusal()), "relayRequest to db1:6777");
	assert.equal(calledText(refusal({ hop: null })), "relayRequest");
	const called = { command: "disk", options: ["-w", "5%"], hop: null };
	assert.equal(calledText(refusal(called)), "disk -w 5%");
	assert.equal(callerText(refusal({ who: ["ops"] })), "ops (192.0.2.1)");
	assert.equal(
		callerText(refusal({ proof: { admin: true }, unproved_hops: 1 })),
		"the admin socket, relayed",
	);
});

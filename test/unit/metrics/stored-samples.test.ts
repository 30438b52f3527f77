import assert from "node:assert/strict";
import { test } from "node:test";
import { startTestAgent } from "../../support/agent.ts";
import { post, send } from "../../support/https.ts";

/** Unusual entries that the contract allows, and how they are answered. */
const entries: readonly [sent: string, answered: string][] = [
	[
		'{"hostname":"a","timestamp":1,"metrics":{"m":1},"unknown":1,"list":[[[{"x":1e999}]]]}',
		'{"hostname":"a","timestamp":1,"metrics":{"m":1}}',
	],
	[
		'{"extra":null,"metrics":{"m":1,"m":2},"timestamp":1,"hostname":"x","hostname":"b"}',
		'{"hostname":"b","timestamp":1,"metrics":{"m":2}}',
	],
	[
		'{"hostname":"\\ud800c","timestamp":1,"metrics":{"\\ud800":1,"\\udfff":2,"\\ud83d\\ude00":3}}',
		'{"hostname":"\ufffdc","timestamp":1,"metrics":{"\ufffd":2,"😀":3}}',
	],
	[
		'{"hostname":"d","timestamp":-0,"metrics":{"__proto__":1,"constructor":-0,"tiny":1e-999,"big":1.7976931348623157e308}}',
		'{"hostname":"d","timestamp":0,"metrics":{"__proto__":1,"constructor":0,"tiny":0,"big":1.7976931348623157e+308}}',
	],
	[
		'{"hostname":"e","timestamp":1.0,"metrics":{},"__proto__":{"metrics":{"x":1}}}',
		'{"hostname":"e","timestamp":1,"metrics":{}}',
	],
];

test("stored samples have only the contract's fields, and are answered as strict JSON", async (t) => {
	const { port } = await startTestAgent(t);
	const append = (body: string) =>
		send({ port, method: "POST", path: "/metric/append", body });
	const body = `{"metric_data":[${entries.map(([sent]) => sent).join(",")}]}`;
	const stored = await append(body);
	assert.equal(stored.status, 200, stored.text);
	const expected = `[${entries.map(([, answered]) => answered).join(",")}]`;
	const answers = [
		await post(port, "/metric/peek", {}),
		await post(port, "/metric/lease", { seconds: 1 }),
	];
	for (const { status, text } of answers) {
		assert.equal(status, 200);
		assert.ok(text.includes(`"metric_data":${expected}`), text);
		assert.equal(JSON.stringify(JSON.parse(text)), text);
	}
	for (const value of ["1e999", "-1e999", "NaN", "Infinity", '"1"']) {
		const bad = `{"metric_data":[{"hostname":"","timestamp":1,"metrics":{"m":${value}}}]}`;
		assert.equal((await append(bad)).status, 400, value);
	}
	// the refusal quotes a shortened text, which must not split a character
	const odd = `{"metric_data":[{"hostname":1,"timestamp":1,"metrics":{}}],"x":1}`;
	assert.equal((await append(odd)).status, 400);
	for (const length of [59, 60]) {
		const name = `"${"a".repeat(length)}😀\\ud800"`;
		const { status, text } = await append(
			`{"metric_data":[{"hostname":"","timestamp":${name},"metrics":{}}]}`,
		);
		assert.equal(status, 400);
		assert.doesNotMatch(text.replaceAll("\\\\", ""), /\\ud[89a-f]/);
	}
});

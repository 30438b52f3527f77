import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { strictJson } from "../../src/strict-json.ts";

/** Checks for lone surrogates, duplicate names and numbers outside JSON. */
function assertStrict(text: string) {
	assert.doesNotMatch(text.replaceAll("\\\\", ""), /\\ud[89a-f]/i);
	assert.equal(JSON.stringify(JSON.parse(text)), text);
}

test("lone surrogates become U+FFFD, in names too; everything else stays", () => {
	assert.equal(strictJson({ a: "x\ud800y" }), '{"a":"x\ufffdy"}');
	assert.equal(strictJson(["\udc00\ud83d\ude00"]), '["\ufffd😀"]');
	// two names that become equal
	assert.equal(
		strictJson({ m: { "\ud800": 1, b: 2, "\udfff": 3 } }),
		'{"m":{"\ufffd":3,"b":2}}',
	);
	assert.equal(strictJson("\\ud800"), '"\\\\ud800"');
	assert.equal(
		strictJson(JSON.parse('{"__proto__":{"\\ud800":null}}')),
		'{"__proto__":{"\ufffd":null}}',
	);
	assert.equal(strictJson({ a: -0, b: undefined }), '{"a":0}');
});

test("serializes any parsed JSON as strict JSON", () => {
	const half = fc.constantFrom("\ud800", "\udc00", "\\", "u", "a", "😀");
	const name = fc.array(half, { maxLength: 4 }).map((parts) => parts.join(""));
	const { value } = fc.letrec((tie) => ({
		value: fc.oneof(
			{ maxDepth: 4 },
			fc.oneof(
				name,
				fc.double({ noNaN: true, noDefaultInfinity: true }),
				fc.constant(null),
			),
			fc.array(tie("value"), { maxLength: 3 }),
			fc.dictionary(name, tie("value"), { maxKeys: 4 }),
		),
	}));
	fc.assert(
		fc.property(value, (given) => assertStrict(strictJson(given))),
		{ numRuns: 2000 },
	);
});

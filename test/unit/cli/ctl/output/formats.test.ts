import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import {
	graphiteLine,
	jsonText,
	withYamlKey,
	yamlText,
} from "../../../../../cli/ctl/output/formats.ts";

const evil = "a\x1b[2J\r\n\u009b1m\u202ex\ud800\u2028\tz";

test("JSON and YAML have the same data and no raw control characters", () => {
	const value = [
		{ host: evil, "k\u009be\ny": [1, null, true, "", "yes", " x "] },
	];
	for (const text of [jsonText(value, 2), yamlText(value)]) {
		// biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
		assert.doesNotMatch(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]/);
		assert.deepEqual(parse(text), value);
	}
	assert.equal(
		withYamlKey("# mine\na: 1 # one\n", "b", "x"),
		"# mine\na: 1 # one\nb: x\n",
	);
});

test("paths of Graphite have no spaces and no dots from host names", () => {
	assert.equal(
		graphiteLine("web01.example.net", "disk /var used%\n", 1.5, 7),
		"web01_example_net.disk_var_used%_ 1.5 7\n",
	);
	assert.equal(graphiteLine("", "a", 1, 2), "_.a 1 2\n");
});

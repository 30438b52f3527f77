import assert from "node:assert/strict";
import { test } from "node:test";
import {
	overContext,
	parseConfigFile,
} from "../../../../../cli/ctl/target/config-file.ts";

test("paths in a context are relative to its file; flags drop what they replace", () => {
	const { current, contexts } = parseConfigFile(
		"current-context: a\ncontexts:\n  a:\n    hosts: [web01, web02]\n    via: [b1]\n    ca-file: ca.pem\n    key-file: ~/key\n    insecure: no\n    timeout-seconds: 5\n  b:\n",
		"/etc/happo/ctl.yaml",
		"/home/me",
	);
	assert.equal(current, "a");
	const context = contexts.get("a") ?? {};
	assert.deepEqual(context, {
		host: ["web01", "web02"],
		via: ["b1"],
		"ca-file": ["/etc/happo/ca.pem"],
		"key-file": ["/home/me/key"],
		insecure: ["no"],
		"timeout-seconds": ["5"],
	});
	assert.deepEqual(contexts.get("b"), {});
	const over = overContext(context, { group: ["G"], fingerprint: ["ab"] });
	assert.deepEqual(Object.keys(over).sort(), [
		...["fingerprint", "group", "key-file", "timeout-seconds", "via"],
	]);
	assert.deepEqual(overContext(context, {}), context);
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { permissions } from "../../generated/permissions.ts";
import { parsePolicy } from "../../src/policy/policy.ts";
import { slotTypeNames } from "../../src/policy/slot-types.ts";
import { ctl } from "../support/happo-ctl.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { indentedBlocks } from "../support/walkthrough.ts";

const text = readFileSync("contrib/doc/policy.md", "utf8");
const blocks = indentedBlocks(text).map(({ lines }) => `${lines.join("\n")}\n`);

/** The only block that begins like this. */
function blockOf(start: string): string {
	const found = blocks.filter((block) => block.startsWith(start));
	assert.equal(found.length, 1, start);
	return found[0] ?? "";
}

test("the example is sound, and its cases are decided as they say", async (t) => {
	const policy = blockOf("version: 1");
	assert.deepEqual(parsePolicy(policy).warnings, []);
	const directory = await temporaryDirectory(t);
	const file = join(directory, "policy.test.yaml");
	await writeFile(join(directory, "policy.yaml"), policy);
	await writeFile(file, blockOf("policy: "));
	const { code, stdout, stderr } = await ctl(t, ["policy", "test", file]);
	assert.equal(stderr, "");
	assert.equal(stdout, `${file}: 12 cases, 0 failed\n`);
	assert.equal(code, 0);

	const [command = "", ...shown] = blockOf("$ happo-ctl policy explain")
		.trimEnd()
		.split("\n");
	const words = command
		.replace("policy.yaml", join(directory, "policy.yaml"))
		.split(" ");
	const explained = await ctl(t, words.slice(2));
	assert.equal(explained.stdout, `${shown.join("\n")}\n`);
});

test("all permissions, types and keys are described", () => {
	for (const name of [...permissions, ...slotTypeNames])
		assert.ok(text.includes(`\`${name}\``), name);
	// what an unknown key may be instead
	const keysIn = (policy: string) => {
		try {
			parsePolicy(policy);
		} catch (error) {
			return (
				/it may have (.*)$/m.exec((error as Error).message)?.[1]?.split(", ") ??
				[]
			);
		}
		return [];
	};
	const keys = [
		...keysIn("version: 1\nx: 1"),
		...keysIn("version: 1\nwho: { a: { x: 1 } }"),
		...keysIn("version: 1\ncommands: { a: { run: [a], x: 1 } }"),
		...keysIn("version: 1\nrules: [{ x: 1 }]"),
	];
	assert.ok(keys.length > 20, keys.join());
	for (const key of keys)
		assert.match(text, new RegExp(`[\`{ ]${key}(?:[\`,:]| )`), key);
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { permissions } from "../../generated/permissions.ts";
import { parsePolicy } from "../../src/policy/policy.ts";
import { slotTypeNames } from "../../src/policy/slot-types.ts";
import { auditedCheck, writeAuditLog } from "../support/audited-calls.ts";
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
	const policy = blockOf("version: 1\nmode: enforce");
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

test("a policy is learned and compared as the document shows", async (t) => {
	const directory = await temporaryDirectory(t);
	const at = (name: string) => join(directory, name);
	const observing = blockOf("version: 1\nmode: observe");
	await writeFile(at("observe.yaml"), observing);
	const check = (plugin: string, options: string, times: number) =>
		auditedCheck("192.0.2.10", plugin, options, { times });
	await writeAuditLog(at("audit.log"), observing, [
		check("check_disk", "-w 20% -c 10% -p /var", 288),
		check("check_disk", "-w 15% -c 10% -p /srv", 288),
		check("check_mysql", "-H db1 -p hunter2", 288),
		check("check_disk", "-w 20% -c 10% -p /root", 1),
		check("check_load", "-w 5,4,3 -c 10,8,6", 2),
	]);
	const run = async (start: string) => {
		const [command = "", ...shown] = blockOf(start).trimEnd().split("\n");
		const words = command
			.replace(/\b(observe\.yaml|draft\.yaml|audit\.log)\b/g, (name) =>
				at(name),
			)
			.split(" ");
		const { code, stdout } = await ctl(t, words.slice(2));
		const pattern = shown
			.map((line) =>
				line
					.split("...")
					.map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
					.join(".+"),
			)
			.join("\n");
		assert.match(stdout, new RegExp(`^${pattern}\n$`));
		return { code, stdout };
	};
	const learned = await run("$ happo-ctl policy learn");
	assert.equal(learned.code, 0);
	await writeFile(
		at("draft.yaml"),
		learned.stdout
			.replace(/ {2}once-disk:\n(?: {4}.*\n)+/, "")
			.replace("[once-disk, once-load]", "[once-load]"),
	);
	const { code } = await run("$ happo-ctl policy diff");
	assert.equal(code, 1);
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

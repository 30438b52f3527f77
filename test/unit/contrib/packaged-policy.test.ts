import assert from "node:assert/strict";
import { test } from "node:test";
import { happoCtl, runHere } from "../../support/run-here.ts";

const policy = "contrib/packaging/files/policy.yaml";

const explain = async (who: string, ...words: string[]) => {
	const { code, stdout } = await runHere(happoCtl, [
		...["policy", "explain", "--policy", policy, "--as", who],
		...words,
	]);
	return code === 0 && stdout.startsWith("allowed");
};

test("the policy of the packages is valid, without warnings", async () => {
	const { code, stdout, stderr } = await runHere(happoCtl, [
		...["policy", "check", policy],
	]);
	assert.equal(stderr, "");
	assert.match(stdout, /^\S+: valid, [^\n]*\n$/);
	assert.equal(code, 0);
});

for (const [who, line, isAllowed] of [
	["local", "check check_load -w 5,4,3 -c 10,8,6 -r", true],
	["local", "check check_load_average -w 5 -c 10", true],
	["local", "check check_disk -w 20% -c 10% -p / -x /boot -X tmpfs", true],
	["local", "check check_users -w 5 -c 10", true],
	["local", "check check_procs -w 250 -c 400 -s RSZDT", true],
	["local", "check check_swap -w 20% -c 10%", true],
	["local", "read-status", true],
	["local", "read-metrics", true],
	["local", "read-commands", true],
	["local", "read-results", false],
	["local", "read-refusals", false],
	["local", "check check_by_ssh -H x -C id", false],
	["local", "check negate /bin/sh -c id", false],
	["local", "check check_load -w 5 --extra", false],
	["local", "check check_disk -w 1 -p /var/../etc", false],
	["local", "inventory uname -a", false],
	["local", "drain", false],
	["local", "configure", false],
	["local", "relay", false],
	["admin", "inventory uname -a", false],
	["admin", "drain", true],
	["admin", "configure", true],
	["admin", "read-refusals", true],
] as const)
	test(`the policy of the packages ${isAllowed ? "allows" : "refuses"} ${who}: ${line}`, async () => {
		assert.equal(await explain(who, ...line.split(" ")), isAllowed);
	});

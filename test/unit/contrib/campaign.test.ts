import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { positive } from "../../../contrib/development/campaigns/campaign.ts";
import { campaignNamed } from "../../../contrib/development/campaigns/index.ts";
import { writeOutcome } from "../../../contrib/development/campaigns/outcome-file.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

test("an unknown name is refused with the names there are", () => {
	for (const [name, complaint] of [
		["crush", /^no such campaign: crush; there are\n/],
		["toString", /^no such campaign: toString; there are\n/],
		[undefined, /^no campaign named; there are\n/],
	] as const)
		assert.throws(
			() => campaignNamed(name),
			({ message }: Error) => {
				assert.match(message, complaint);
				assert.match(message, /^ {2}abuse \[--program FILE\]/m);
				assert.match(message, /^ {2}crash \[ROUNDS \[SEED\]\]: /m);
				assert.match(message, /^ {2}soak \[MINUTES\]: /m);
				return true;
			},
		);
	assert.match(campaignNamed("crash").summary, /kill -9/);
});

test("a parameter that is no positive number is refused by name", () => {
	assert.equal(positive("ROUNDS", "50"), 50);
	for (const value of ["0", "-1", "many", "Infinity"])
		assert.throws(() => positive("ROUNDS", value), {
			message: `ROUNDS: not a positive number: ${value}`,
		});
});

test("an outcome has a dated file of its own", async (t) => {
	const directory = await temporaryDirectory(t);
	const circumstances = {
		name: "crash",
		began: new Date("2026-11-29T23:30:00Z"),
		ended: new Date("2026-11-30T00:00:00Z"),
		version: "2.0.0, c375ab7",
		machine: "linux on x64, 2 cores",
	};
	const outcome = {
		parameters: { rounds: 50, seed: 7 },
		figures: ["lost: 0", "torn: 1"],
		passed: false,
	};
	const path = await writeOutcome(directory, circumstances, outcome);
	assert.equal(
		await readFile(path, "utf8"),
		`# Campaign crash, 2026-11-29

- FAILED after 30.0 minutes, started 2026-11-29T23:30:00.000Z
- happo-agent 2.0.0, c375ab7
- linux on x64, 2 cores
- rounds 50, seed 7

    lost: 0
    torn: 1
`,
	);
	await writeOutcome(directory, circumstances, { ...outcome, passed: true });
	assert.deepEqual((await readdir(directory)).sort(), [
		"2026-11-29-crash-2.md",
		"2026-11-29-crash.md",
	]);
});

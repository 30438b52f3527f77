import { test } from "node:test";
import { missingForMachine } from "../support/setup-machine.ts";
import { expectKillable } from "../support/setup-runs.ts";

const skip = missingForMachine ?? false;

for (const from of ["v1", "nrpe"] as const)
	for (const [killed, next] of [
		["setup", "back"],
		["setup", "setup"],
		["back", "back"],
	] as const)
		test(
			`in place of ${from}, ${killed} killed at any step, then ${next}`,
			{
				skip,
			},
			(t) => expectKillable(t, { from, killed, next }),
		);

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startDaemon } from "../support/daemon.ts";
import { post } from "../support/https.ts";
import { lacksPeer, missingForCapabilities } from "../support/peer.ts";
import { createScope } from "../support/scope.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const lacking = missingForCapabilities();

test("a plugin with a capability that the unit removes gives 126, with the likely cause", async (t) => {
	if (lacksPeer(t, lacking)) return;
	const scope = createScope();
	t.after(() => scope.end());
	const directory = await temporaryDirectory(scope);
	const at = (name: string) => join(directory, name);
	for (const name of ["check_plain", "check_raw"])
		await copyFile("/bin/echo", at(name));
	execFileSync("setcap", ["cap_net_raw+ep", at("check_raw")]);
	await chmod(directory, 0o755);
	const checksUnder = async (setpriv: string) => {
		const node = at("node");
		await writeFile(
			node,
			`#!/bin/sh\nexec setpriv ${setpriv} '${process.execPath}' "$@"\n`,
			{ mode: 0o755 },
		);
		const daemon = await startDaemon(
			scope,
			[`--nagios-plugin-paths=${directory}`],
			{ node, directory },
		);
		const answers: unknown[] = [];
		for (const plugin_name of ["check_plain", "check_raw"]) {
			const { json } = await post(daemon.port, "/monitor", {
				plugin_name,
				plugin_option: "fine",
			});
			answers.push(json);
		}
		assert.equal((await daemon.stop()).code, 0);
		return answers;
	};
	const fine = { return_value: 0, message: "fine\n" };
	assert.deepEqual(await checksUnder("--bounding-set=+net_raw"), [fine, fine]);
	assert.deepEqual(await checksUnder("--bounding-set=-all"), [
		fine,
		{
			return_value: 126,
			message: `stdout=, stderr=/bin/sh: 1: ${at("check_raw")}: Operation not permitted (most likely the file has a capability that the agent's unit or container takes away: getcap, CapabilityBoundingSet=)\n`,
		},
	]);
});

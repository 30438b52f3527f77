import assert from "node:assert/strict";
import { test } from "node:test";
import { commandsOf, groupMembers, sh, until } from "../support/commands.ts";
import { engines } from "../support/engine.ts";
import { lacksPeer } from "../support/peer.ts";

for (const { name, skip } of engines)
	test(`${name}: 200 commands that fork and ignore SIGTERM are all answered and leave nothing behind`, async (t) => {
		if (lacksPeer(t, skip)) return;
		const commands = commandsOf(name, t);
		const results = await Promise.all(
			Array.from({ length: 200 }, () =>
				commands.run(
					sh("trap '' TERM; echo $$; sleep 300 & sleep 300; sleep 300"),
					{
						timeoutMilliseconds: 1500,
					},
				),
			),
		);
		for (const result of results) {
			assert.equal(result.timedOut, true);
			// six hundred processes die within a second, unless the machine is overloaded
			assert.equal(result.signal, result.survived ? undefined : "SIGKILL");
		}
		const survivors = results.filter(({ survived }) => survived);
		assert.ok(survivors.length < 100, `${survivors.length} survived`);
		const groups = results
			.filter(({ stdout }) => stdout.text !== "")
			.map(({ stdout }) => Number(stdout.text));
		await until("all groups are gone", () =>
			groups.every((group) => groupMembers(group).length === 0),
		);
		assert.equal(commands.running, 0);
		assert.equal(commands.survivors, survivors.length);
	});

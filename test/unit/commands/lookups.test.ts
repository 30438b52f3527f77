import assert from "node:assert/strict";
import type { Stats } from "node:fs";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createLookups } from "../../../src/commands/lookups.ts";
import { createPlugins } from "../../../src/commands/plugin.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

/** Look-ups that hang below some directories until they are let go. */
function hanging(directories: string[]) {
	const held: (() => void)[] = [];
	const asked: string[] = [];
	const ask = (file: string) => {
		asked.push(file);
		return directories.some((directory) => file.startsWith(`${directory}/`))
			? new Promise<Stats>((resolve, reject) => {
					held.push(() => stat(file).then(resolve, reject));
				})
			: stat(file);
	};
	return {
		asked,
		lookups: createLookups({ stat: ask, mayRun: async () => {} }, 20),
		letGo: () => {
			directories.length = 0;
			for (const release of held.splice(0)) release();
		},
	};
}

test("a directory that hangs has one look-up; those of others go on", async (t) => {
	const good = await temporaryDirectory(t);
	const bad = await temporaryDirectory(t);
	for (const directory of [good, bad])
		await writeFile(join(directory, "check"), "#!/bin/sh\n", { mode: 0o755 });
	const { lookups, asked, letGo } = hanging([bad]);
	const all = Array.from({ length: 20 }, () =>
		lookups.look(join(bad, "check")),
	);
	assert.notEqual(await lookups.look(join(good, "check")), "late");
	assert.deepEqual(new Set(await Promise.all(all)), new Set(["late"]));
	// at once: it is known
	assert.equal(await lookups.look(join(bad, "check")), "late");
	assert.equal(asked.filter((file) => file.startsWith(bad)).length, 1);
	const back = lookups.settled(bad, 60_000);
	letGo();
	await back;
	assert.notEqual(await lookups.look(join(bad, "check")), "late");
	assert.equal(await lookups.look(join(bad, "none")), "nothing");
});

test("a check in a directory that hangs is answered at its time limit, checks elsewhere at once", async (t) => {
	const [bad, good] = [
		await temporaryDirectory(t),
		await temporaryDirectory(t),
	];
	await writeFile(join(good, "check"), "#!/bin/sh\n", { mode: 0o755 });
	await writeFile(join(bad, "other"), "#!/bin/sh\n", { mode: 0o755 });
	const { lookups, letGo } = hanging([bad]);
	const { prepare } = createPlugins({
		directories: [bad, good],
		allowShell: true,
		lookups,
		timeoutMilliseconds: 60_000,
	});
	const fileOf = async (prepared: ReturnType<typeof prepare>) => {
		const { file } = { file: undefined, ...(await prepared) };
		return file;
	};
	// the directory that hangs comes first, and is passed over
	assert.equal(await fileOf(prepare("check", "")), join(good, "check"));
	assert.deepEqual(await prepare("other", "-w 1", 100), {
		hanging: bad,
		file: join(bad, "other"),
		option: "-w 1",
	});
	// one that comes back in time is heard
	const waiting = prepare("other", "");
	letGo();
	assert.equal(await fileOf(waiting), join(bad, "other"));
});

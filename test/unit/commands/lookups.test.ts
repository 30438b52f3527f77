import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import {
	createLookups,
	type FoundFile,
	lookByPool,
} from "../../../src/commands/lookups.ts";
import { createPlugins } from "../../../src/commands/plugin.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

/** Answers before any timer, however busy the machine is. */
const lookAtOnce = async (file: string): Promise<FoundFile | undefined> => {
	const found = statSync(file, { throwIfNoEntry: false });
	return (
		found && {
			isFile: found.isFile(),
			mode: found.mode,
			size: found.size,
			mayRun: (found.mode & 0o111) !== 0,
		}
	);
};

/** Look-ups that hang in some directories until they are released. */
function hanging(
	directories: readonly string[],
	maxHanging = Number.POSITIVE_INFINITY,
) {
	const hangs = new Set(directories);
	const held: (() => void)[] = [];
	const asked: string[] = [];
	const look = (file: string) => {
		asked.push(file);
		return [...hangs].some((directory) => file.startsWith(`${directory}/`))
			? new Promise<FoundFile | undefined>((resolve) => {
					held.push(() => resolve(lookAtOnce(file)));
				})
			: lookAtOnce(file);
	};
	return {
		hangs,
		/** Look-ups that hold a thread. */
		held: () => held.length,
		/** Look-ups made in a directory. */
		askedIn: (directory: string) =>
			asked.filter((file) => file.startsWith(`${directory}/`)).length,
		lookups: createLookups({ look, maxHanging }, 20),
		letGo: () => {
			hangs.clear();
			for (const release of held.splice(0)) release();
		},
	};
}

/** Directories that each have these plugins. */
async function directoriesWith(
	t: Parameters<typeof temporaryDirectory>[0],
	plugins: Record<string, readonly string[]>,
) {
	const root = await temporaryDirectory(t);
	for (const [directory, names] of Object.entries(plugins)) {
		await mkdir(join(root, directory));
		for (const name of names)
			await writeFile(join(root, directory, name), "#!/bin/sh\n", {
				mode: 0o755,
			});
	}
	return (name: string) => join(root, name);
}

test("a hanging directory has one look-up; other directories go on", async (t) => {
	const at = await directoriesWith(t, { good: ["check"], bad: ["check"] });
	const { lookups, askedIn, letGo } = hanging([at("bad")]);
	const all = Array.from({ length: 20 }, () =>
		lookups.look(at("bad"), "check"),
	);
	assert.notEqual(await lookups.look(at("good"), "check"), "late");
	assert.deepEqual(new Set(await Promise.all(all)), new Set(["late"]));
	// at once, as it is suspect
	assert.equal(await lookups.look(at("bad"), "check"), "late");
	// its subdirectories take no threads of their own either
	assert.equal(await lookups.look(at("bad"), "folder/check"), "late");
	assert.equal(askedIn(at("bad")), 1);
	const back = lookups.settled(at("bad"), 60_000);
	letGo();
	await back;
	assert.notEqual(await lookups.look(at("bad"), "check"), "late");
	assert.equal(await lookups.look(at("bad"), "none"), "nothing");
});

test("a fourth directory goes on when three hang", async (t) => {
	const at = await directoriesWith(t, { a: [], b: [], c: [], good: ["check"] });
	const bad = ["a", "b", "c"].map(at);
	const { lookups, held, askedIn } = hanging(bad);
	for (let round = 0; round < 3; round++) {
		for (const directory of bad)
			assert.equal(await lookups.look(directory, "check"), "late");
		const found = await lookups.look(at("good"), "check");
		assert.equal(typeof found, "object", `round ${round}`);
	}
	assert.equal(held(), 3);
	assert.equal(askedIn(at("good")), 3);
});

test("on the pool, unknown directories are refused once two threads hang; known ones go on", async (t) => {
	const at = await directoriesWith(t, {
		a: [],
		b: [],
		c: [],
		known: ["check"],
	});
	const { lookups, held, askedIn, letGo } = hanging(["a", "b", "c"].map(at), 2);
	assert.equal(typeof (await lookups.look(at("known"), "check")), "object");
	for (const name of ["a", "b", "c"])
		assert.equal(await lookups.look(at(name), "check"), "late");
	assert.equal(held(), 2);
	assert.equal(askedIn(at("c")), 0);
	assert.equal(typeof (await lookups.look(at("known"), "check")), "object");
	// it waits for the look-ups that hold the threads, and does not retry at once
	const back = lookups.settled(at("c"), 60_000);
	letGo();
	await back;
	assert.equal(await lookups.look(at("c"), "check"), "nothing");
});

test("a check whose plugin may be in a hanging directory is answered at its time limit", async (t) => {
	const at = await directoriesWith(t, {
		bad: ["other", "both"],
		good: ["check", "both"],
	});
	const { lookups, hangs, letGo } = hanging([at("bad")]);
	const { prepare } = createPlugins({
		directories: [at("bad"), at("good")],
		allowShell: true,
		lookups,
		timeoutMilliseconds: 60_000,
	});
	const fileOf = async (prepared: ReturnType<typeof prepare>) => {
		const { file } = { file: undefined, ...(await prepared) };
		return file;
	};
	// the first match wins: a later directory has another plugin
	for (const name of ["other", "both", "check"])
		assert.deepEqual(await prepare(name, "-w 1", 100), {
			hanging: at("bad"),
			file: join(at("bad"), name),
			option: "-w 1",
		});
	// a directory that recovers in time is used
	const waiting = prepare("both", "");
	letGo();
	assert.equal(await fileOf(waiting), join(at("bad"), "both"));
	// it does not have this one, and that is remembered when it hangs
	assert.equal(await fileOf(prepare("check", "")), join(at("good"), "check"));
	hangs.add(at("bad"));
	assert.equal(await fileOf(prepare("check", "")), join(at("good"), "check"));
	const { hanging: directory } = {
		hanging: undefined,
		...(await prepare("both", "", 100)),
	};
	assert.equal(directory, at("bad"));
	// a plugin installed there meanwhile is no longer skipped
	letGo();
	await lookups.settled(at("bad"), 60_000);
	await writeFile(join(at("bad"), "check"), "#!/bin/sh\n", { mode: 0o755 });
	assert.equal(await fileOf(prepare("check", "")), join(at("bad"), "check"));
	hangs.add(at("bad"));
	assert.equal(
		await fileOf(prepare("check", "", 100)),
		join(at("bad"), "check"),
	);
});

test("requests for one file share a look-up, and a moving queue is not late", async (t) => {
	const at = await directoriesWith(t, { d: ["check", "other"] });
	const asked: string[] = [];
	const lookups = createLookups(
		{
			maxHanging: 1,
			look: async (file) => {
				asked.push(file);
				// together longer than the time limit
				await setTimeout(20);
				return lookAtOnce(file);
			},
		},
		100,
	);
	const names = Array.from({ length: 10 }, (_, n) => `none${n}`);
	const all = [...names, "check", "check", "other", ...names, "check"];
	const found = await Promise.all(
		all.map((name) => lookups.look(at("d"), name)),
	);
	assert.equal(found.includes("late"), false);
	assert.deepEqual(asked, [
		...[...names, "check", "other"].map((name) => join(at("d"), name)),
		// the first had begun before the second request
		join(at("d"), "none0"),
	]);
});

test("a stalled event loop does not make a look-up late", async (t) => {
	const at = await directoriesWith(t, { d: ["check"] });
	const lookups = createLookups({ maxHanging: 1, look: lookByPool }, 100);
	const found = lookups.look(at("d"), "check");
	const until = performance.now() + 300;
	while (performance.now() < until);
	assert.equal(typeof (await found), "object");
});

test("the addon and the pool see the same files", async (t) => {
	const at = await directoriesWith(t, { d: ["check"] });
	await writeFile(join(at("d"), "plain"), "text", { mode: 0o644 });
	await mkdir(join(at("d"), "folder"));
	const lookups = createLookups();
	for (const name of ["check", "plain", "folder", "none", "check/none"])
		assert.deepEqual(
			await lookups.look(at("d"), name),
			(await lookByPool(join(at("d"), name))) ?? "nothing",
			name,
		);
});

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import {
	goBackToBefore,
	type SetupOptions,
	setUp,
} from "../../cli/setup/run.ts";
import {
	databaseOf,
	machineIn,
	machineWithNrpe,
	machineWithV1,
	samplesIn,
	stateOf,
} from "./setup-machine.ts";

const never = new AbortController().signal;
const options: SetupOptions = {
	...{ from: "v1", isMeant: true, unit: "", environmentFile: "" },
	...{ nrpeConfig: "", acceptsLosses: false },
};

/**
 * Runs setup on a machine in a directory, in this process.
 * @param before called before each step
 * @param signal aborted to interrupt it
 */
export async function setUpIn(
	root: string,
	given: Partial<SetupOptions> = {},
	before?: (step: string) => void,
	signal = never,
) {
	const machine = machineIn(root, before);
	try {
		return await setUp(machine, { ...options, ...given }, signal);
	} finally {
		await machine.end();
	}
}

/** Runs setup --back on a machine in a directory, in this process. */
export async function backIn(root: string, isForced = false) {
	const machine = machineIn(root);
	try {
		return await goBackToBefore(machine, { isForced });
	} finally {
		await machine.end();
	}
}

const child = fileURLToPath(new URL("setup-child.js", import.meta.url));

/**
 * Runs setup in a process of its own, which kills itself at a step.
 * @returns whether it got to its end before
 */
async function setUpKilledAt(
	root: string,
	what: "v1" | "nrpe" | "back",
	step: number,
): Promise<boolean> {
	const started = spawn(process.execPath, [child, root, what, String(step)], {
		stdio: "inherit",
	});
	const [, signal] = await once(started, "close");
	return signal !== "SIGKILL";
}

const isOver = /^(?:returned|done|nothing to do)$/;

/** Keys of v1's machines differ. */
const withoutKeys = (state: Record<string, string>) =>
	Object.entries(state).filter(
		([path]) => !/happo-agent\.(?:key|pub)$/.test(path),
	);

/**
 * Kills setup with SIGKILL at each of its steps in turn, on a new machine each time, and expects the
 * next call to bring the machine to the state before or after.
 * @param parts.killed what is killed: a setup, or going back
 * @param parts.next what is called then
 * @param parts.every kill only at every nth step
 */
export async function expectKillable(
	t: TestContext,
	parts: {
		from: "v1" | "nrpe";
		killed: "setup" | "back";
		next: "setup" | "back";
		every?: number;
	},
): Promise<void> {
	const { from, killed, next, every = 1 } = parts;
	const makeMachine = () =>
		from === "v1" ? machineWithV1(t) : machineWithNrpe(t);
	const complete = await makeMachine();
	await setUpIn(complete, { from });
	const after = withoutKeys(await stateOf(complete));
	for (let step = 0; ; step += every) {
		const root = await makeMachine();
		const before = withoutKeys(await stateOf(root));
		if (killed === "back")
			assert.equal((await setUpIn(root, { from })).result, "done");
		const what = killed === "back" ? "back" : from;
		const isAtEnd = await setUpKilledAt(root, what, step);
		const report = await (next === "back"
			? backIn(root)
			: setUpIn(root, { from }));
		assert.match(report.result, isOver, report.error ?? "");
		assert.deepEqual(
			withoutKeys(await stateOf(root)),
			next === "back" ? before : after,
			`killed at step ${step}`,
		);
		if (from === "v1") {
			const { hosts, isForV1 } = await samplesIn(t, databaseOf(root));
			assert.equal(isForV1, next === "back");
			assert.ok(hosts.length >= 15, `${hosts.length} samples`);
			if (killed === "back") assert.equal(hosts.length, 16);
		}
		await rm(root, { recursive: true });
		if (!isAtEnd) continue;
		assert.ok(step > 10, `only ${step} steps`);
		return;
	}
}

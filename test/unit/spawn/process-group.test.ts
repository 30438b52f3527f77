import assert from "node:assert/strict";
import { test } from "node:test";
import { createProcessGroup } from "../../../src/spawn/process-group.ts";

/** A kill that knows which ids exist (or belong to another user) and records the signals. */
function recordingKill(existing: Set<number>, foreign = new Set<number>()) {
	const sent: [number, NodeJS.Signals][] = [];
	const kill = (pid: number, signal: NodeJS.Signals | 0) => {
		const code = foreign.has(pid) ? "EPERM" : "ESRCH";
		if (!existing.has(pid)) throw Object.assign(new Error(code), { code });
		if (signal !== 0) sent.push([pid, signal]);
	};
	return { kill, sent };
}

test("the group is ours until its leader is reaped", () => {
	const { kill, sent } = recordingKill(new Set([7, -7]));
	const group = createProcessGroup(7, kill);
	assert.equal(group.exists(), true);
	group.signal("SIGTERM");
	assert.deepEqual(sent, [[-7, "SIGTERM"]]);
});

test("signals the processes that the leader left behind", () => {
	const { kill, sent } = recordingKill(new Set([-7]));
	const group = createProcessGroup(7, kill);
	group.leaderExited();
	group.signal("SIGKILL");
	assert.deepEqual(sent, [[-7, "SIGKILL"]]);
});

test("never signals a group that has gone, even if its number is reused", () => {
	const existing = new Set<number>();
	const { kill, sent } = recordingKill(existing);
	const group = createProcessGroup(7, kill);
	group.leaderExited();
	assert.equal(group.exists(), false);
	existing.add(-7);
	assert.equal(group.exists(), false);
	group.signal("SIGKILL");
	assert.deepEqual(sent, []);
});

test("a process with the leader's id after its exit is a stranger", () => {
	const existing = new Set([7, -7]);
	const { kill, sent } = recordingKill(existing);
	const group = createProcessGroup(7, kill);
	group.leaderExited();
	group.signal("SIGTERM");
	existing.delete(7);
	group.signal("SIGKILL");
	assert.equal(group.exists(), false);
	assert.deepEqual(sent, []);
});

test("a process of another user exists", () => {
	const stranger = createProcessGroup(
		7,
		recordingKill(new Set([-7]), new Set([7])).kill,
	);
	stranger.leaderExited();
	assert.equal(stranger.exists(), false);

	const group = createProcessGroup(
		7,
		recordingKill(new Set(), new Set([-7])).kill,
	);
	group.leaderExited();
	assert.equal(group.exists(), true);
	group.signal("SIGTERM");
});

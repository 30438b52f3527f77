import assert from "node:assert/strict";
import { existsSync, lstatSync, mkdirSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
	groupId,
	listenAtFile,
	SocketFileError,
	unsuitable,
} from "../../src/socket-file.ts";
import { leaveDeadSocket } from "../support/dead-socket.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const aServer = (t: TestContext) => {
	const server = createServer((socket) => socket.destroy());
	t.after(() => server.close());
	return server;
};

const place = async (t: TestContext) =>
	join(await temporaryDirectory(t), "admin.sock");

const modeOf = (path: string) => lstatSync(path).mode & 0o777;

test("the file has its mode from its first moment on, whatever the umask", async (t) => {
	const path = await place(t);
	const before = process.umask(0);
	t.after(() => process.umask(before));
	const bound = listenAtFile(aServer(t), path, { mode: 0o600 });
	assert.equal(modeOf(path), 0o600);
	assert.equal(process.umask(), 0);
	await bound;
});

test("a group gets the file with mode 0660, by name or id", async (t) => {
	const id = process.getgid?.() ?? 0;
	for (const group of [String(id), "root"]) {
		if (group === "root" && id !== 0) continue;
		const path = await place(t);
		await listenAtFile(aServer(t), path, { mode: 0o600, group });
		assert.equal(modeOf(path), 0o660);
		assert.equal(lstatSync(path).gid, id);
	}
	assert.equal(groupId("root"), 0);
	const path = await place(t);
	await assert.rejects(
		listenAtFile(aServer(t), path, { mode: 0o600, group: "no-such-group" }),
		/^SocketFileError: \S+: no group no-such-group in \/etc\/group/,
	);
	assert.ok(!existsSync(path));
});

test("a file that a dead agent left is replaced; one in use, and other files, are not", async (t) => {
	const path = await place(t);
	await leaveDeadSocket(path);
	const server = aServer(t);
	await listenAtFile(server, path, { mode: 0o600 });
	const refused = (at: string, message: RegExp) =>
		assert.rejects(listenAtFile(aServer(t), at, { mode: 0o600 }), (error) => {
			assert.ok(error instanceof SocketFileError);
			assert.match(error.message, message);
			return true;
		});
	await refused(path, /another program listens there$/);
	const file = `${path}.txt`;
	await writeFile(file, "kept");
	await refused(file, /exists and is no socket$/);
	assert.ok(existsSync(file));
	await refused(join(path, "x"), /: /);
	await refused(`/tmp/${"x".repeat(120)}`, /longer than 107 bytes$/);
	server.close();
	assert.ok(!existsSync(path));
});

test("unsuitable places are known before", async (t) => {
	const directory = await temporaryDirectory(t);
	assert.equal(unsuitable(join(directory, "admin.sock")), undefined);
	assert.deepEqual(unsuitable(join(directory, "none/admin.sock")), {
		level: "info",
		reason: "no such directory",
	});
	assert.equal(unsuitable(`${directory}/${"x".repeat(120)}`)?.level, "warning");
	const closed = join(directory, "closed");
	mkdirSync(closed);
	await chmod(closed, 0o500);
	if (process.getuid?.() !== 0)
		assert.equal(
			unsuitable(join(closed, "a.sock"))?.reason,
			"permission denied",
		);
});

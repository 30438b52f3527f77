import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { listenOn } from "../../../../cli/broker/broker.ts";
import { ListenError } from "../../../../src/passed-socket.ts";
import { leaveDeadSocket } from "../../../support/dead-socket.ts";
import { temporaryDirectory } from "../../../support/temporary.ts";

function aServer(t: TestContext) {
	const server = createServer((socket) => socket.destroy());
	t.after(() => server.close());
	return server;
}

const place = async (t: TestContext) =>
	join(await temporaryDirectory(t), "broker.sock");

test("a socket file is made for its owner and its group", async (t) => {
	const path = await place(t);
	const before = process.umask();
	await listenOn(aServer(t), { path, fd: undefined });
	assert.equal(statSync(path).mode & 0o777, 0o660);
	assert.equal(process.umask(), before);
});

test("a socket file that a dead broker left is replaced", async (t) => {
	const path = await place(t);
	await leaveDeadSocket(path);
	await listenOn(aServer(t), { path, fd: undefined });
});

test("nobody's socket is taken, and no file is removed", async (t) => {
	const path = await place(t);
	const refused = (reason: RegExp, at = path) =>
		assert.rejects(
			listenOn(aServer(t), { path: at, fd: undefined }),
			(error) => {
				assert.ok(error instanceof ListenError);
				assert.match(error.message, reason);
				return true;
			},
		);
	await listenOn(aServer(t), { path, fd: undefined });
	await refused(/broker\.sock: another program listens there$/);
	const file = `${path}.txt`;
	await writeFile(file, "kept");
	await refused(/: exists and is no socket$/, file);
	assert.ok(existsSync(file));
	await refused(/: no such directory$/, "/nowhere/at/all.sock");
});

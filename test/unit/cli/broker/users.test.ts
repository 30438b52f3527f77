import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { createUsers, userIds } from "../../../../cli/broker/users.ts";
import { nativeMissing } from "../../../support/engine.ts";
import { temporaryDirectory } from "../../../support/temporary.ts";

test("the system says who is at the other end", async (t) => {
	const missing = nativeMissing();
	if (missing) return t.skip(missing);
	const path = join(await temporaryDirectory(t), "socket");
	const accepted = new Promise<Socket>((resolve) => {
		const server = createServer(resolve).listen(path, () => connect(path));
		t.after(() => server.close());
	});
	const socket = await accepted;
	assert.equal(createUsers().of(socket), process.getuid?.());
	socket.destroy();
	assert.equal(createUsers().of(socket), undefined);
});

test("without the addon nobody is known, and it says why", () => {
	const users = createUsers({ reason: "not built" });
	assert.equal(users.missing, "not built");
	assert.equal(users.of({} as Socket), undefined);
});

test("users are named, or given by id", async (t) => {
	const file = join(await temporaryDirectory(t), "passwd");
	await writeFile(file, "root:x:0:0::/:/bin/sh\nnagios:x:117:9::/:\n");
	assert.deepEqual(
		[...userIds(["nagios", "1000", "root"], file)],
		[...[117, 1000, 0]],
	);
	assert.throws(() => userIds(["nagio"], file), /no such user in \S+: nagio$/);
});

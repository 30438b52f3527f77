import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
	openDueQueue,
	type QueueOptions,
} from "../../cli/collector/due-queue.ts";
import { recordingLog } from "../support/agent.ts";
import { eventually as within } from "../support/eventually.ts";
import { natsCredentials } from "../support/nats-credentials.ts";
import { startNats } from "../support/nats-server.ts";
import { missingStore } from "../support/stores.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const eventually = (what: string, holds: () => boolean) =>
	within(what, holds, 60_000);

const missing = missingStore("nats-server");
const skip = process.env.CI !== "true" && missing !== undefined && missing;

/** A file that is replaced at once, as programs that write credentials do. */
async function replacedFile(t: TestContext, name: string, text: string) {
	const path = join(await temporaryDirectory(t), name);
	const write = async (text: string) => {
		await writeFile(`${path}.new`, text, { mode: 0o600 });
		await rename(`${path}.new`, path);
	};
	await write(text);
	return { path, write };
}

/** A queue of this process. */
async function openQueue(
	t: TestContext,
	port: number,
	options: Partial<QueueOptions>,
) {
	const { log, lines } = recordingLog();
	const queue = await openDueQueue({
		...{ servers: [`127.0.0.1:${port}`], name: "happo", log },
		...{ intervalSeconds: 60, passSeconds: 60 },
		...options,
	});
	t.after(() => queue.close());
	const taken = new Set<string>();
	queue.start({
		take: async (key) => {
			taken.add(key);
		},
		isFull: () => false,
	});
	let number = 0;
	const publish = () => queue.publish("web01:6777", ++number);
	return {
		...{ queue, lines, publish },
		/** Waits until a host that is due is taken. */
		works: (when: string) => {
			taken.clear();
			return eventually(`a host is taken: ${when}`, () => {
				publish();
				return taken.size > 0;
			});
		},
	};
}

/** Waits until a server has refused several logins. */
const refusedLogins = (nats: Awaited<ReturnType<typeof startNats>>) =>
	eventually(
		"several refused logins",
		() => [...nats.log().matchAll(/authentication error/g)].length >= 3,
	);

test("a server that refuses logins for a while", { skip }, async (t) => {
	const knows = (password: string) =>
		`authorization { user: fleet, password: ${password} }\n`;
	const config = await replacedFile(t, "nats.conf", knows("right"));
	const nats = await startNats(t, ["--config", config.path]);
	const { works, lines } = await openQueue(t, nats.port, {
		...{ user: "fleet", password: "right" },
	});
	await works("at first");
	await nats.kill();
	await config.write(knows("other"));
	await nats.start();
	await refusedLogins(nats);
	await nats.kill();
	await config.write(knows("right"));
	await nats.start();
	await works("the server knows the user again");
	assert.deepEqual(
		lines.filter((line) => line.includes("server says")),
		["error queue happo: the server says: Authorization Violation"],
	);
});

test("credentials that are renewed", { skip }, async (t) => {
	const { configuration, credentialsUntil } = natsCredentials();
	const now = Math.floor(Date.now() / 1_000);
	const config = await replacedFile(t, "nats.conf", configuration);
	const nats = await startNats(t, ["--config", config.path]);
	const file = await replacedFile(t, "fleet.creds", credentialsUntil(now + 5));
	const { works, lines } = await openQueue(t, nats.port, {
		credentialsFile: file.path,
	});
	await works("at first");
	await refusedLogins(nats);
	await file.write(credentialsUntil(now + 3_600));
	await works("with the renewed file");
	// as while it is being written
	await file.write("");
	await nats.kill();
	await nats.start();
	await works("with what the file had before");
	assert.ok(
		lines.includes(
			"error queue happo: the server says: User Authentication Expired",
		),
		lines.join("\n"),
	);
});

test("a user who must not put hosts into the queue", { skip }, async (t) => {
	const user = (permissions: string) =>
		`authorization { users: [{ user: fleet, password: right\n${permissions} }] }\n`;
	const config = await replacedFile(
		t,
		"nats.conf",
		user('permissions: { publish: { deny: "happo.due" } }'),
	);
	const nats = await startNats(t, ["--config", config.path]);
	const { queue, publish, works, lines } = await openQueue(t, nats.port, {
		...{ user: "fleet", password: "right" },
	});
	for (const failed of [1, 2, 3]) {
		publish();
		await eventually("it fails", () => queue.figures().failed === failed);
	}
	assert.deepEqual(
		lines.filter((line) => !line.startsWith("info")),
		[
			'error queue happo: hosts cannot be put into it: Permissions Violation for Publish to "happo.due"',
		],
	);
	await nats.kill();
	await config.write(user(""));
	await nats.start();
	await works("with the right");
});

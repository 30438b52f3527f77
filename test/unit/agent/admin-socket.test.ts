import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { adminSocketOf } from "../../../src/agent/admin-socket.ts";
import { resolveSettings } from "../../../src/setting-table.ts";
import { daemonSettings } from "../../../src/settings.ts";
import { loadNativeAddon } from "../../../src/spawn/native-addon.ts";
import { recordingLog } from "../../support/agent.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const agentUser = 990;

/** Whether a peer with this user id is an administrator. */
async function isAdmin(
	t: TestContext,
	user: number | undefined,
	{ own = agentUser, isQuickStart = false, hasAddon = true } = {},
) {
	const directory = await temporaryDirectory(t);
	const { log, lines } = recordingLog();
	const socket = adminSocketOf({
		settings: resolveSettings(
			daemonSettings,
			{},
			{},
			{
				"admin-socket": join(directory, "admin.sock"),
				"quick-start": isQuickStart ? directory : "",
			},
		),
		addon: hasAddon ? { peerUser: () => user } : { reason: "not built" },
		log,
		own,
	});
	return { is: socket?.isAdmin({} as Socket), lines };
}

test("the agent's own user is no administrator, as plugins have it; root and others are", async (t) => {
	assert.equal((await isAdmin(t, agentUser)).is, false);
	assert.equal((await isAdmin(t, 0)).is, true);
	assert.equal((await isAdmin(t, 1000)).is, true);
	assert.equal((await isAdmin(t, undefined)).is, false);
});

test("in a quick start, and as root, the agent's user is the administrator", async (t) => {
	const quick = { isQuickStart: true };
	assert.equal((await isAdmin(t, agentUser, quick)).is, true);
	assert.equal((await isAdmin(t, 0, { own: 0 })).is, true);
});

test("if the system cannot tell the user, nobody is an administrator, and the log says so", async (t) => {
	const { is, lines } = await isAdmin(t, 0, { hasAddon: false });
	assert.equal(is, false);
	assert.match(
		lines.join(),
		/warning admin-socket: nobody is an administrator there/,
	);
	const root = await isAdmin(t, 0, { hasAddon: false, own: 0 });
	assert.equal(root.is, true);
	assert.deepEqual(root.lines, []);
});

test("the system tells the user of a real connection", async (t) => {
	const addon = loadNativeAddon();
	if ("reason" in addon) return t.skip(addon.reason);
	const file = join(await temporaryDirectory(t), "admin.sock");
	const user = process.getuid?.() ?? 0;
	const { log } = recordingLog();
	const settings = resolveSettings(
		daemonSettings,
		{},
		{},
		{ "admin-socket": file },
	);
	const server = createServer().listen(file);
	await once(server, "listening");
	t.after(() => server.close());
	const client = connect(file);
	t.after(() => client.destroy());
	const [peer] = (await once(server, "connection")) as [Socket];
	t.after(() => peer.destroy());
	const asked = (own: number) =>
		adminSocketOf({ settings, addon, log, own })?.isAdmin(peer);
	assert.equal(asked(user + 1), true);
	assert.equal(asked(user), user === 0);
});

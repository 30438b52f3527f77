import assert from "node:assert/strict";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
	type PolicyMode,
	warnOfRisks,
} from "../../../src/agent/start-warnings.ts";
import { resolveSettings } from "../../../src/setting-table.ts";
import { type DaemonSettings, daemonSettings } from "../../../src/settings.ts";
import { loadKeyPair } from "../../../src/tls/key-pair.ts";
import { recordingLog, writeTestKeyPair } from "../../support/agent.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

/** The warnings at startup with these settings. */
async function warnings(
	t: TestContext,
	given: Partial<DaemonSettings>,
	keyMode = 0o600,
	policyMode: PolicyMode = "enforce",
	{ isBastion = false, isUnverified = false } = {},
) {
	const directory = await temporaryDirectory(t);
	const pair = await writeTestKeyPair(directory);
	await chmod(pair["private-key"], keyMode);
	const { log, lines } = recordingLog();
	await warnOfRisks({
		settings: resolveSettings(daemonSettings, {}, {}, { ...pair, ...given }),
		keyPair: await loadKeyPair({
			certificateFile: pair["public-key"],
			privateKeyFile: pair["private-key"],
		}),
		trust: { tls: {}, pin: () => undefined, isUnverified },
		policyMode,
		isBastion,
		log,
	});
	return lines.map((line) =>
		line.replaceAll(directory, "").replaceAll(userInfo().username, "USER"),
	);
}

const can =
	"every allowed host and every user of this machine can run commands";

for (const [given, expected] of [
	[{}, " (shell, inventory, config-update)"],
	[{ inventory: false }, " (shell, config-update)"],
	[{ "config-update": false }, " (shell, inventory)"],
	[{ shell: false }, " (inventory, config-update)"],
	[{ shell: false, inventory: false, "config-update": false }, ""],
] as const)
	test(`without a policy, warns in one line of what clients can do: ${JSON.stringify(given)}`, async (t) => {
		assert.deepEqual(await warnings(t, given, 0o600, "none"), [
			`warning there is no policy: ${can} as USER${expected}`,
		]);
		assert.deepEqual(await warnings(t, given, 0o600, "observe"), [
			`warning the policy only observes: ${can} as USER${expected}`,
		]);
	});

const quiet = { shell: false, "config-update": false };

test("logs nothing where a policy is in force", async (t) => {
	assert.deepEqual(await warnings(t, {}), []);
	assert.deepEqual(await warnings(t, quiet, 0o640), []);
});

for (const [mode, what] of [
	[0o644, "read"],
	[0o602, "change"],
] as const)
	test(`names a private key with mode 0${mode.toString(8)}`, async (t) => {
		const key = "warning private key /agent.key: mode";
		assert.deepEqual(await warnings(t, quiet, mode), [
			`${key} 0${mode.toString(8)}, every user of this machine can ${what} it (chmod 600)`,
		]);
	});

test("names a passphrase file and the key for next hops", async (t) => {
	const directory = await temporaryDirectory(t);
	const passphrase = join(directory, "phrase");
	const key = join(directory, "hop.key");
	for (const file of [passphrase, key]) {
		await writeFile(file, "x");
		await chmod(file, 0o604);
	}
	assert.deepEqual(
		await warnings(t, {
			...quiet,
			"private-key-passphrase-file": passphrase,
			"proxy-private-key": key,
		}),
		[
			`warning passphrase file ${passphrase}: mode 0604, every user of this machine can read it (chmod 600)`,
			`warning private key ${key}: mode 0604, every user of this machine can read it (chmod 600)`,
		],
	);
});

test("names a file about callers that everybody can change, or replace in a directory", async (t) => {
	const directory = await temporaryDirectory(t);
	const open = join(directory, "open");
	const shared = join(directory, "shared");
	for (const [made, mode] of [
		[open, 0o777],
		[shared, 0o1777],
	] as const) {
		await mkdir(made);
		await mkdir(join(made, "below"));
		await chmod(made, mode);
		await writeFile(join(made, "below/ca.pem"), "x");
	}
	const link = join(directory, "ca.pem");
	await symlink(join(open, "below/ca.pem"), link);
	const list = join(directory, "list.pem");
	await writeFile(list, "x");
	await chmod(list, 0o646);
	const ofOpen = `mode 0777 of ${open}, every user of this machine can replace it (chmod o-w)`;
	assert.deepEqual(
		await warnings(t, {
			...quiet,
			"client-ca-file": link,
			"client-crl-file": list,
			"admin-socket": join(open, "admin.sock"),
		}),
		[
			`warning client-ca-file ${link}: ${ofOpen}`,
			`warning client-crl-file ${list}: mode 0646, every user of this machine can change it (chmod o-w)`,
			`warning admin-socket ${join(open, "admin.sock")}: ${ofOpen}`,
		],
	);
	// there, only the owner can replace a file
	const safe = { ...quiet, "client-ca-file": join(shared, "below/ca.pem") };
	assert.deepEqual(await warnings(t, safe), []);
});

test("warns of unverified next hops where somebody may relay requests", async (t) => {
	const isUnverified = true;
	const given = (isBastion: boolean) =>
		warnings(t, {}, 0o600, "enforce", { isBastion, isUnverified });
	assert.deepEqual(await given(true), [
		"warning certificates of next hops are not verified (proxy-ca-file, proxy-fingerprints)",
	]);
	assert.deepEqual(await given(false), []);
});

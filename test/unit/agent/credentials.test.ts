import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadCredentials } from "../../../src/agent/credentials.ts";
import { resolveSettings } from "../../../src/setting-table.ts";
import { daemonSettings } from "../../../src/settings.ts";
import { recordingLog, writeTestKeyPair } from "../../support/agent.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

/** Credentials of an agent that may make a key pair, in a directory of its own. */
async function setUp(t: TestContext) {
	const directory = await temporaryDirectory(t);
	const keys = join(directory, "keys");
	const others = await writeTestKeyPair(directory);
	const load = (ownKeyPair: string) =>
		loadCredentials({
			settings: resolveSettings(
				daemonSettings,
				{},
				{},
				{ ...others, "own-key-pair": ownKeyPair },
			),
			look: async () => {},
			log: recordingLog().log,
		});
	return { keys, others, load };
}

test("without a key pair in the settings' files the agent uses its own", async (t) => {
	const { keys, others, load } = await setUp(t);
	for (const file of Object.values(others)) await rm(file);
	const { keyFiles, keyPair, own } = await load(keys);
	assert.equal(keyFiles.certificateFile, join(keys, "happo-agent.pub"));
	assert.match(keyPair.fingerprint256, /^([\dA-F]{2}:){31}/);
	assert.ok(own, "somebody must renew it");
	assert.equal(
		(await load(keys)).keyPair.fingerprint256,
		keyPair.fingerprint256,
	);
});

test("a pair in the settings' files is used, and half of one is an error", async (t) => {
	const { keys, others, load } = await setUp(t);
	const { keyFiles, own } = await load(keys);
	assert.equal(keyFiles.certificateFile, others["public-key"]);
	assert.equal(own, undefined);
	await rm(others["private-key"]);
	await assert.rejects(load(keys), {
		name: "KeyPairError",
		message: `private key ${others["private-key"]}: no such file or directory`,
	});
});

test("an agent that is not told to makes no key pair", async (t) => {
	const { others, load } = await setUp(t);
	for (const file of Object.values(others)) await rm(file);
	await assert.rejects(load(""), /no such file or directory/);
});

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { trustSettings } from "../../../../../cli/ctl/flags.ts";
import {
	ofServices,
	ofUser,
	openKnownHosts,
} from "../../../../../cli/ctl/target/known-hosts.ts";
import { resolveSettings } from "../../../../../src/setting-table.ts";
import { createPair } from "../../../../support/next-hop.ts";
import { temporaryDirectory } from "../../../../support/temporary.ts";

const hop = { host: "web01", port: 6777 };
const certificate = new X509Certificate(createPair().certificate);

const opened = (
	flags: Record<string, readonly string[]>,
	place: Parameters<typeof openKnownHosts>[1]["place"],
	said: string[] = [],
) =>
	openKnownHosts(resolveSettings(trustSettings, flags, {}), {
		place,
		sendsKey: false,
		say: (line) => said.push(line),
	});

test("the command that adds a host names the file, unless it is the user's", async (t) => {
	const home = await temporaryDirectory(t);
	const user = ofUser({ HOME: home });
	const adviceOf = (flags: Record<string, readonly string[]>, place = user) =>
		opened(flags, place).advice(hop, certificate);
	const missing = join(home, "none");
	assert.match(adviceOf({}), /: happo-ctl known-hosts add web01:6777 sha256/);
	const services = { ...ofServices, file: missing };
	assert.ok(
		adviceOf({}, services).includes(
			`known-hosts add --known-hosts ${missing} web01:6777 sha256`,
		),
	);
	const named = join(home, "a file");
	await writeFile(named, "");
	assert.ok(
		adviceOf({ "known-hosts": [named] }).includes(
			`known-hosts add --known-hosts '${named}' web01:6777 sha256`,
		),
	);
});

test("a file for services can be read by their users", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "known_hosts");
	const services = { ...ofServices, file };
	const said: string[] = [];
	const known = opened({ "accept-new": ["yes"] }, services, said);
	assert.equal(known.pin(hop)?.(certificate), undefined);
	assert.equal(said.length, 1);
	assert.equal((await stat(file)).mode & 0o444, 0o444 & ~process.umask());
});

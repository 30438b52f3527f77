import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import {
	chmod,
	mkdir,
	readdir,
	readFile,
	rm,
	writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { runProcess } from "../support/command-line.ts";
import {
	databaseOf,
	machineWithV1,
	missingForMachine,
	samplesIn,
	stateOf,
} from "../support/setup-machine.ts";

const skip = missingForMachine ?? false;

/** Runs the built program on a machine in a directory, without services. */
const setup = (t: TestContext, root: string, ...words: string[]) =>
	runProcess(t, ["setup", "--root", root, ...words]);

test("an image with v1: shown, done without services, and undone", {
	skip,
}, async (t) => {
	const root = await machineWithV1(t);
	const before = await stateOf(root);
	const shown = await setup(t, root, "--from", "v1");
	assert.equal(shown.code, 3, shown.stderr);
	assert.match(shown.stdout, /^Found\n {2}agent +happo-agent 1\.1\.0, /);
	assert.match(shown.stdout, /^ {2}services +none, as \S+ does not run$/m);
	assert.match(
		shown.stdout,
		/^ {2}change \/etc\/default\/happo-agent\.env\n[\s\S]*^ {4}\+HAPPO_AGENT_PUBLIC_KEY=\/etc\/happo\/happo-agent\.pub$/m,
	);
	assert.match(shown.stdout, /^To do by hand\n {2}start happo-agent: /m);
	assert.match(
		shown.stdout,
		/Nothing was changed\.\nDo it with: happo-agent setup --from v1 --yes\n$/,
	);
	assert.doesNotMatch(shown.stdout, /not-to-be-shown/);
	assert.deepEqual(await stateOf(root), before);

	const done = await setup(t, root, "--from", "v1", "--yes", "-o", "json");
	assert.equal(done.code, 0, done.stdout);
	const report = JSON.parse(done.stdout);
	assert.equal(report.ok, true);
	assert.equal(report.result, "done");
	assert.deepEqual(report.verified, []);
	assert.match(report.kept_in, /^\/var\/lib\/happo-setup\/\d{8}T\d{6}Z-v1$/);
	const again = await setup(t, root, "--from", "v1", "--yes");
	assert.equal(again.code, 0);
	assert.match(again.stdout, /There is nothing to do\.\n$/);

	const back = await setup(t, root, "--back");
	assert.equal(back.code, 0, back.stdout);
	assert.match(back.stdout, /^The machine is as it was before the setup\.$/m);
	assert.deepEqual(await stateOf(root), before);
	const { hosts, isForV1 } = await samplesIn(t, databaseOf(root));
	assert.ok(isForV1);
	assert.equal(hosts.length, 15);
});

test("what it keeps is only for root", { skip }, async (t) => {
	const root = await machineWithV1(t);
	const done = await setup(t, root, "--from", "v1", "--yes", "-o", "json");
	const folder = join(root, JSON.parse(done.stdout).kept_in);
	const names = (await readdir(folder)).sort();
	assert.ok(names.includes("manifest.json") && names.includes("database"));
	assert.equal(
		await readFile(join(folder, "manifest.json"), "utf8").then(
			(text) => JSON.parse(text).state,
		),
		"applied",
	);
	// whoever can write there could have root write anything
	await chmod(join(root, "var/lib/happo-setup"), 0o770);
	const refused = await setup(t, root, "--back");
	assert.equal(refused.code, 4);
	assert.match(refused.stdout, /mode 0770, others can write what going back/);
});

test("a machine without v1, or whose v1 is described by a file only", {
	skip,
}, async (t) => {
	const root = await machineWithV1(t);
	await rm(join(root, "etc/systemd"), { recursive: true });
	const none = await setup(t, root, "--from", "v1");
	assert.equal(none.code, 4);
	assert.match(
		none.stdout,
		/^no happo-agent 1\.x found: .*; if an environment file of it is left, name it with --environment-file$/m,
	);
	await writeFile(
		join(root, "etc/v1.env"),
		"HAPPO_AGENT_DBFILE=/var/lib/v1/happo-agent.db\nHAPPO_AGENT_PUBLIC_KEY=/etc/happo/happo-agent.pub\nHAPPO_AGENT_PRIVATE_KEY=/etc/happo/happo-agent.key\nHAPPO_AGENT_METRIC_CONFIG=/etc/happo/metrics.yaml\n",
	);
	const by = await setup(
		t,
		...([
			root,
			"--from",
			"v1",
			"--environment-file",
			"/etc/v1.env",
			"-o",
			"json",
		] as const),
	);
	assert.equal(by.code, 3, by.stdout);
	assert.match(by.stdout, /15 samples and 2 machine states/);
});

test("an upstart job is read like v1's", { skip }, async (t) => {
	const root = await machineWithV1(t);
	await rm(join(root, "etc/systemd"), { recursive: true });
	await mkdir(join(root, "etc/init"));
	await writeFile(
		join(root, "etc/init/happo-agent.conf"),
		`chdir /etc/happo
respawn
script
  set -a
  . /etc/default/happo-agent.env
  exec /usr/local/bin/happo-agent daemon -P 7000
end script
`,
	);
	const shown = await setup(t, root, "--from", "v1", "-o", "json");
	assert.equal(shown.code, 3, shown.stdout);
	const report = JSON.parse(shown.stdout);
	const found = Object.fromEntries(
		report.found.map(({ what, value }: { what: string; value: string }) => [
			what,
			value,
		]),
	);
	assert.match(
		found["started by"],
		/^the upstart job \/etc\/init\/happo-agent\.conf/,
	);
	assert.equal(found.port, "7000");
	assert.match(found.certificate, /^\/etc\/happo\/happo-agent\.pub/);
	assert.equal(existsSync(join(root, "var/lib/happo-setup")), false);
});

test("a command line that makes no sense is refused", async (t) => {
	for (const [words, reason] of [
		[[], /--from is missing: nrpe or v1 \(or --back\)/],
		[["--from", "nagios"], /--from: must be one of nrpe, v1: nagios/],
		[
			["--back", "--from", "v1"],
			/--back: undoes the last setup, without --from/,
		],
		[["--from", "v1", "--force"], /--force: only with --back/],
		[["--from", "v1", "--root", "etc"], /--root: not absolute: etc/],
		[["--from", "v1", "--root", "/no/such"], /--root: no such directory: /],
	] as const) {
		const { code, stderr } = await runProcess(t, ["setup", ...words]);
		assert.equal(code, 2, stderr);
		assert.match(stderr, reason);
	}
});

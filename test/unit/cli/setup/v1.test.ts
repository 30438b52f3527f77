import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import {
	chmod,
	mkdir,
	readdir,
	readFile,
	rename,
	rm,
	symlink,
	writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
	databaseOf,
	machineWithV1,
	missingForMachine,
	samplesIn,
	serviceStates,
	stateOf,
	v1Unit,
} from "../../../support/setup-machine.ts";
import {
	backIn,
	expectKillable,
	setUpIn,
} from "../../../support/setup-runs.ts";

const skip = missingForMachine ?? false;

const environmentIn = (root: string) =>
	readFile(join(root, "etc/default/happo-agent.env"), "utf8");

test("without --yes it shows everything and changes nothing", {
	skip,
}, async (t) => {
	const root = await machineWithV1(t);
	const before = await stateOf(root);
	const report = await setUpIn(root, { isMeant: false });
	assert.equal(report.result, "shown");
	assert.deepEqual(report.obstacles, []);
	const found = Object.fromEntries(
		report.found.map(({ what, value }) => [what, value]),
	);
	assert.equal(found.agent, "happo-agent 1.1.0, /usr/local/bin/happo-agent");
	assert.equal(found.settings, "/etc/default/happo-agent.env");
	assert.equal(
		found.database,
		"/var/lib/v1/happo-agent.db, 15 samples and 2 machine states",
	);
	assert.equal(found.metrics, "/etc/happo/metrics.yaml, 1 metric plugin");
	assert.match(
		found.certificate ?? "",
		/^\/etc\/happo\/happo-agent\.pub, SHA-256 /,
	);
	assert.deepEqual(report.steps, [
		"stop and disable happo-agent.service",
		"copy the database /var/lib/v1/happo-agent.db",
		"change /etc/default/happo-agent.env",
		"remove /etc/systemd/system/happo-agent.service",
		"remove /etc/systemd/system/happo-agent.service.d/files.conf",
		"write /etc/systemd/system/happo-agent.service.d/setup.conf",
		"enable and start happo-agent.service",
	]);
	const shown = JSON.stringify(report);
	assert.match(
		shown,
		/\+HAPPO_AGENT_PUBLIC_KEY=\/etc\/happo\/happo-agent\.pub/,
	);
	assert.match(shown, /\+HAPPO_AGENT_ALLOWED_HOSTS=192\.0\.2\.0\/24/);
	assert.doesNotMatch(shown, /not-to-be-shown/);
	assert.deepEqual(await stateOf(root), before);
	assert.equal(existsSync(join(root, "var/lib/happo-setup")), false);
});

test("it takes v1's place, and gives it back with what came in meanwhile", {
	skip,
}, async (t) => {
	const root = await machineWithV1(t);
	const before = await stateOf(root);
	const hosts = (await samplesIn(t, databaseOf(root))).hosts;
	const done = await setUpIn(root);
	assert.equal(done.result, "done", done.error ?? "");
	const environment = await environmentIn(root);
	for (const line of [
		"HAPPO_AGENT_PORT=6777",
		"HAPPO_AGENT_PUBLIC_KEY=/etc/happo/happo-agent.pub",
		"HAPPO_AGENT_METRIC_CONFIG=/etc/happo/metrics.yaml",
		"HAPPO_AGENT_LOGFILE=/etc/happo/happo-agent.log",
		"HAPPO_AGENT_ALLOWED_HOSTS=192.0.2.0/24",
		"HAPPO_AGENT_API_KEY=not-to-be-shown",
	])
		assert.ok(environment.split("\n").includes(line), line);
	assert.equal(
		existsSync(join(root, "etc/systemd/system/happo-agent.service")),
		false,
	);
	const ours = await samplesIn(t, databaseOf(root));
	assert.deepEqual(
		{ ...ours, hosts: ours.hosts.length },
		{ isForV1: false, hosts: 16 },
	);
	const again = await setUpIn(root);
	assert.equal(again.result, "nothing to do");
	const returned = await backIn(root);
	assert.equal(returned.result, "returned", returned.error ?? "");
	assert.deepEqual(await stateOf(root), before);
	const theirs = await samplesIn(t, databaseOf(root));
	assert.ok(theirs.isForV1);
	assert.deepEqual(theirs.hosts.toSorted(), [...hosts, "new"].toSorted());
	assert.equal((await backIn(root)).result, "nothing to do");
});

test("a failing step has the machine go back by itself", {
	skip,
}, async (t) => {
	for (let failing = 1; ; failing += 4) {
		const root = await machineWithV1(t);
		const before = await stateOf(root);
		let steps = 0;
		let hasFailed = false;
		const report = await setUpIn(root, {}, () => {
			if (steps++ !== failing) return;
			hasFailed = true;
			throw new Error("the disk is broken");
		});
		if (!hasFailed) {
			assert.equal(report.result, "done");
			assert.ok(failing > 15);
			return;
		}
		assert.equal(report.result, "failed");
		assert.equal(report.error, "the disk is broken");
		assert.deepEqual(await stateOf(root), before);
	}
});

test("--back refuses what was changed since, and --force keeps it", {
	skip,
}, async (t) => {
	const root = await machineWithV1(t);
	const before = await stateOf(root);
	await setUpIn(root);
	const file = join(root, "etc/default/happo-agent.env");
	await writeFile(file, "HAPPO_AGENT_PORT=7777\n");
	await chmod(file, 0o640);
	const changed = await stateOf(root);
	const refused = await backIn(root);
	assert.equal(refused.result, "refused");
	assert.match(
		refused.error ?? "",
		/^changed since the setup: \/etc\/default\/happo-agent\.env\. /,
	);
	assert.deepEqual(await stateOf(root), changed);
	const forced = await backIn(root, true);
	assert.equal(forced.result, "returned", forced.error ?? "");
	assert.deepEqual(await stateOf(root), before);
	const folder = join(root, forced.kept_in ?? "");
	const [kept = ""] = (await readdir(folder)).filter((name) =>
		name.startsWith("changed-"),
	);
	assert.equal(
		await readFile(join(folder, kept), "utf8"),
		"HAPPO_AGENT_PORT=7777\n",
	);
});

test("what stands against it is named, and nothing is done", {
	skip,
}, async (t) => {
	const root = await machineWithV1(t, {
		environment:
			"HAPPO_AGENT_ALLOWED_HOSTS=many\nHAPPO_AGENT_DBFILE=/var/lib/v1/happo-agent.db\n",
	});
	await rm(join(root, "etc/happo/happo-agent.key"));
	await writeFile(join(root, "etc/happo/metrics.yaml"), "metrics: {{\n");
	const before = await stateOf(root);
	const report = await setUpIn(root);
	assert.equal(report.result, "refused");
	const all = report.obstacles.join("\n");
	assert.match(all, /^--allowed-hosts: .*many/m);
	assert.deepEqual(await stateOf(root), before);
	const fixed = await setUpIn(await machineWithV1(t), {
		environmentFile: "/etc/default/none",
	});
	assert.equal(fixed.error, "/etc/default/none: cannot be read");
});

test("a database that cannot be read stops it before anything is replaced", {
	skip,
}, async (t) => {
	const root = await machineWithV1(t);
	const before = await stateOf(root);
	await writeFile(join(databaseOf(root), "CURRENT"), "MANIFEST-999999\n");
	const report = await setUpIn(root);
	assert.equal(report.result, "failed", report.error ?? "");
	assert.match(report.error ?? "", /^\/var\/lib\/v1\/happo-agent\.db: /);
	assert.deepEqual(await stateOf(root), before);
	assert.deepEqual(serviceStates(root)["happo-agent.service"], {
		enabled: true,
		active: true,
	});
});

test("variables of the unit go into the file, and one that is not UTF-8 stays", {
	skip,
}, async (t) => {
	const root = await machineWithV1(t, {
		unit: v1Unit.replace(
			"[Install]",
			'Environment=PATH=/opt/v1/bin:/usr/bin "NOTE=two words"\n\n[Install]',
		),
	});
	await setUpIn(root);
	const environment = await environmentIn(root);
	assert.match(environment, /^PATH=\/opt\/v1\/bin:\/usr\/bin$/m);
	assert.match(environment, /^NOTE="two words"$/m);
	await backIn(root);
	const file = join(root, "etc/default/happo-agent.env");
	await writeFile(
		file,
		Buffer.concat([await readFile(file), Buffer.from("# \xe4\n", "latin1")]),
	);
	const before = await stateOf(root);
	const report = await setUpIn(root);
	assert.equal(report.error, "/etc/default/happo-agent.env: not UTF-8");
	assert.deepEqual(await stateOf(root), before);
});

test("the database behind a link is the one that is moved", {
	skip,
}, async (t) => {
	const root = await machineWithV1(t);
	const real = join(root, "srv/v1.db");
	await mkdir(join(root, "srv"));
	await rename(databaseOf(root), real);
	await symlink("../../../srv/v1.db", databaseOf(root));
	const before = await stateOf(root);
	assert.equal((await setUpIn(root)).result, "done");
	assert.equal((await samplesIn(t, real)).hosts.length, 16);
	const report = await backIn(root);
	assert.equal(report.result, "returned", report.error ?? "");
	assert.deepEqual(await stateOf(root), before);
	const { hosts, isForV1 } = await samplesIn(t, real);
	assert.ok(isForV1);
	assert.equal(hosts.length, 16);
});

// test/e2e/setup-killed.test.ts kills at each step
for (const [killed, next] of [
	["setup", "back"],
	["setup", "setup"],
	["back", "back"],
] as const)
	test(`${killed} killed on the way, then ${next}`, { skip }, (t) =>
		expectKillable(t, { from: "v1", killed, next, every: 6 }),
	);

import assert from "node:assert/strict";
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parsePolicy } from "../../../../src/policy/policy.ts";
import { createPair } from "../../../support/next-hop.ts";
import {
	machineWithNrpe,
	missingForMachine,
	nrpeConfig,
	serviceStates,
	stateOf,
} from "../../../support/setup-machine.ts";
import {
	backIn,
	expectKillable,
	setUpIn,
} from "../../../support/setup-runs.ts";

const skip = missingForMachine ?? false;
const from = "nrpe" as const;
const policyFile = "etc/happo/policy.yaml";
const environmentFile = "etc/default/happo-agent.env";
const dropIn = "etc/systemd/system/happo-agent.service.d/setup.conf";

const read = (root: string, path: string) => readFile(join(root, path), "utf8");

test("without --yes it shows everything and changes nothing", {
	skip,
}, async (t) => {
	const root = await machineWithNrpe(t);
	const before = await stateOf(root);
	const report = await setUpIn(root, { from, isMeant: false });
	assert.equal(report.result, "shown", JSON.stringify(report));
	assert.deepEqual(report.steps, [
		"change /etc/default/happo-agent.env",
		"change /etc/happo/policy.yaml",
		"make the directory /etc/systemd/system/happo-agent.service.d",
		"write /etc/systemd/system/happo-agent.service.d/setup.conf",
		"give /etc/happo/metrics.yaml to the user 120",
		"stop and disable nagios-nrpe-server.service",
		"enable and start happo-agent.service",
	]);
	const diffs = report.changes.flatMap(({ diff }) => diff);
	for (const line of [
		"+HAPPO_AGENT_NRPE_PORT=5666",
		"+HAPPO_AGENT_POLICY=/etc/happo/policy.yaml",
		"+HAPPO_AGENT_ALLOWED_HOSTS=192.0.2.10",
		"+User=nagios",
		"+Group=nagios",
		"+SupplementaryGroups=happo-agent",
	])
		assert.ok(diffs.includes(line), line);
	assert.deepEqual(await stateOf(root), before);
});

test("it takes NRPE's place, and --back undoes it exactly", {
	skip,
}, async (t) => {
	const root = await machineWithNrpe(t);
	const before = await stateOf(root);
	const done = await setUpIn(root, { from });
	assert.equal(done.result, "done", done.error ?? "");
	const { policy } = parsePolicy(await read(root, policyFile));
	assert.deepEqual([...policy.commands.keys()].sort(), [
		"check_raid",
		"check_users",
	]);
	assert.ok(policy.callers.names.includes("nrpe"));
	assert.match(
		await read(root, environmentFile),
		/^HAPPO_AGENT_NRPE_PORT=5666$/m,
	);
	assert.match(await read(root, dropIn), /^User=nagios$/m);
	assert.deepEqual(serviceStates(root), {
		"nagios-nrpe-server.service": { enabled: false, active: false },
		"happo-agent.service": { enabled: true, active: true },
	});
	assert.equal((await setUpIn(root, { from })).result, "nothing to do");
	const returned = await backIn(root);
	assert.equal(returned.result, "returned", returned.error ?? "");
	assert.deepEqual(await stateOf(root), before);
	// and once more
	assert.equal((await setUpIn(root, { from })).result, "done");
	assert.equal((await backIn(root)).result, "returned");
	assert.deepEqual(await stateOf(root), before);
});

test("files that exist keep mode and owner; others have the agent's group", {
	skip,
}, async (t) => {
	const root = await machineWithNrpe(t);
	await rm(join(root, policyFile));
	await chmod(join(root, environmentFile), 0o604);
	const before = await stateOf(root);
	await setUpIn(root, { from });
	const state = await stateOf(root);
	assert.match(state[environmentFile] ?? "", /^604 0 0 /);
	assert.match(state[policyFile] ?? "", /^640 0 990 /);
	assert.match(state["etc/happo/metrics.yaml"] ?? "", /^640 120 990 /);
	await backIn(root);
	assert.deepEqual(await stateOf(root), before);
});

test("interrupted before or after its last step, it goes back", {
	skip,
}, async (t) => {
	const root = await machineWithNrpe(t);
	const before = await stateOf(root);
	for (const at of ["keep what is replaced", "all steps taken"]) {
		const controller = new AbortController();
		const report = await setUpIn(
			root,
			{ from },
			(step) => step === at && controller.abort(),
			controller.signal,
		);
		assert.equal(report.result, "failed", at);
		assert.match(report.error ?? "", /^interrupted/);
		assert.deepEqual(await stateOf(root), before);
	}
});

test("the agent can enter a directory that is made, whatever the umask", {
	skip,
}, async (t) => {
	const root = await machineWithNrpe(t);
	await rm(join(root, "etc/happo"), { recursive: true });
	const before = await stateOf(root);
	const umask = process.umask(0o077);
	t.after(() => process.umask(umask));
	assert.equal((await setUpIn(root, { from })).result, "done");
	assert.match((await stateOf(root))["etc/happo"] ?? "", /^755 0 0/);
	assert.equal((await backIn(root)).result, "returned");
	assert.deepEqual(await stateOf(root), before);
});

test("NRPE's certificate becomes the agent's, and no key is shown", {
	skip,
}, async (t) => {
	const root = await machineWithNrpe(t, {
		config: `${nrpeConfig}ssl_cert_file=/etc/nagios/cert.pem\nssl_privatekey_file=/etc/nagios/key.pem\n`,
	});
	const pair = createPair();
	await writeFile(join(root, "etc/nagios/cert.pem"), pair.certificate);
	await writeFile(join(root, "etc/nagios/key.pem"), pair.privateKey);
	const report = await setUpIn(root, { from, isMeant: false });
	const shown = JSON.stringify(report);
	assert.match(shown, /\+HAPPO_AGENT_PUBLIC_KEY=\/etc\/nagios\/cert\.pem/);
	assert.match(shown, /\+HAPPO_AGENT_PRIVATE_KEY=\/etc\/nagios\/key\.pem/);
	assert.doesNotMatch(shown, /PRIVATE KEY-----/);
	await writeFile(join(root, "etc/nagios/key.pem"), createPair().privateKey);
	const refused = await setUpIn(root, { from });
	assert.equal(refused.result, "refused");
	assert.match(refused.obstacles.join("\n"), /does not belong to the/);
});

test("checks that would be lost are named, and have to be accepted", {
	skip,
}, async (t) => {
	const root = await machineWithNrpe(t, {
		config: nrpeConfig.replace(/^allowed_hosts=.*\n/m, ""),
	});
	await writeFile(
		join(root, policyFile),
		"version: 1\nwho: { collector: { address: 198.51.100.7 } }\nrules:\n  - { who: collector, may: lease }\n",
	);
	const before = await stateOf(root);
	const refused = await setUpIn(root, { from });
	assert.equal(refused.result, "refused");
	const losses = refused.losses.join("\n");
	assert.match(losses, /no allowed_hosts/);
	assert.match(losses, /lets in collector/);
	assert.deepEqual(await stateOf(root), before);
	assert.equal(
		(await setUpIn(root, { from, acceptsLosses: true })).result,
		"done",
	);
});

test("the unit says which configuration NRPE reads, and whether it uses TLS", {
	skip,
}, async (t) => {
	const root = await machineWithNrpe(t);
	const unit = join(root, "lib/systemd/system/nagios-nrpe-server.service");
	const other = nrpeConfig.replace("check_users", "check_other");
	await writeFile(join(root, "etc/nagios/other.cfg"), other);
	await writeFile(join(root, "etc/default/nrpe"), "MORE=-d2\n");
	for (const [words, isPlain] of [
		["--config=/etc/nagios/other.cfg -f", false],
		["-fc /etc/nagios/other.cfg $OPTIONS", true],
		["$MORE -c/etc/nagios/other.cfg --no-ssl", true],
	] as const) {
		await writeFile(
			unit,
			`[Service]\nEnvironment="OPTIONS=-f -n"\nEnvironmentFile=-/etc/default/nrpe\nExecStart=/usr/sbin/nrpe ${words}\nUser=nagios\n`,
		);
		const report = await setUpIn(root, { from, isMeant: false });
		assert.match(JSON.stringify(report.changes), /\+ {2}check_other:/, words);
		assert.equal(/without TLS/.test(report.losses.join()), isPlain, words);
	}
});

test("without NRPE, or with a broken environment file, it says so", {
	skip,
}, async (t) => {
	const root = await machineWithNrpe(t);
	await writeFile(
		join(root, environmentFile),
		"HAPPO_AGENT_PORT=many\nHAPPO_AGENT_SHELL=perhaps\n",
	);
	assert.match(
		(await setUpIn(root, { from })).obstacles.join("\n"),
		/HAPPO_AGENT_SHELL: not yes or no: perhaps/,
	);
	await rm(join(root, "lib"), { recursive: true });
	await rm(join(root, "etc/nagios"), { recursive: true });
	const none = await setUpIn(root, { from });
	assert.equal(none.result, "refused");
	assert.match(none.error ?? "", /^no NRPE found: /);
});

// test/e2e/setup-killed.test.ts kills at each step
for (const [killed, next] of [
	["setup", "back"],
	["setup", "setup"],
	["back", "back"],
] as const)
	test(`${killed} killed on the way, then ${next}`, { skip }, (t) =>
		expectKillable(t, { from: "nrpe", killed, next, every: 6 }),
	);

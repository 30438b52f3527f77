import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { bootDebian, missingForDebian } from "../support/debian-machine.ts";
import { eventually } from "../support/eventually.ts";
import { createScope } from "../support/scope.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { blocksRunBy } from "../support/walkthrough.ts";

/** The commands of the documents that run in this test. */
const blocks = blocksRunBy("test/e2e/install.test.ts");
const commandsOf = (name: string) =>
	blocks
		.filter(({ document }) => document === `contrib/doc/${name}.md`)
		.map(({ lines }) => lines.join("\n"));
// the commands after the start of the service send it requests
const all = commandsOf("install");
const running = all.findIndex((block) => block.includes("systemctl enable"));
const installation = all.slice(0, running + 1);
const questions = all.slice(running + 1);

const name = "web01.example.net";
const certificate = "/etc/happo/happo-agent.pub";
const thresholds = "-w 900,900,900 -c 900,900,900";

test("the commands of the documents, pasted on a fresh Debian 12", async (t) => {
	const missing = await missingForDebian();
	if (missing) return t.skip(missing);
	const scope = createScope();
	t.after(scope.end);
	const machine = await bootDebian(scope, { name });
	const [address] = machine.addresses;
	assert.ok(address, "this host has no address");
	/** The output of a script in the machine, which must succeed. */
	const said = async (script: string, options: { online?: boolean } = {}) => {
		const { output, status } = await machine.bash(`set -e\n${script}`, options);
		assert.equal(status, 0, `${script}\n${output}`);
		return output.trim();
	};
	const shown = (property: string) =>
		said(`systemctl show --property ${property} --value happo-agent`);

	await t.test("every command succeeds", async () => {
		assert.ok(installation.length >= 3 && questions.length > 0);
		await machine.addClone("/root/happo-agent");
		// the certificate gets the addresses of this network namespace
		await said(["cd /root/happo-agent", ...installation].join("\n"), {
			online: true,
		});
		// the load average of this host may be critical
		const { output: answers } = await machine.bash(questions.join("\n"));
		assert.match(answers, /^LOAD \w+ - load average/m);
		assert.match(answers, /^localhost +2\.\d+\.\d+ /m);
	});

	await t.test(
		"the unit is valid, and the agent runs as its user",
		async () => {
			const { output } = await machine.bash(
				"systemd-analyze verify /etc/systemd/system/happo-agent.service",
			);
			assert.equal(output, "");
			assert.equal(await shown("ActiveState"), "active");
			assert.equal(await shown("KillMode"), "mixed");
			assert.equal(
				await said(
					`stat --format '%U' /proc/$(${"systemctl show --property MainPID --value happo-agent"})`,
				),
				"happo-agent",
			);
			t.diagnostic(
				(await said("systemd-analyze security happo-agent --no-pager"))
					.split("\n")
					.at(-1) ?? "",
			);
		},
	);

	await t.test(
		"only the agent's group can read its key and its settings",
		async () => {
			assert.equal(
				await said(
					"stat --format '%a %U %G' /etc/happo/happo-agent.key /etc/default/happo-agent.env /etc/happo/metrics.yaml",
				),
				"640 root happo-agent\n640 root happo-agent\n640 happo-agent happo-agent",
			);
			const { status } = await machine.bash(
				"setpriv --reuid nobody --regid nogroup --clear-groups cat /etc/happo/happo-agent.key",
			);
			assert.notEqual(status, 0);
		},
	);

	const monitor = (host: string, plugin: string, option: string) =>
		said(
			`check_happo monitor -H ${host} --ca-file ${certificate} -p ${plugin} -o '${option}' || test $? -lt 3`,
		);

	await t.test(
		"clients verify its certificate by name and address",
		async () => {
			for (const host of [name, "localhost", "127.0.0.1", "[::1]:6777"]) {
				assert.match(
					await monitor(host, "check_load_average", thresholds),
					/^LOAD OK/,
					host,
				);
				assert.match(
					await said(`happo-ctl -H ${host} --ca-file ${certificate} status`),
					/ 2\.\d+\.\d+ /,
					host,
				);
			}
			const directory = await temporaryDirectory(t);
			const file = join(directory, "ca.pem");
			await writeFile(file, await said(`cat ${certificate}`));
			for (const host of [name, "127.0.0.1"]) {
				const { output, status } = await machine.client("curl", [
					...["--silent", "--show-error", "--cacert", file],
					...["--resolve", `${name}:6777:127.0.0.1`],
					`https://${host}:6777/`,
				]);
				assert.deepEqual({ output, status }, { output: "OK", status: 0 });
			}
			const refused = await machine.client("curl", [
				...["--silent", "--show-error", "--cacert", file],
				...["--resolve", "other.example.net:6777:127.0.0.1"],
				"https://other.example.net:6777/",
			]);
			assert.equal(refused.status, 60, refused.output);
		},
	);

	await t.test("Debian's and the agent's plugins answer", async () => {
		assert.match(
			await monitor(name, "check_dummy", "1 hello"),
			/^WARNING: hello/,
		);
		assert.match(await monitor(name, "check_procs", "-w 1:"), /^PROCS OK/);
		assert.equal(
			JSON.parse(await said("happo-ctl status --output json"))[0].data.commands
				.engine,
			"native",
		);
	});

	await t.test("metrics arrive under the host's name", async () => {
		const peek = async () =>
			(await machine.bash("happo-ctl metric -o graphite")).output;
		await eventually(
			"the first pass of metrics_linux is stored",
			async () => (await peek()).includes("web01.linux.loadavg.load1 "),
			90_000,
		);
		assert.match(await peek(), /^web01\.linux\.memory\.total \d+ \d+$/m);
	});

	await t.test(
		"clients can change metrics.yaml through the agent",
		async () => {
			await said(
				`sed s/web01/web02/ /etc/happo/metrics.yaml >/root/metrics.yaml
			happo-ctl metric config update /root/metrics.yaml
			grep 'hostname: web02' /etc/happo/metrics.yaml`,
			);
		},
	);

	await t.test("a line in the environment file allows hosts", async () => {
		const { output } = await machine.bash(
			`check_happo monitor -H ${address} --ca-file ${certificate} -p check_dummy -o '0 x'`,
		);
		assert.match(output, /403|Access Denied/);
		await said(
			`sed -i 's/^#HAPPO_AGENT_ALLOWED_HOSTS=.*/HAPPO_AGENT_ALLOWED_HOSTS=${address}/' /etc/default/happo-agent.env
			systemctl restart happo-agent`,
		);
		assert.match(await monitor(address, "check_dummy", "0 x"), /^OK: x/);
	});

	await t.test("a restart lets running plugins finish", async () => {
		await machine.write(
			"/usr/lib/nagios/plugins/check_slow",
			`#!/bin/sh
setsid sleep 1234 >/dev/null 2>&1 </dev/null &
echo started >/var/lib/happo-agent/started
sleep 1.5
echo finished
`,
		);
		await said("chmod 755 /usr/lib/nagios/plugins/check_slow");
		const answer = monitor("127.0.0.1", "check_slow", "");
		await eventually(
			"the plugin runs",
			async () =>
				(await machine.bash("cat /var/lib/happo-agent/started")).status === 0,
		);
		await said("systemctl restart happo-agent");
		assert.equal(await answer, "finished");
		// a process that left the plugin's process group ends with the service
		assert.equal(
			await said(
				"grep --no-messages --text --files-with-matches 'sleep.1234' /proc/[0-9]*/cmdline || true",
			),
			"",
		);
	});

	await t.test("systemd gives up after repeated failed starts", async () => {
		// the same number of attempts in less time
		await said(
			`mkdir -p /run/systemd/system/happo-agent.service.d
			printf '[Service]\\nRestartSec=100ms\\n' >/run/systemd/system/happo-agent.service.d/fast.conf
			systemctl daemon-reload
			systemctl reset-failed happo-agent
			chgrp root /etc/happo/happo-agent.key`,
		);
		const { status } = await machine.bash("systemctl restart happo-agent");
		assert.notEqual(status, 0);
		await eventually(
			"systemd gives up",
			async () => (await shown("ActiveState")) === "failed",
			60_000,
		);
		const log = await said("journalctl --unit happo-agent --output cat");
		assert.match(
			log,
			/private key \/etc\/happo\/happo-agent\.key: permission denied/i,
		);
		assert.match(log, /Start request repeated too quickly/);
	});

	await t.test("an invalid setting causes no restart", async () => {
		await said(
			`chgrp happo-agent /etc/happo/happo-agent.key
			systemctl reset-failed happo-agent
			echo HAPPO_AGENT_ALLOWED_HOSTS=many >>/etc/default/happo-agent.env`,
		);
		const { status } = await machine.bash("systemctl restart happo-agent");
		assert.notEqual(status, 0);
		assert.equal(await shown("ActiveState"), "failed");
		assert.equal(await shown("ExecMainStatus"), "2");
		assert.equal(await shown("NRestarts"), "0");
		await said(
			`sed -i '/=many$/d' /etc/default/happo-agent.env
			systemctl restart happo-agent`,
		);
		assert.match(await monitor("127.0.0.1", "check_dummy", "0 x"), /^OK: x/);
	});

	await t.test("troubleshooting.md shows the unit and its log", async () => {
		const [look = ""] = commandsOf("troubleshooting");
		const output = await said(look);
		assert.match(output, /Active: active \(running\)/);
		assert.match(output, /happo-agent \S+ started, listening on/);
	});

	await t.test(
		"nagios.md and icinga.md set up a monitoring server",
		async () => {
			// the package of either program makes the user
			await said("useradd --system --shell /usr/sbin/nologin nagios");
			const [link, broker, worker] = commandsOf("nagios");
			assert.deepEqual(commandsOf("icinga"), [link]);
			await said(link ?? "");
			assert.match(
				await said(
					"/usr/lib/nagios/plugins/check_happo monitor -H 127.0.0.1 -p check_dummy -o '0 x'",
				),
				/^OK: x/,
			);
			assert.match(await said(broker ?? ""), /checks/);
			assert.match(
				await said(worker ?? ""),
				/nagios\.qh: No such file or directory; trying again/i,
			);
		},
	);

	await t.test("metrics.md exports the store for v1", async () => {
		const [back = ""] = commandsOf("metrics");
		await said(back);
		await said("test -f /var/lib/happo-agent/original.db/CURRENT");
	});

	await t.test("operate.md has systemd keep the socket", async () => {
		const [socket = ""] = commandsOf("operate");
		await said(socket);
		assert.match(await monitor("127.0.0.1", "check_dummy", "0 x"), /^OK: x/);
		// the connection waits, or starts the agent
		await said("systemctl stop happo-agent.service 2>/dev/null");
		assert.match(await monitor("127.0.0.1", "check_dummy", "0 y"), /^OK: y/);
		assert.equal(await shown("ActiveState"), "active");
		// the commands of no other document are left out
		const names = [
			...["install", "troubleshooting", "nagios", "icinga", "metrics"],
			"operate",
		];
		assert.deepEqual(
			new Set(blocks.map(({ document }) => document)),
			new Set(names.map((name) => `contrib/doc/${name}.md`)),
		);
		assert.equal(commandsOf("nagios").length, 3);
	});
});

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
	bootDebian,
	type DebianMachine,
	missingForDebian,
} from "../support/debian-machine.ts";
import {
	bringDebs,
	buildDebs,
	missingToPackage,
} from "../support/debian-packages.ts";
import { eventually } from "../support/eventually.ts";
import { lacksPeer } from "../support/peer.ts";
import { createScope } from "../support/scope.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { startV1 } from "../support/v1-stand-in.ts";

describe("setup on a Debian of its own", { concurrency: false }, async () => {
	const scope = createScope();
	const missing =
		(await missingForDebian()) ?? (await missingToPackage(["dpkg-deb", "cc"]));
	const setupIt = (name: string, check: () => Promise<void>) =>
		it(name, async (t) => {
			if (!lacksPeer(t, missing)) await check();
		});
	let machine: DebianMachine;
	/** The output of a script in the machine, which must succeed. */
	const inside = async (script: string, options: { online?: boolean } = {}) => {
		const { output, status } = await machine.bash(`set -e\n${script}`, options);
		assert.equal(status, 0, `${script}\n${output}`);
		return output.trim();
	};
	/** Runs setup; its report. */
	const setup = async (words: string, expected: number) => {
		const { output, status } = await machine.bash(
			`/usr/bin/happo-agent setup ${words} --output json`,
		);
		assert.equal(status, expected, output);
		return JSON.parse(output);
	};
	/** Starts setup, and kills it after some time. */
	const killed = (words: string, milliseconds: number) =>
		machine.bash(
			`/usr/bin/happo-agent setup ${words} --yes & pid=$!
			sleep ${milliseconds / 1000}
			kill -KILL $pid; wait $pid`,
		);
	/** Files of the machine with content, mode and owner, and what systemd knows of services. */
	const stateOf = (services: string) =>
		inside(
			`find /etc /usr/local -xdev -type f -not -name ld.so.cache -exec stat --format '%n %a %u %g' {} + | sort
			find /etc /usr/local -xdev -type f -not -name ld.so.cache -exec sha256sum {} + | sort -k 2
			find /etc/systemd -xdev -type l -printf '%p %l\\n' | sort
			for service in ${services}; do
				echo $service $(systemctl is-active $service || true) $(systemctl is-enabled $service || true)
			done`,
		);

	before(async () => {
		if (missing) return;
		const directory = await temporaryDirectory(scope);
		const [files, booted] = await Promise.all([
			buildDebs(directory),
			bootDebian(scope, { name: "web01.example.net" }),
		]);
		machine = booted;
		await inside(
			`apt-get update -qq
			apt-get install -y -qq --no-install-recommends libstdc++6 monitoring-plugins-basic openssl curl \\
				nagios-nrpe-server nagios-nrpe-plugin sudo`,
			{ online: true },
		);
		await bringDebs(machine, files);
		await inside("dpkg --install /root/packages/happo-node_*.deb");
	});
	after(() => scope.end());

	describe("in place of NRPE", () => {
		const names = [
			...["check_users", "check_load", "check_hda1", "check_zombie_procs"],
			...["check_total_procs", "who", "root", "state", "quiet"],
		];
		/** What check_nrpe gets for each command; figures differ from one run to the next. */
		const answers = async () => {
			const found: Record<string, string> = {};
			for (const name of names) {
				const { output, status } = await machine.bash(
					`/usr/lib/nagios/plugins/check_nrpe -H 127.0.0.1 -c ${name}`,
				);
				found[name] = `${status} ${output.replace(/[\d.]+/g, "0").trim()}`;
			}
			return found;
		};
		let before: Record<string, string>;
		let state: string;

		setupIt("it finds NRPE, and shows what it would do", async () => {
			await inside(
				`mkdir -p /usr/local/lib/own /var/lib/own
				printf '#!/bin/sh\necho "OK - $(id -un) $(id -gn)"\n' >/usr/local/lib/own/who
				printf '#!/bin/sh\necho "WARNING - $(id -un)"; exit 1\n' >/usr/local/lib/own/root
				printf '#!/bin/sh\necho x >>/var/lib/own/state && echo "OK - written"\n' >/usr/local/lib/own/state
				chmod 755 /usr/local/lib/own/*
				chown nagios /var/lib/own
				echo 'nagios ALL=(root) NOPASSWD: /usr/local/lib/own/root' >/etc/sudoers.d/nrpe
				cat >/etc/nagios/nrpe.d/own.cfg <<'END'
command[who]=/usr/local/lib/own/who
command[root]=/usr/bin/sudo /usr/local/lib/own/root
command[state]=/usr/local/lib/own/state
command[quiet]=/bin/sh -c "exit 2"
END
				systemctl restart nagios-nrpe-server
				dpkg --install /root/packages/happo-agent_*.deb`,
			);
			await eventually("NRPE answers", async () =>
				/^0 OK/.test((await answers()).who ?? ""),
			);
			before = await answers();
			assert.equal(before.who, "0 OK - nagios nagios");
			assert.equal(before.root, "1 WARNING - root");
			state = await stateOf("nagios-nrpe-server happo-agent");
			const report = await setup("--from nrpe", 3);
			assert.equal(report.result, "shown");
			assert.deepEqual([report.obstacles, report.losses], [[], []]);
			assert.equal(await stateOf("nagios-nrpe-server happo-agent"), state);
		});

		setupIt("with --yes check_nrpe gets the same answers from us", async () => {
			const report = await setup("--from nrpe --yes", 0);
			assert.equal(report.result, "done");
			assert.match(
				report.verified.join("\n"),
				/port 5666 answers check_nrpe: /,
			);
			assert.equal(
				await inside(
					"systemctl is-active nagios-nrpe-server happo-agent || true",
				),
				"inactive\nactive",
			);
			assert.deepEqual(await answers(), before);
			assert.equal(
				(await setup("--from nrpe --yes", 0)).result,
				"nothing to do",
			);
		});

		setupIt("--back, and NRPE answers again", async () => {
			const report = await setup("--back", 0);
			assert.equal(report.result, "returned");
			await eventually("NRPE answers", async () =>
				/^0 OK/.test((await answers()).who ?? ""),
			);
			assert.deepEqual(await answers(), before);
			assert.equal(await stateOf("nagios-nrpe-server happo-agent"), state);
		});

		setupIt("killed at any time, --back returns to NRPE", async () => {
			for (const milliseconds of [300, 700, 1100, 1600, 2200]) {
				await killed("--from nrpe", milliseconds);
				await setup("--back", 0);
				assert.equal(await stateOf("nagios-nrpe-server happo-agent"), state);
			}
			assert.deepEqual(await answers(), before);
			await inside(
				"apt-get purge -y -qq happo-agent && systemctl disable --now nagios-nrpe-server",
			);
		});
	});

	describe("in place of v1", () => {
		const asked = () =>
			machine
				.bash("curl --silent --insecure https://127.0.0.1:7777/")
				.then(({ output }) => output.trim());
		/** What a drain of our agent or an export of it has, by host names. */
		const hosts = async (database: string) =>
			inside(
				`rm -rf /root/out /root/copy && cp -a ${database} /root/copy
				/usr/bin/happo-agent export-original --dbfile /root/copy /root/out`,
			);
		let state: string;

		setupIt("it finds v1, and shows what it would do", async () => {
			await startV1(machine);
			await eventually("v1 answers", async () => (await asked()) === "v1");
			// v1's environment file stays
			await inside(
				"dpkg --install --force-confold /root/packages/happo-agent_*.deb",
			);
			assert.equal(await asked(), "v1", "the package leaves v1 alone");
			state = await stateOf("happo-agent.service");
			const report = await setup("--from v1", 3);
			assert.equal(report.result, "shown");
			assert.deepEqual(report.obstacles, []);
			assert.match(
				JSON.stringify(report.found),
				/happo-agent 1\.1\.0, \/usr\/local\/bin\/happo-agent/,
			);
			assert.match(
				JSON.stringify(report.found),
				/15 samples and 2 machine states/,
			);
			assert.equal(await stateOf("happo-agent.service"), state);
		});

		setupIt("with --yes our agent answers, with v1's metrics", async () => {
			const report = await setup("--from v1 --yes", 0);
			assert.equal(report.result, "done");
			assert.match(
				report.verified.join("\n"),
				/port 7777 is answered by happo-agent 2[\s\S]*metrics from 2026-11-22T/,
			);
			assert.equal(await asked(), "OK");
			assert.equal(
				await inside(
					"systemctl is-active happo-agent && systemctl is-enabled happo-agent",
				),
				"active\nenabled",
			);
			assert.equal((await setup("--from v1 --yes", 0)).result, "nothing to do");
			// comes in while ours runs
			assert.match(
				await inside(
					`curl --silent --insecure --data '{"metric_data":[{"hostname":"later","timestamp":1,"metrics":{"a":1}}]}' \\
						--header 'content-type: application/json' https://127.0.0.1:7777/metric/append`,
				),
				/"status": ?"ok"/,
			);
		});

		setupIt(
			"--back gives v1 everything, and the machine is as before",
			async () => {
				const report = await setup("--back", 0);
				assert.equal(report.result, "returned");
				await eventually("v1 answers", async () => (await asked()) === "v1");
				assert.equal(await stateOf("happo-agent.service"), state);
				assert.match(
					await hosts("/var/lib/v1/happo-agent.db"),
					/^16 samples from 6 seconds and 2 machine states/,
				);
			},
		);

		setupIt("if our agent does not come up, v1 is back by itself", async () => {
			// a program that the unit starts in place of ours
			await inside(
				"mv /usr/lib/happo/agent/dist/happo-agent.js /root/ && echo 'process.exit(2)' >/root/broken.js",
			);
			await inside(
				`cp /root/broken.js /usr/lib/happo/agent/dist/happo-agent.js`,
			);
			const { output, status } = await machine.bash(
				`cd /usr/lib/happo/agent/dist && cp /root/happo-agent.js setup.js
				/usr/lib/happo/node setup.js setup --from v1 --yes --output json`,
			);
			await inside(
				"mv /root/happo-agent.js /usr/lib/happo/agent/dist/ && rm /usr/lib/happo/agent/dist/setup.js",
			);
			assert.equal(status, 1, output);
			const report = JSON.parse(output);
			assert.equal(report.result, "failed");
			assert.match(report.error, /systemctl restart happo-agent\.service/);
			await eventually("v1 answers", async () => (await asked()) === "v1");
			assert.equal(await stateOf("happo-agent.service"), state);
		});

		setupIt("killed at any time, --back returns to v1", async () => {
			for (const milliseconds of [300, 700, 1100, 1600, 2200, 3000]) {
				await killed("--from v1", milliseconds);
				await setup("--back", 0);
				await eventually("v1 answers", async () => (await asked()) === "v1");
				assert.equal(await stateOf("happo-agent.service"), state);
				assert.match(
					await hosts("/var/lib/v1/happo-agent.db"),
					/^16 samples from 6 seconds and 2 machine states/,
				);
			}
		});
	});
});

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { BrokerStatus } from "../../cli/broker/figures.ts";
import {
	brokerClient,
	brokerProcess,
	checkWords,
	textOf,
} from "../support/broker.ts";
import { startWithPlugins } from "../support/command-line.ts";
import { startServer } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { ctl, ctlProgram, testNode } from "../support/happo-ctl.ts";
import { answering, json } from "../support/next-hop.ts";
import { temporaryDirectory } from "../support/temporary.ts";

describe("happo-ctl broker", () => {
	it("checks through real agents, says what it does, and stops in order", async (t) => {
		const [edge, bastion] = await Promise.all([
			startWithPlugins(t),
			startWithPlugins(t),
		]);
		const broker = await brokerProcess(t, [
			...["--insecure", "--metrics-listen", "127.0.0.1:0"],
		]);
		assert.match(
			broker.said(),
			/^happo-ctl: warning: certificates are not verified$/m,
		);
		const client = await brokerClient(t, broker.socket);
		const check = async (...words: string[]) => {
			client.check([
				...["--host=127.0.0.1", `--port=${edge.port}`],
				...["--plugin-name=check_exit", ...words],
			]);
			const frame = await client.next();
			return [frame.body[0], textOf(frame)];
		};
		const through = `--proxy=127.0.0.1:${bastion.port}`;
		for (const way of [[], [through]])
			for (const n of [0, 2, 127])
				assert.deepEqual(await check(`--plugin-option=${n}`, ...way), [
					n,
					`exit ${n} says hello\n`,
				]);

		const status = await ctl(t, [
			...["broker", "status", "--broker", broker.socket, "-o", "json"],
		]);
		const figures = JSON.parse(status.stdout) as BrokerStatus;
		assert.deepEqual(
			[figures.checks.answered, figures.places, figures.pid],
			[6, 2, broker.process.pid],
		);
		const shown = await ctl(t, ["broker", "status", "--broker", broker.socket]);
		assert.match(shown.stdout, /^checks answered +6$/m);
		const page = await ctl(t, [
			...["broker", "status", "--broker", broker.socket, "-o", "prometheus"],
		]);
		const line = 'happo_broker_checks_total{outcome="answered"} 6';
		assert.ok(page.stdout.includes(`\n${line}\n`), page.stdout);
		const [, port] = /metrics is on port (\d+)/.exec(broker.said()) ?? [];
		const scraped = await fetch(`http://127.0.0.1:${port}/metrics`);
		assert.match(scraped.headers.get("content-type") ?? "", /version=0\.0\.4/);
		assert.ok((await scraped.text()).includes(line));
		assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 404);

		broker.process.kill("SIGTERM");
		assert.deepEqual(await broker.exited, [0, null]);
		assert.match(broker.said(), /broker: SIGTERM: stopping\n$/);
		assert.equal(existsSync(broker.socket), false);
	});

	it("answers what runs when it is told to stop", async (t) => {
		let answer = () => {};
		const server = await answering(t, (response) => {
			answer = () => json(response, { return_value: 0, message: "late\n" });
		});
		const broker = await brokerProcess(t, ["--insecure"]);
		const client = await brokerClient(t, broker.socket);
		client.check(checkWords(server.port));
		await eventually("it runs", () => server.arrived.length === 1);
		broker.process.kill("SIGTERM");
		await eventually("it stops", () => /stopping/.test(broker.said()));
		answer();
		assert.equal(textOf(await client.next()), "late\n");
		assert.deepEqual(await broker.exited, [0, null]);
	});

	it("verifies as it is told, with a CA or with known hosts", async (t) => {
		const server = await answering(t, (response) =>
			json(response, { return_value: 0, message: "OK\n" }),
		);
		const other = await answering(t, () => assert.fail("was sent a request"));
		const directory = await temporaryDirectory(t);
		const ca = join(directory, "ca.pem");
		await writeFile(ca, server.certificate);
		const known = join(directory, "known-hosts");
		const { fingerprint256 } = new X509Certificate(server.certificate);
		await writeFile(
			known,
			`# agents\n127.0.0.1:${server.port} ${fingerprint256}\n127.0.0.1:${other.port} ${fingerprint256}\n`,
		);
		for (const [flags, reason] of [
			[["--ca-file", ca], /certificate is self-signed and not trusted\n$/],
			[["--known-hosts", known], /certificate fingerprint is .*, not /],
		] as const) {
			const broker = await brokerProcess(t, flags);
			const client = await brokerClient(t, broker.socket);
			client.check(checkWords(server.port));
			assert.equal(textOf(await client.next()), "OK\n", flags.join(" "));
			client.check(checkWords(other.port));
			const text = textOf(await client.next());
			assert.match(text, /^ERROR\(happo-agent\): 127\.0\.0\.1:\d+: /);
			assert.match(text, reason);
			broker.process.kill("SIGKILL");
		}
	});

	it("takes the socket that systemd passes, and leaves its file", async (t) => {
		const directory = await temporaryDirectory(t);
		const path = join(directory, "broker.sock");
		// what systemd does: a socket on descriptor 3, and the id of the process
		const script = `use Socket; use POSIX; $^F = 9; socket(S, AF_UNIX, SOCK_STREAM, 0) or die; bind(S, sockaddr_un($ARGV[0])) or die; listen(S, 128);
dup2(fileno(S), 3); $ENV{LISTEN_PID} = $$; $ENV{LISTEN_FDS} = 1; shift; exec(@ARGV)`;
		const {
			process: child,
			said,
			exited,
		} = startServer(
			t,
			[
				...(["perl", "-e", script, path] as const),
				...[testNode, ctlProgram, "broker", "--insecure"],
			],
			process.env,
		);
		await eventually("it listens", () =>
			/listens on the socket of systemd/.test(said()),
		);
		const { stdout } = await ctl(t, ["broker", "status", "--broker", path]);
		assert.match(stdout, /^clients +1 of/m);
		// more clients wait than the 511 that Node allows by default; one too many gets EAGAIN at once
		child.kill("SIGSTOP");
		const clients = Array.from({ length: 600 }, () => connect(path));
		await Promise.all(clients.map((client) => once(client, "connect")));
		for (const client of clients) client.destroy();
		child.kill("SIGCONT");
		child.kill("SIGTERM");
		assert.deepEqual(await exited, [0, null]);
		assert.ok(existsSync(path));
	});

	it("says what is wrong, and does not start", async (t) => {
		const directory = await temporaryDirectory(t);
		const socket = join(directory, "broker.sock");
		const known = join(directory, "known");
		await writeFile(known, "\nweb01 AB:CD\n");
		for (const [status, reason, ...flags] of [
			[
				2,
				/^happo-ctl: --hosts: not an address, network or name: a b$/,
				"--hosts",
				"a b",
			],
			[
				2,
				/--users: no such user in \/etc\/passwd: nobody-at-all$/,
				"--users",
				"nobody-at-all",
			],
			[
				2,
				/--known-hosts \S+ line 2: not HOST\[:PORT\] SHA256$/,
				"--known-hosts",
				known,
			],
			[
				2,
				/--ca-file \S+: no certificate|--ca-file: no certificate/,
				"--ca-file",
				known,
			],
			[
				2,
				/--metrics-listen: not an address with a port: :$/,
				"--metrics-listen",
				":",
			],
			[1, /^happo-ctl: \/nowhere\/x: /, "--listen", "/nowhere/x"],
		] as const) {
			const { code, stdout, stderr } = await ctl(t, [
				...["broker", "--listen", socket, ...flags],
			]);
			assert.match(stderr.trim(), reason);
			assert.deepEqual([code, stdout], [status, ""], stderr);
		}
		const nobody = await ctl(t, ["broker", "status", "--broker", socket]);
		assert.match(nobody.stderr, /broker\.sock: no such file or directory\n$/);
		assert.equal(nobody.code, 1);
		const taken = await brokerProcess(t, ["--insecure"]);
		const second = await ctl(t, ["broker", "--listen", taken.socket]);
		assert.match(second.stderr, /: another program listens there\n$/);
		assert.equal(second.code, 1);
	});
});

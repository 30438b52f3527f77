import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { clientOf } from "../support/client.ts";
import { collectorProcess, collectorProgram } from "../support/collector.ts";
import { runProcess } from "../support/command-line.ts";
import { startDaemon } from "../support/daemon.ts";
import { eventually as within } from "../support/eventually.ts";
import { createPair } from "../support/next-hop.ts";
import { local } from "../support/relaying.ts";
import { plainServer } from "../support/stub-servers.ts";
import { startStubStore } from "../support/stub-store.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const eventually = (what: string, holds: () => boolean | Promise<boolean>) =>
	within(what, holds, 60_000);

/** An agent with the consumer `fleet` that has a sample with this value. */
async function agentWith(t: TestContext, value: number) {
	const agent = await startDaemon(t, ["--metric-consumers", "fleet"]);
	const client = clientOf(t, agent.port);
	const add = (value: number) =>
		client.POST("/metric/append", {
			body: {
				metric_data: [
					{
						hostname: "web",
						timestamp: Math.floor(Date.now() / 1000),
						metrics: { "a.value": value },
					},
				],
			},
		});
	assert.equal((await add(value)).response.status, 200);
	const left = async () =>
		(await client.POST("/metric/peek", { body: { consumer: "fleet" } })).data
			?.metric_data?.length ?? 0;
	return { port: agent.port, place: local(agent.port), left, add, agent };
}

const list = (...groups: { targets: string[]; labels?: object }[]) =>
	JSON.stringify(groups);

/** Replaces a file as programs that write lists do. */
async function replaceFile(file: string, text: string) {
	await writeFile(`${file}.new`, text);
	await rename(`${file}.new`, file);
}

test("the collector writes, acknowledges, follows its list and stops", async (t) => {
	const store = await startStubStore(t);
	const [one, other] = [await agentWith(t, 1), await agentWith(t, 2)];
	const directory = await temporaryDirectory(t);
	const hosts = join(directory, "hosts.json");
	await writeFile(
		hosts,
		list(
			{ targets: [one.place], labels: { env: "prod" } },
			{ targets: ["no host!"] },
		),
	);
	const collector = await collectorProcess(
		t,
		[
			...["--hosts", "hosts.json", "--insecure", "--interval", "1"],
			...["--write", store.url.href, "--ack-after", "0"],
		],
		{ directory },
	);
	await eventually("acknowledged", async () => (await one.left()) === 0);
	assert.deepEqual(
		store.stored.map(({ labels, value }) => [
			labels.__name__,
			labels.env,
			labels.instance,
			value,
		]),
		[["a_value", "prod", one.place, 1]],
	);
	assert.match(
		collector.stdout(),
		/\[warning\] hosts: hosts\.json: left out: \[1\]\.targets\[0\]: not HOST or HOST:PORT: "no host!"$/m,
	);
	assert.equal((await collector.status()).hosts.left_out, 1);

	// a list that cannot be read changes nothing
	await replaceFile(hosts, "[");
	await eventually(
		"the problem",
		async () => (await collector.status()).hosts.problem !== null,
	);
	await one.add(3);
	await eventually("still polled", async () => (await one.left()) === 0);
	await replaceFile(hosts, list({ targets: [one.place, other.place] }));
	await eventually("the other one", async () => (await other.left()) === 0);
	const { hosts: seen, targets } = await collector.status();
	assert.equal(seen.problem, null);
	assert.equal(seen.left_out, 0);
	assert.equal(targets[0]?.consumer, "fleet");

	await t.test("status shows it", async (t) => {
		const status = (...flags: string[]) =>
			runProcess(
				t,
				["status", "--listen", `127.0.0.1:${collector.port}`, ...flags],
				{ program: collectorProgram },
			);
		const { stdout, code } = await status();
		assert.equal(code, 0);
		assert.match(stdout, /^hosts answering +2$/m);
		assert.match(stdout, /^fleet +http:\/\/127\.0\.0\.1:\d+\/\S* +logged +3 /m);
		const json = JSON.parse((await status("-o", "json")).stdout);
		assert.equal(json.hosts.all, 2);
		const page = (await status("-o", "prometheus")).stdout;
		assert.match(
			page,
			/^happo_collector_samples_written_total\{consumer="fleet"\} 3$/m,
		);
		assert.match(
			page,
			/^happo_collector_lag_seconds_bucket\{consumer="fleet",le="\+Inf"\} 3$/m,
		);
	});

	await t.test("a dead host is named", async (t) => {
		await other.agent.stop();
		await eventually("failing", async () => {
			const { failing } = await collector.status();
			return failing[0]?.host === other.place;
		});
		const { stdout } = await runProcess(
			t,
			["status", "--listen", `127.0.0.1:${collector.port}`],
			{ program: collectorProgram },
		);
		assert.match(
			stdout,
			new RegExp(`^${other.place} +\\d+ s +connection refused$`, "m"),
		);
	});

	const { code, stdout } = await collector.stop();
	assert.equal(code, 0);
	assert.match(stdout, /\[info\] SIGTERM: stopping\n.*stopped\n$/);
});

test("a list from a URL, with a fingerprint for the host", async (t) => {
	const store = await startStubStore(t);
	const agent = await agentWith(t, 1);
	const client = clientOf(t, agent.port);
	const { data } = await client.GET("/status");
	const fingerprint = data?.certificate?.fingerprint_sha256 ?? "";
	const wrong = createPair();
	assert.ok(wrong);
	const server = await plainServer(t, (response, { path, headers }) => {
		const isUser =
			headers.authorization ===
			`Basic ${Buffer.from("sd:secret").toString("base64")}`;
		response.writeHead(path === "/hosts?site=a" && isUser ? 200 : 403).end(
			list({
				targets: [agent.place],
				labels: { __fingerprint__: fingerprint },
			}),
		);
	});
	const collector = await collectorProcess(t, [
		...["--hosts", `http://sd:secret@127.0.0.1:${server.port}/hosts?site=a`],
		...["--write", store.url.href, "--ack-after", "0", "--interval", "1"],
	]);
	await eventually("acknowledged", async () => (await agent.left()) === 0);
	assert.doesNotMatch(collector.stdout(), /secret|site=a/);
	await collector.stop();
});

test("a host with another certificate gets nothing, not even the key", async (t) => {
	const store = await startStubStore(t);
	const agent = await agentWith(t, 1);
	const directory = await temporaryDirectory(t);
	await writeFile(
		join(directory, "hosts.json"),
		list({
			targets: [agent.place],
			labels: { __fingerprint__: "ab".repeat(32) },
		}),
	);
	await writeFile(join(directory, "key"), "secret-key\n", { mode: 0o600 });
	const collector = await collectorProcess(
		t,
		[
			...["--hosts", "hosts.json", "--write", store.url.href],
			...["--interval", "1", "--key-file", "key"],
		],
		{ directory },
	);
	await eventually(
		"untrusted",
		async () => (await collector.status()).hosts.failing.untrusted === 1,
	);
	assert.match(
		collector.stdout(),
		/certificate fingerprint is \S+, not (AB:){31}AB reason=untrusted$/m,
	);
	assert.equal(await agent.left(), 1);
	await collector.stop();
});

test("invalid options are refused, with the option and the value", async (t) => {
	const directory = await temporaryDirectory(t);
	await writeFile(join(directory, "hosts.json"), "[]");
	await writeFile(join(directory, "odd.json"), "{}");
	const url = "http://127.0.0.1:1/api/v1/write";
	const usual = ["--hosts", "hosts.json", "--write", url];
	for (const [flags, reason, status] of [
		[["--write", url], /^happo-collector: --hosts is missing$/m, 2],
		[["--hosts", "hosts.json"], /: --write is missing$/m, 2],
		[
			["--hosts", "nowhere.json", "--write", url],
			/: --hosts nowhere\.json: no such file or directory$/m,
			1,
		],
		[
			["--hosts", "odd.json", "--write", url],
			/: --hosts odd\.json: not a JSON array$/m,
			1,
		],
		[
			["--hosts", "http://user:secret@", "--write", url],
			/: --hosts: not a URL$/m,
			2,
		],
		[
			[...usual, "--write", `second=${url}`, "--write", `second=${url}`],
			/: --write: two stores for one consumer: second$/m,
			2,
		],
		[
			["--hosts", "hosts.json", "--write", `${url},${url}`],
			/: --write: name a consumer for each store but one: CONSUMER=URL$/m,
			2,
		],
		[
			["--hosts", "hosts.json", "--write", "ftp://user:secret@h/"],
			/: --write: not \[CONSUMER=\]http\(s\):\/\/HOST\[:PORT\]\/PATH$/m,
			2,
		],
		[[...usual, "--shard", "3/2"], /: --shard: not NUMBER\/OF/m, 2],
		[[...usual, "--listen", "nowhere"], /: --listen: not an address/m, 2],
		[
			[...usual, "--queue", "nats://192.0.2.1"],
			/: --queue: servers on other machines need tls:\/\/ and --queue-credentials or USER:PASSWORD@$/m,
			2,
		],
		[
			[...usual, "--queue", "tls://192.0.2.1"],
			/: --queue: servers on other machines need/m,
			2,
		],
		[
			[...usual, "--queue", "http://user:secret@h"],
			/: --queue: not nats:\/\/HOST\[:PORT\] or tls:\/\/HOST\[:PORT\]$/m,
			2,
		],
		[
			[...usual, "--queue", "nats://127.0.0.1:1", "--shard", "1/2"],
			/: --shard: cannot be used with --queue$/m,
			2,
		],
		[[...usual, "--queue", "nats://127.0.0.1:1"], /: --queue: .*$/m, 1],
		[
			[...usual, "--insecure", "--key-file", "hosts.json"],
			/: --insecure: a key is only sent to an agent/m,
			2,
		],
	] as const) {
		const { stderr, code } = await runProcess(
			t,
			["run", "--listen", "127.0.0.1:0", ...flags],
			{ directory, program: collectorProgram, milliseconds: 60_000 },
		);
		assert.match(stderr, reason, flags.join(" "));
		assert.equal(code, status, `${flags.join(" ")}: ${stderr}`);
		assert.doesNotMatch(stderr, /secret/);
	}
});

test("the second of two stores cannot be used", async (t) => {
	const directory = await temporaryDirectory(t);
	await writeFile(join(directory, "hosts.json"), "[]");
	const { stderr, code } = await runProcess(
		t,
		[
			...["run", "--listen", "127.0.0.1:0"],
			// the list has nothing to do with it
			...["--hosts", "http://127.0.0.1:1/hosts"],
			...["--write", "one=http://127.0.0.1:1/api/v1/write"],
			...["--write", "two=https://user:secret@store.test/api/v1/write"],
		],
		{
			...{ directory, program: collectorProgram, milliseconds: 60_000 },
			environment: { https_proxy: "ftp://user:secret@proxy.test" },
		},
	);
	assert.match(
		stderr,
		/^happo-collector: --write https:\/\/store\.test\/api\/v1\/write: https_proxy: not http:\/\/HOST:PORT$/m,
	);
	assert.equal(code, 2);
	assert.doesNotMatch(stderr, /secret/);
});

test("status without a collector", async (t) => {
	const { stderr, code } = await runProcess(
		t,
		["status", "--listen", "127.0.0.1:1"],
		{ program: collectorProgram },
	);
	assert.match(
		stderr,
		/^happo-collector: 127\.0\.0\.1:1: connection refused$/m,
	);
	assert.equal(code, 1);
	const other = await plainServer(t, (response) => response.end("[]"));
	const { stderr: said } = await runProcess(
		t,
		["status", "--listen", `127.0.0.1:${other.port}`],
		{ program: collectorProgram },
	);
	assert.match(said, /: not a collector$/m);
});

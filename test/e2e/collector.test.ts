import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { AgentClient } from "../../src/client/index.ts";
import { startTestAgent } from "../support/agent.ts";
import { clientOf } from "../support/client.ts";
import { collectorProcess, collectorProgram } from "../support/collector.ts";
import { runProcess } from "../support/command-line.ts";
import { eventually as within } from "../support/eventually.ts";
import { freePort, freePorts } from "../support/free-port.ts";
import { natsCredentials } from "../support/nats-credentials.ts";
import { startNats } from "../support/nats-server.ts";
import { createPair } from "../support/next-hop.ts";
import { checkedByPromtool } from "../support/prometheus.ts";
import { local } from "../support/relaying.ts";
import { missingStore, startStore } from "../support/stores.ts";
import { startStubStore } from "../support/stub-store.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { blocksOf, blocksRunBy } from "../support/walkthrough.ts";

const eventually = (what: string, holds: () => boolean | Promise<boolean>) =>
	within(what, holds, 90_000);

/** Why a test cannot run; with CI=true everything is installed. */
const skipped = (...programs: Parameters<typeof missingStore>[0][]) => {
	const missing = programs.flatMap((program) => missingStore(program) ?? []);
	return missing.length > 0 && process.env.CI !== "true"
		? missing.join(", ")
		: false;
};

/** Agents of this process with the consumer `fleet`, and what each was given. */
async function fleetOf(t: TestContext, count: number) {
	const agents = await Promise.all(
		Array.from({ length: count }, async () => {
			const agent = await startTestAgent(t, { "metric-consumers": ["fleet"] });
			const client: AgentClient = clientOf(t, agent.port);
			return { place: local(agent.port), client, given: new Map() };
		}),
	);
	let value = 0;
	let last = 0;
	return {
		agents,
		/** Gives each agent a sample with a value of its own, in a second of its own. */
		async give() {
			await eventually(
				"the next second",
				() => Math.floor(Date.now() / 1000) > last,
			);
			last = Math.floor(Date.now() / 1000);
			for (const { client, given } of agents) {
				value++;
				const { response } = await client.POST("/metric/append", {
					body: {
						metric_data: [
							{ hostname: "web", timestamp: last, metrics: { v: value } },
						],
					},
				});
				assert.equal(response.status, 200);
				given.set(last * 1000, value);
			}
		},
		/** Waits until all agents have nothing left. */
		isEmpty: () =>
			eventually("everything is acknowledged", async () => {
				const left = await Promise.all(
					agents.map(
						async ({ client }) =>
							(
								await client.POST("/metric/peek", {
									body: { consumer: "fleet" },
								})
							).data?.metric_data?.length ?? 0,
					),
				);
				return left.every((length) => length === 0);
			}),
		/** Asserts that a store has exactly what the agents were given. */
		async assertStored(store: Awaited<ReturnType<typeof startStore>>) {
			const found = await store.stored('{__name__="v"}');
			for (const { place, given } of agents)
				assert.deepEqual(
					new Map([...(found.get(`v{${place},web}`) ?? [])].sort()),
					new Map([...given].sort()),
					place,
				);
			assert.equal(found.size, agents.length);
		},
	};
}

/** Arguments of a collector, and its list of hosts; the second half of them is behind the first. */
async function collectorFlags(
	t: TestContext,
	places: readonly string[],
	store: URL,
) {
	const directory = await temporaryDirectory(t);
	const half = Math.ceil(places.length / 2);
	await writeFile(
		join(directory, "hosts.json"),
		JSON.stringify([
			{ targets: places.slice(0, half) },
			{ targets: places.slice(half), labels: { __via__: places[0] } },
		]),
	);
	return [
		...["--hosts", join(directory, "hosts.json"), "--insecure"],
		...["--write", store.href, "--interval", "2", "--ack-after", "3"],
	];
}

test("nothing is lost or doubled when collectors are killed", {
	skip: skipped("victoria-metrics"),
}, async (t) => {
	const store = await startStore(t, "victoria-metrics");
	const fleet = await fleetOf(t, 4);
	const flags = await collectorFlags(
		t,
		fleet.agents.map(({ place }) => place),
		store.url,
	);
	for (let round = 0; round < 3; round++) {
		const collector = await collectorProcess(t, flags);
		await fleet.give();
		await eventually(
			"something is leased",
			async () =>
				((await collector.status()).targets[0]?.batches_leased ?? 0) > 0,
		);
		await fleet.give();
		collector.process.kill("SIGKILL");
		await collector.exited;
	}
	const last = await collectorProcess(t, flags);
	await fleet.isEmpty();
	assert.equal((await last.stop()).code, 0);
	await fleet.assertStored(store);
});

test("collectors share the hosts over NATS; they and NATS may die", {
	skip: skipped("victoria-metrics", "nats-server"),
}, async (t) => {
	const store = await startStore(t, "victoria-metrics");
	const nats = await startNats(t);
	const fleet = await fleetOf(t, 6);
	const flags = [
		...(await collectorFlags(
			t,
			fleet.agents.map(({ place }) => place),
			store.url,
		)),
		...["--queue", nats.url],
	];
	const workers = await Promise.all(
		[1, 2, 3].map(() => collectorProcess(t, flags)),
	);
	const counts = async () =>
		Promise.all(
			workers.map(async (worker) => (await worker.status()).passes.due),
		);
	await fleet.give();
	await eventually("each worker has had hosts", async () =>
		(await counts()).every((count) => count >= 2),
	);
	// each host once in an interval, and not once for each collector
	const [first, begun] = [await counts(), performance.now()];
	await eventually("some intervals", () => performance.now() - begun > 10_000);
	const sum = (all: readonly number[]) => all.reduce((a, b) => a + b, 0);
	const passes = sum(await counts()) - sum(first);
	const intervals = (performance.now() - begun) / 2_000;
	assert.ok(
		passes <= 6 * (intervals + 2),
		`${passes} passes in ${intervals} intervals`,
	);

	const [dying, ...staying] = workers;
	dying?.process.kill("SIGKILL");
	await dying?.exited;
	await fleet.give();
	await fleet.isEmpty();

	await nats.kill();
	await fleet.give();
	await eventually("they notice", async () =>
		(await Promise.all(staying.map((worker) => worker.status()))).every(
			({ queue }) => queue?.isConnected === false,
		),
	);
	await nats.start();
	await fleet.give();
	await fleet.isEmpty();
	for (const worker of staying) {
		const { code, stdout } = await worker.stop();
		assert.equal(code, 0);
		assert.match(stdout, /queue happo: connected again/);
	}
	await fleet.assertStored(store);
});

test("the queue with TLS, users and passwords", {
	skip: skipped("nats-server"),
}, async (t) => {
	const store = await startStubStore(t);
	const fleet = await fleetOf(t, 2);
	const directory = await temporaryDirectory(t);
	const pair = createPair();
	const [cert, key, other] = ["cert.pem", "key.pem", "other.pem"].map((name) =>
		join(directory, name),
	) as [string, string, string];
	await writeFile(cert, pair.certificate);
	await writeFile(key, pair.privateKey);
	await writeFile(other, createPair().certificate);
	const nats = await startNats(t, [
		...["--tls", "--tlscert", cert, "--tlskey", key],
		...["--user", "fleet", "--pass", "se:cret"],
	]);
	const flags = await collectorFlags(
		t,
		fleet.agents.map(({ place }) => place),
		store.url,
	);
	const url = (user: string) => `tls://${user}@127.0.0.1:${nats.port}`;
	for (const [user, ca, reason] of [
		["fleet:wrong", cert, /--queue: .*[Aa]uthorization/],
		["fleet:se%3Acret", other, /--queue: .*(self[- ]signed|certificate)/],
	] as const) {
		const { stderr, code } = await runProcess(
			t,
			[
				...["run", "--listen", "127.0.0.1:0", ...flags],
				...["--queue", url(user), "--queue-ca-file", ca],
			],
			{ program: collectorProgram, milliseconds: 60_000 },
		);
		assert.match(stderr, reason);
		assert.doesNotMatch(stderr, /cret|wrong/);
		assert.equal(code, 1);
	}
	// a server of the same CA that is not the one asked for
	const elsewhere = createPair(["localhost"]);
	await writeFile(other, elsewhere.certificate);
	await writeFile(key, elsewhere.privateKey);
	const wrong = await startNats(t, [
		...["--tls", "--tlscert", other, "--tlskey", key],
	]);
	const { stderr } = await runProcess(
		t,
		[
			...["run", "--listen", "127.0.0.1:0", ...flags],
			...["--queue", `tls://127.0.0.1:${wrong.port}`],
			...["--queue-ca-file", other],
		],
		{ program: collectorProgram, milliseconds: 60_000 },
	);
	assert.match(stderr, /--queue: .*altnames: IP: 127\.0\.0\.1 /);

	const collector = await collectorProcess(t, [
		...[...flags, "--queue", url("fleet:se%3Acret")],
		...["--queue-ca-file", cert],
	]);
	await fleet.give();
	await fleet.isEmpty();
	assert.doesNotMatch(collector.stdout(), /cret/);
	assert.equal((await collector.stop()).code, 0);
});

test("the queue with a file of credentials", {
	skip: skipped("nats-server"),
}, async (t) => {
	const store = await startStubStore(t);
	const fleet = await fleetOf(t, 2);
	const directory = await temporaryDirectory(t);
	const pair = createPair();
	const { configuration, credentials, wrongCredentials } = natsCredentials();
	const file = async (name: string, text: string) => {
		await writeFile(join(directory, name), text, { mode: 0o600 });
		return join(directory, name);
	};
	const cert = await file("cert.pem", pair.certificate);
	const key = await file("key.pem", pair.privateKey);
	const nats = await startNats(t, [
		...["--config", await file("nats.conf", configuration)],
		...["--tls", "--tlscert", cert, "--tlskey", key],
	]);
	const flags = await collectorFlags(
		t,
		fleet.agents.map(({ place }) => place),
		store.url,
	);
	const queue = (credentialsFile: string, port = nats.port) => [
		...[...flags, "--queue", `tls://127.0.0.1:${port}`],
		...["--queue-ca-file", cert, "--queue-credentials", credentialsFile],
	];
	const refused = async (args: readonly string[], reason: RegExp) => {
		const { stderr, code } = await runProcess(
			t,
			["run", "--listen", "127.0.0.1:0", ...args],
			{ program: collectorProgram, milliseconds: 60_000 },
		);
		assert.match(stderr, reason);
		assert.doesNotMatch(stderr, /SU[A-Z2-7]{20}|eyJ/);
		assert.equal(code, 1);
	};
	const right = await file("right.creds", credentials);
	await refused(
		queue(await file("wrong.creds", wrongCredentials)),
		/--queue: .*[Aa]uthorization/,
	);
	await refused(queue(await file("odd.creds", "odd\n")), /--queue: /);
	const [first, second] = await Promise.all([
		collectorProcess(t, queue(right)),
		collectorProcess(t, queue(right)),
	]);
	await fleet.give();
	await fleet.isEmpty();
	for (const collector of [first, second]) {
		assert.doesNotMatch(collector.stdout(), /SU[A-Z2-7]{20}|eyJ/);
		assert.equal((await collector.stop()).code, 0);
	}
});

test("a cluster of NATS: any of its servers may die", {
	skip: skipped("nats-server"),
}, async (t) => {
	const store = await startStubStore(t);
	const fleet = await fleetOf(t, 4);
	const routes = await Promise.all([freePort(), freePort(), freePort()]);
	const servers = await Promise.all(
		routes.map((port, number) =>
			startNats(
				t,
				[
					...["--server_name", `nats${number}`, "--cluster_name", "fleet"],
					...["--cluster", `nats://127.0.0.1:${port}`, "--routes"],
					routes.map((route) => `nats://127.0.0.1:${route}`).join(","),
				],
				// the servers have found each other
				/ metadata leader/,
			),
		),
	);
	const flags = [
		...(await collectorFlags(
			t,
			fleet.agents.map(({ place }) => place),
			store.url,
		)),
		...["--queue", servers.map(({ url }) => url).join(",")],
	];
	const workers = await Promise.all(
		[1, 2].map(() => collectorProcess(t, flags)),
	);
	for (const server of servers) {
		await fleet.give();
		await fleet.isEmpty();
		await server.kill();
		await fleet.give();
		await fleet.isEmpty();
		await server.start();
	}
	for (const worker of workers) assert.equal((await worker.stop()).code, 0);
});

test("the document's commands", {
	skip: skipped("victoria-metrics"),
}, async (t) => {
	const [list, run, status, ...others] = blocksRunBy(
		"test/e2e/collector.test.ts",
	).filter(({ document }) => document === "contrib/doc/collector.md");
	assert.ok(list && run && status && others.length === 0);
	const store = await startStore(t, "victoria-metrics");
	const fleet = await fleetOf(t, 3);
	const bastion = await startTestAgent(t);
	const directory = await temporaryDirectory(t);
	const file = join(directory, "hosts.json");
	const [web01 = "", web02 = "", db01 = ""] = fleet.agents.map(
		({ place }) => place,
	);
	await writeFile(
		file,
		list.lines
			.join("\n")
			.replace('"web01"', `"${web01}"`)
			.replace("web02:6777", web02)
			.replace('"db01"', `"${db01}"`)
			.replace('"bastion1"', `"${local(bastion.port)}"`),
	);
	const [program, ...words] = (run.lines[0] ?? "").split(" ");
	assert.equal(program, "happo-collector");
	const given = words.slice(1).map((word) =>
		word
			.replace("/etc/happo/hosts.json", file)
			.replace("127.0.0.1:8428", `127.0.0.1:${store.port}`)
			// agents of this test have no common CA
			.replace("--ca-file", "--interval")
			.replace("/etc/happo/ca.pem", "2"),
	);
	const collector = await collectorProcess(t, [...given, "--insecure"]);
	await fleet.give();
	await eventually("written", async () => {
		const { targets } = await collector.status();
		return targets[0]?.samples_written === 3;
	});
	const [name, ...rest] = (status.lines[0] ?? "").split(" ");
	assert.equal(name, "happo-collector");
	const { stdout } = await runProcess(
		t,
		[...rest, "--listen", `127.0.0.1:${collector.port}`],
		{ program: collectorProgram },
	);
	assert.match(stdout, /^hosts answering +3$/m);
	assert.match(stdout, /^fleet .* restart-checked +3 /m);
	const found = await store.stored('{__name__="v",env="prod"}');
	assert.equal(found.size, 3);
});

test("promtool takes the page and the alerts", {
	skip: skipped("prometheus"),
}, async (t) => {
	const store = await startStubStore(t);
	const directory = await temporaryDirectory(t);
	await writeFile(join(directory, "hosts.json"), "[]");
	const collector = await collectorProcess(
		t,
		["--hosts", "hosts.json", "--write", store.url.href],
		{ directory },
	);
	const answer = await fetch(`http://127.0.0.1:${collector.port}/metrics`);
	const page = await answer.text();
	assert.equal(checkedByPromtool(page), "");
	const rules = "contrib/prometheus/happo-collector.rules.yml";
	const { status, stdout, stderr } = spawnSync(
		"promtool",
		["check", "rules", rules],
		{ encoding: "utf8" },
	);
	assert.equal(status, 0, stdout + stderr);
	// each alert asks for metrics that the page has
	const names = new Set(
		[...page.matchAll(/^# TYPE (\S+) (\S+)/gm)].flatMap(([, name, type]) =>
			type === "histogram" ? [`${name}_bucket`] : [name],
		),
	);
	const asked = [
		...readFileSync(rules, "utf8").matchAll(/\bhappo_collector_\w+/g),
	].map(([name]) => name);
	assert.ok(asked.length > 10);
	for (const name of asked) assert.ok(names.has(name), name);
});

test("the two commands of the example show a graph", {
	skip: skipped("victoria-metrics"),
}, async (t) => {
	const [block] = blocksOf("contrib/examples/fleet/README.md");
	const [start, graph] = (block?.lines ?? []).map((line) => line.split(" "));
	assert.deepEqual([start?.[0], graph?.[0]], ["sh", "node"]);
	const directory = await temporaryDirectory(t);
	const bin = join(directory, "bin");
	await mkdir(bin);
	for (const name of ["happo-agent", "happo-collector"])
		await symlink(join(process.cwd(), `dist/${name}.js`), join(bin, name));
	await symlink(process.execPath, join(bin, "node"));
	const environment = {
		PATH: `${bin}:${process.env.PATH}`,
		HOME: directory,
		// the example uses the six after it
		PORT: String(await freePorts(7)),
	};
	const options = { cwd: directory, env: environment } as const;
	const fleet = spawn("sh", [join(process.cwd(), start?.[1] ?? "")], {
		...options,
		stdio: "ignore",
		// to end all of it if the test fails
		detached: true,
	});
	const ended = once(fleet, "exit");
	t.after(() => {
		if (fleet.exitCode === null && fleet.pid)
			process.kill(-fleet.pid, "SIGKILL");
	});
	let shown = "";
	await eventually("a graph for each agent", () => {
		const { stdout } = spawnSync(
			process.execPath,
			[join(process.cwd(), graph?.[1] ?? "")],
			{ ...options, encoding: "utf8" },
		);
		shown = stdout;
		return [...shown.matchAll(/^ {2}[▁▂▃▄▅▆▇█]+$/gm)].length === 3;
	});
	assert.match(shown, /^127\.0\.0\.1:\d+ \(site b\) linux_loadavg_load1 /m);
	fleet.kill("SIGTERM");
	const [code] = await ended;
	assert.equal(code, 0);
});

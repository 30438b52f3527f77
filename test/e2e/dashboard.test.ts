import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { clientOf } from "../support/client.ts";
import { collectorProcess } from "../support/collector.ts";
import { startDaemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { send } from "../support/https.ts";
import { lacksPeer } from "../support/peer.ts";
import { missing } from "../support/prometheus.ts";
import { local } from "../support/relaying.ts";
import { makeCertificate, makeRevocationList } from "../support/small-ca.ts";
import { missingStore, startStore } from "../support/stores.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { blocksRunBy } from "../support/walkthrough.ts";

const folder = join(process.cwd(), "contrib/prometheus");
const filesOf = (end: string) =>
	readdirSync(folder)
		.filter((name) => name.endsWith(end))
		.map((name) => join(folder, name));

/** The parts of a Grafana dashboard that matter here. */
interface Dashboard {
	panels: {
		id: number;
		type: string;
		title: string;
		gridPos: Record<"x" | "y" | "w" | "h", number>;
		targets?: { expr: string; legendFormat: string }[];
	}[];
	templating: { list: { name: string; type: string; definition?: string }[] };
}

const dashboard: Dashboard = JSON.parse(
	readFileSync("contrib/grafana/happo-agent.json", "utf8"),
);
const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
	targets.map(({ expr }) => ({ title, expr })),
);

const ruleFiles = filesOf(".rules.yml");

/** The expressions of a file of rules. */
const rules = ruleFiles.map((file) => readFileSync(file, "utf8")).join("");

test("the dashboard is one that Grafana takes, and uses rate, as the rules do", () => {
	const { panels, templating } = dashboard;
	assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
	assert.deepEqual(
		panels.filter(({ type }) => type === "row").map(({ title }) => title),
		["Hosts", "Checks", "Collection", "Collector"],
	);
	const taken = new Map<string, string>();
	for (const { title, gridPos } of panels) {
		const { x, y, w, h } = gridPos;
		assert.ok(x + w <= 24, title);
		for (let column = x; column < x + w; column++)
			for (let line = y; line < y + h; line++) {
				const cell = `${column} ${line}`;
				assert.equal(taken.get(cell), undefined, `${title} covers another`);
				taken.set(cell, title);
			}
	}
	const known = templating.list.map(({ name }) => name);
	for (const { title, expr } of queries) {
		assert.doesNotMatch(expr, /increase/, title);
		for (const [, name = ""] of expr.matchAll(/\$(\w+)/g))
			assert.ok([...known, "__rate_interval"].includes(name), `$${name}`);
	}
	assert.doesNotMatch(rules, /increase\(\w/);
});

test("promtool takes the rules, their cases and the scrape example, vmalert the rules", (t) => {
	if (lacksPeer(t, missing.promtool ?? missingStore("victoria-metrics")))
		return;
	const [listed, tested, ...others] = blocksRunBy("test/e2e/dashboard.test.ts");
	assert.ok(listed && tested && others.length === 0);
	const scrape = readFileSync(join(folder, "scrape.yml"), "utf8");
	assert.ok(scrape.includes(`${listed.lines.join("\n")}\n`));
	for (const [program, ...args] of [
		["promtool", "check", "rules", ...ruleFiles],
		(tested.lines[0] ?? "").split(" ") as [string, ...string[]],
		[
			"promtool",
			"check",
			"config",
			"--syntax-only",
			join(folder, "scrape.yml"),
		],
		["vmalert", "-dryRun", ...ruleFiles.map((file) => `-rule=${file}`)],
	] as const) {
		const { status, stdout, stderr } = spawnSync(program, args, {
			encoding: "utf8",
			cwd: folder,
		});
		assert.equal(status, 0, stdout + stderr);
	}
	const cases = filesOf(".test.yml")
		.map((file) => readFileSync(file, "utf8"))
		.join("");
	for (const [, alert] of rules.matchAll(/- alert: (\w+)/g))
		assert.match(
			cases,
			new RegExp(`alertname: ${alert}\n\\s+exp_alerts:`),
			`${alert} has no case`,
		);
});

/** A check with all kinds of performance data, one of them without sense. */
const figures = `#!/bin/sh
octets=$(( $(date +%s) * 1000 ))
echo "OK - all is well | time=5ms;10:20;@30:40;0;99 eth0_in=$octets""c bad=1,5"
`;

/** Uses more memory than an agent, which is what the kernel can tell of a child. */
const memory = `#!/bin/sh
exec "${process.execPath}" -e 'Buffer.alloc(4e8, 1); console.log("OK")'
`;

const metrics = `#!/bin/sh
printf 'up.to.now\\t7\\t%s\\n' "$(date +%s)"
`;

const policy = `version: 1
mode: enforce
who:
  local: { address: [127.0.0.1] }
commands:
  figures: { run: [check_figures] }
  failing: { run: [check_failing] }
  memory: { run: [check_memory] }
rules:
- { who: local, may: "*", commands: "*" }
`;

/** An agent with everything that a page can have, which is asked again and again. */
async function busyAgent(t: TestContext) {
	const directory = await temporaryDirectory(t);
	const at = (name: string) => join(directory, name);
	for (const [name, text] of [
		["check_figures", figures],
		["check_failing", "#!/bin/sh\necho CRITICAL\nexit 2\n"],
		["check_memory", memory],
		["metrics_now", metrics],
	] as const) {
		await writeFile(at(name), text);
		await chmod(at(name), 0o755);
	}
	await writeFile(
		at("metrics.yaml"),
		"metrics:\n- hostname: web01\n  plugins:\n  - { plugin_name: metrics_now }\n  - { plugin_name: metrics_linux }\n",
	);
	await writeFile(at("policy.yaml"), policy);
	const authority = makeCertificate({ name: "ca", isAuthority: true });
	await writeFile(at("ca.pem"), authority.certificate);
	await writeFile(at("ca.crl"), makeRevocationList({ issuer: authority }));
	const sensu = `${directory},${join(process.cwd(), "contrib/plugins")}`;
	const agent = await startDaemon(
		t,
		[
			...["--nagios-plugin-paths", directory, "--sensu-plugin-paths", sensu],
			...["--metric-config", at("metrics.yaml")],
			...["--collection-interval-seconds", "1", "--metric-consumers", "fleet"],
			...["--policy", at("policy.yaml"), "--audit-log", at("audit.log")],
			...["--client-ca-file", at("ca.pem"), "--client-crl-file", at("ca.crl")],
		],
		{ directory },
	);
	const client = clientOf(t, agent.port);
	const check = async (plugin_name: string) => {
		const { response } = await client.POST("/monitor", {
			body: { plugin_name, plugin_option: "" },
		});
		assert.equal(response.status, 200, plugin_name);
	};
	await check("memory");
	// too old for a store
	const { response } = await client.POST("/metric/append", {
		body: {
			metric_data: [
				{
					hostname: "web01",
					timestamp: Math.floor(Date.now() / 1_000) - 7 * 86_400,
					metrics: { "up.to.now": 1 },
				},
			],
		},
	});
	assert.equal(response.status, 200);
	const askEverything = async () => {
		await check("figures");
		await check("failing");
		await send({ port: agent.port, path: "/none" });
	};
	return { ...agent, askEverything };
}

/** Asks twice a second, until it is told to end; then it fails if it once did. */
function keepAsking(ask: () => Promise<void>) {
	let isOver = false;
	const asking = (async () => {
		while (!isOver) {
			await ask();
			await pause(500);
		}
	})();
	asking.catch(() => {});
	return () => {
		isOver = true;
		return asking;
	};
}

/**
 * A Prometheus and a VictoriaMetrics that scrape an agent, and a collector that writes to the
 * former.
 */
async function scrapersOf(t: TestContext, agent: { port: number }) {
	const directory = await temporaryDirectory(t);
	// the collector has to write to the Prometheus that scrapes it
	const listen = await freePort();
	const job = (job_name: string, scheme: string, target: string) => ({
		...{ job_name, scheme, static_configs: [{ targets: [target] }] },
		...{ scrape_interval: "1s", scrape_timeout: "1s" },
		tls_config: { insecure_skip_verify: true },
	});
	const scrape_configs = [
		job("happo-agent", "https", local(agent.port)),
		job("happo-collector", "http", local(listen)),
	];
	const config = join(directory, "scrape.json");
	await writeFile(config, JSON.stringify({ scrape_configs }));
	const prometheus = await startStore(t, "prometheus", {
		config: JSON.stringify({
			global: { evaluation_interval: "1s" },
			rule_files: ruleFiles,
			scrape_configs,
		}),
	});
	const victoria = await startStore(t, "victoria-metrics", {
		flags: [
			`-promscrape.config=${config}`,
			...["-search.latencyOffset=1s", "-search.disableCache"],
		],
	});
	await writeFile(
		join(directory, "hosts.json"),
		JSON.stringify([{ targets: [local(agent.port)] }]),
	);
	const collector = await collectorProcess(
		t,
		[
			...["--hosts", "hosts.json", "--insecure", "--interval", "1"],
			...["--ack-after", "1", "--write", prometheus.url.href],
			...["--listen", `127.0.0.1:${listen}`],
		],
		{ directory },
	);
	return { prometheus, victoria, collector };
}

/** The values of an expression of PromQL at present, in a store on this port. */
async function valuesIn(port: number, query: string): Promise<number[]> {
	const answer = await fetch(
		`http://127.0.0.1:${port}/api/v1/query?${new URLSearchParams({ query })}`,
	);
	const { error, data } = (await answer.json()) as {
		error?: string;
		data?: { result: { value: [number, string] }[] };
	};
	assert.ok(data, `${error}: ${query}`);
	return data.result.map(({ value }) => Number(value[1]));
}

/** A query of the dashboard as Grafana sends it, with "All" for each variable. */
const filledIn = (expr: string) =>
	expr.replaceAll("$__rate_interval", "1m").replaceAll(/\$\w+/g, ".*");

/** The query by which Grafana finds the values of a variable. */
function valuesOf(definition: string) {
	const [, selector = "", label = ""] =
		/^label_values\((.*), (\w+)\)$/.exec(filledIn(definition)) ?? [];
	return `count by (${label}) (${selector})`;
}

const variables = dashboard.templating.list.flatMap(({ name, definition }) =>
	definition ? [{ title: `$${name}`, expr: valuesOf(definition) }] : [],
);

/** Asserts that rules ask for nothing but what is on the pages of agent and collector. */
function assertOnPages(pages: readonly string[]) {
	const names = new Set(
		[...pages.join("").matchAll(/^(\w+)(?=[{ ])/gm)].map(([, name]) => name),
	);
	const asked = [
		...rules.matchAll(
			/(?<![:\w])(?:happo|state_check|process)_\w+(?=[{[\s)])/g,
		),
	];
	assert.ok(asked.length > 30);
	for (const [name] of asked)
		assert.ok(names.has(name), `${name} is on no page`);
}

/** Asserts that Prometheus can evaluate each of its rules. */
async function assertHealthy(port: number) {
	const answer = await fetch(`http://127.0.0.1:${port}/api/v1/rules`);
	const { data } = (await answer.json()) as {
		data: { groups: { rules: { name: string; health: string }[] }[] };
	};
	const seen = data.groups.flatMap((group) => group.rules);
	assert.ok(seen.length > 30);
	for (const { name, health } of seen) assert.equal(health, "ok", name);
}

test("every query of the dashboard gives data, in Prometheus and in VictoriaMetrics", async (t) => {
	const missing =
		missingStore("prometheus") ?? missingStore("victoria-metrics");
	if (lacksPeer(t, missing)) return;
	const agent = await busyAgent(t);
	const { prometheus, victoria, collector } = await scrapersOf(t, agent);
	const endAsking = keepAsking(agent.askEverything);
	assert.ok(variables.length === 5 && queries.length > 60);
	const recorded = [...rules.matchAll(/- record: (\S+)/g)].map(
		([, name = ""]) => ({ title: name, expr: name }),
	);
	for (const [store, port, asked] of [
		["prometheus", prometheus.port, [...variables, ...queries, ...recorded]],
		["victoria-metrics", victoria.port, [...variables, ...queries]],
	] as const)
		for (const { title, expr } of asked)
			await eventually(
				`${store} has data for "${title}": ${expr}`,
				async () =>
					(await valuesIn(port, filledIn(expr))).some(Number.isFinite),
				60_000,
			);
	const [own, collectors] = await Promise.all([
		send({ port: agent.port, path: "/metrics" }),
		fetch(`http://127.0.0.1:${collector.port}/metrics`),
	]);
	assertOnPages([own.text, await collectors.text()]);
	await assertHealthy(prometheus.port);
	await endAsking();
});

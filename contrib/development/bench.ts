// Compares the built daemon with its peers and with theoretical limits:
// bench.js [--quick] [--engine native|child_process] [BENCHMARK...]
// bench.js --against FILE builds: this build beside another one
// bench.js --prom-client FOLDER scrape: npm install --prefix FOLDER prom-client
import { parseArgs } from "node:util";
import { writeTestKeyPair } from "../../test/support/agent.ts";
import { createScope } from "../../test/support/scope.ts";
import { temporaryDirectory } from "../../test/support/temporary.ts";
import { benchBuilds } from "./bench/builds.ts";
import { benchChecks } from "./bench/checks.ts";
import { benchCollector } from "./bench/collector.ts";
import { benchCollectorConnections } from "./bench/collector-connections.ts";
import { compileTools } from "./bench/compile.ts";
import { benchLatency } from "./bench/latency.ts";
import { machineLines, watchMachine } from "./bench/machine.ts";
import { benchMemory } from "./bench/memory.ts";
import { benchMonitoringServer } from "./bench/monitoring-server.ts";
import { benchNrpePort } from "./bench/nrpe-port.ts";
import { full, quick } from "./bench/plan.ts";
import { benchPolicy } from "./bench/policy.ts";
import { benchPolicyChecks } from "./bench/policy-checks.ts";
import { benchRelay } from "./bench/relay.ts";
import { benchRequests } from "./bench/requests.ts";
import { benchSamples } from "./bench/samples.ts";
import type { Scene } from "./bench/scene.ts";
import { benchScrape } from "./bench/scrape.ts";
import { sectionLines } from "./bench/section.ts";
import { benchStart } from "./bench/start.ts";
import { benchStatus } from "./bench/status.ts";
import { benchWeb } from "./bench/web.ts";

const benchmarks = {
	checks: benchChecks,
	"nrpe-port": benchNrpePort,
	relay: benchRelay,
	requests: benchRequests,
	latency: benchLatency,
	start: benchStart,
	memory: benchMemory,
	samples: benchSamples,
	status: benchStatus,
	scrape: benchScrape,
	policy: benchPolicy,
	"monitoring-server": benchMonitoringServer,
	"policy-checks": benchPolicyChecks,
	collector: benchCollector,
	"collector-connections": benchCollectorConnections,
	web: benchWeb,
	builds: benchBuilds,
};
type Name = keyof typeof benchmarks;

const { values, positionals } = parseArgs({
	options: {
		quick: { type: "boolean", default: false },
		engine: { type: "string", default: "native" },
		against: { type: "string" },
		"prom-client": { type: "string" },
	},
	allowPositionals: true,
});
const usual = Object.keys(benchmarks).filter((name) => name !== "builds");
const wanted = positionals.length > 0 ? positionals : usual;
const unknown = wanted.filter((name) => !(name in benchmarks));
if (unknown.length > 0)
	throw new Error(
		`no such benchmark: ${unknown.join(", ")}; there are ${Object.keys(benchmarks).join(", ")}`,
	);

const print = (line: string) => process.stdout.write(`${line}\n`);
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
	process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)));

// Node 20 reads the file at each start, which takes 70 to 110 ms, also for `node -e 0`
Reflect.deleteProperty(process.env, "NODE_EXTRA_CA_CERTS");
const t = createScope();
try {
	const directory = await temporaryDirectory(t);
	const scene: Scene = {
		t,
		plan: values.quick ? quick : full,
		tools: compileTools(directory),
		directory,
		keyPair: await writeTestKeyPair(directory),
		engine: values.engine,
		against: values.against,
		promClient: values["prom-client"],
		signal: stop.signal,
		progress: (line) => process.stderr.write(`${line}\n`),
	};
	for (const line of machineLines(values.engine)) print(line);
	print("medians, with the minimum and maximum of the rounds in brackets");
	for (const name of wanted) {
		process.stderr.write(`${name}\n`);
		const machine = watchMachine();
		const section = await benchmarks[name as Name](scene);
		print("");
		for (const line of sectionLines(section)) print(line);
		print(`  ${machine()}`);
	}
} catch (error) {
	if (!stop.signal.aborted) throw error;
	print(String(stop.signal.reason));
	process.exitCode = 1;
} finally {
	await t.end();
}

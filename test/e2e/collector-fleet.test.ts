import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { runFleet } from "../../contrib/development/fleet/fleet.ts";
import { fleetFigures } from "../../contrib/development/fleet/report.ts";
import type { FleetOptions } from "../../contrib/development/fleet/site.ts";
import { lacksPeer } from "../support/peer.ts";
import { createScope } from "../support/scope.ts";
import { missingStore } from "../support/stores.ts";

/** A minute of the campaign `fleet`, with fewer agents and more kills. */
const shortFleet: Omit<FleetOptions, "progress" | "signal" | "seed"> = {
	...{ agents: 40, simulators: 1, bastions: 2, values: 20 },
	...{ store: "victoria-metrics", workers: 0, churn: false },
	...{ disk: 0, killed: [] },
	...{ intervalSeconds: 4, ackAfterSeconds: 12, killSeconds: 3 },
	...{ warmUpMinutes: 0.1, quietMinutes: 0.1, chaosMinutes: 0.6 },
	simulator: join(
		process.cwd(),
		"build/contrib/development/fleet/simulated-agents.js",
	),
};

const fleets: Record<string, Partial<FleetOptions>> = {
	"a collector": {},
	"three collectors that share the hosts through NATS": { workers: 3 },
};

for (const [what, more] of Object.entries(fleets))
	test(`${what}: kill -9 of agents, bastions, collectors and the store loses and alters nothing`, async (t) => {
		const peers = [
			"victoria-metrics",
			...(more.workers ? (["nats-server"] as const) : []),
		] as const;
		for (const peer of peers) if (lacksPeer(t, missingStore(peer))) return;
		const scope = createScope();
		t.after(() => scope.end());
		const options: FleetOptions = {
			...{ ...shortFleet, ...more, signal: t.signal },
			seed: Date.now() % 2 ** 32,
			progress: (line) => t.diagnostic(line),
		};
		const report = await runFleet(scope, options);
		const told = [`seed ${options.seed}`, ...fleetFigures(report, options)];
		const { lost, altered, invented, quarantined, left, given } = report;
		assert.deepEqual(
			{ lost, altered, invented, quarantined, left },
			{ lost: 0, altered: 0, invented: 0, quarantined: 0, left: 0 },
			told.join("\n"),
		);
		// otherwise the test shows nothing
		assert.ok(given > 5_000, told.join("\n"));
		assert.ok(report.kills.store, told.join("\n"));
	});

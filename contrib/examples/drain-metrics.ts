// node drain-metrics.js AGENT CA-FILE
import { readFile } from "node:fs/promises";
import { createAgentClient, type StoredSample } from "happo-agent/client";

const [agent = "web01", caFile = "ca.pem"] = process.argv.slice(2);

/** Stands for a time series database. */
async function store(samples: readonly StoredSample[]) {
	for (const { hostname, timestamp, metrics } of samples)
		console.log(timestamp, hostname, metrics);
}

const client = createAgentClient({
	agent,
	trust: { ca: await readFile(caFile) },
});
// a batch is gone at the agent when the loop asks for the next one; what store()
// throws for, or what a crash interrupts, comes again after leaseSeconds
for await (const { samples } of client.drainMetrics({ leaseSeconds: 300 }))
	await store(samples);

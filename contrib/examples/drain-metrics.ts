// node drain-metrics.js AGENT CA-FILE
import { readFile } from "node:fs/promises";
import { createAgentClient, type StoredSample } from "happo-agent/client";

const [agent = "web01", caFile = "ca.pem"] = process.argv.slice(2);

/** A placeholder for your time series database. */
async function store(samples: readonly StoredSample[]) {
	for (const { hostname, timestamp, metrics } of samples)
		console.log(timestamp, hostname, metrics);
}

const client = createAgentClient({
	agent,
	trust: { ca: await readFile(caFile) },
});
// the agent deletes a batch when the loop asks for the next one; if store() throws or the
// program crashes, the batch comes again after leaseSeconds
for await (const { samples } of client.drainMetrics({ leaseSeconds: 300 }))
	await store(samples);

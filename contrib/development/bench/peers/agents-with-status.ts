// Simulates agents for the page of happo-ctl web, each with an address of its own, see
// fleet/values.ts: agents-with-status.js PORT CERTIFICATE KEY
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { components } from "../../../../generated/schema.ts";
import { agentAt } from "../../fleet/values.ts";

type Schemas = components["schemas"];

const [port, certificate = "", key = ""] = process.argv.slice(2);

const status: Schemas["Status"] = {
	...{ app_version: "2.0.0", uptime_seconds: 86_400, num_goroutine: 4 },
	metric_buffer_status: { newest_timestamp: 0, oldest_timestamp: 0 },
	...{ callers: [], leveldb_properties: {} },
};

/** Some agents in a hundred have a check that failed. */
function resultsOf(agent: number): Schemas["ResultList"] {
	const exit_status = agent % 25 === 3 ? (agent % 3) + 1 : 0;
	const states = ["OK", "WARNING", "CRITICAL", "UNKNOWN"] as const;
	return {
		results: [
			{
				...{ check: "disk", plugin: "check_disk", exit_status },
				state: states[exit_status] ?? "UNKNOWN",
				...{ ended_at: Math.floor(Date.now() / 1000), duration_seconds: 0.01 },
				timed_out: false,
				...{ cpu_seconds: null, max_rss_bytes: null },
				output: `DISK - free space: /var ${agent} MB (${agent % 100}%)`,
				asked_by: { who: [], address: "192.0.2.10", unproved_hops: 0 },
				variants: 1,
			},
		],
	};
}

const server = createServer(
	{ cert: readFileSync(certificate), key: readFileSync(key) },
	(request, response) => {
		request.resume();
		const agent = agentAt(request.socket.localAddress ?? "");
		const body =
			request.url === "/status"
				? status
				: request.url === "/results"
					? resultsOf(agent)
					: undefined;
		response.writeHead(body ? 200 : 404, {
			"content-type": "application/json",
		});
		response.end(JSON.stringify(body ?? {}));
	},
);
server.listen({ port: Number(port), host: "0.0.0.0", backlog: 4_096 }, () =>
	process.send?.("ready"),
);
process.on("disconnect", () => process.exit());

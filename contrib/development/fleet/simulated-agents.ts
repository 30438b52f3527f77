// Simulates agents that are given samples and speak lease and acknowledgement truthfully:
// simulated-agents.js PORT CERTIFICATE KEY JOURNAL FIRST COUNT VALUES INTERVAL CHURN
// Agent N has the address that values.ts says. A message "stop" ends the giving; each second it sends
// how many samples are left.
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import { Journal } from "./journal.ts";
import { agentAt, metricName, storedName, valueAt } from "./values.ts";

const [port, certificate = "", key = "", journalFile = "", ...numbers] =
	process.argv.slice(2);
const [first = 0, count = 0, values = 0, interval = 60, churn = 0] =
	numbers.map(Number);

const journal = new Journal(journalFile);
const names = Array.from({ length: values }, (_, metric) =>
	JSON.stringify(metricName(metric)).slice(0, -1),
);

/** A sample as JSON. With churn, its names have the time in them, so that each is a new series. */
function sampleText(agent: number, time: number): string {
	let metrics = "";
	const ending = churn ? `.${time}":` : '":';
	for (let metric = 0; metric < values; metric++)
		metrics += `${metric > 0 ? "," : ""}${names[metric]}${ending}${valueAt(agent, metric, time)}`;
	return `{"hostname":"sim${agent}","timestamp":${time},"metrics":{${metrics}}}`;
}

/** The page of an agent for Prometheus, with the values of now. */
function page(agent: number): string {
	const time = Math.floor(Date.now() / 1_000);
	let text = "";
	for (let metric = 0; metric < values; metric++)
		text += `${storedName(metric)}{hostname="sim${agent}"} ${valueAt(agent, metric, time)}\n`;
	return text;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
	const parts: Buffer[] = [];
	for await (const part of request) parts.push(part);
	return JSON.parse(Buffer.concat(parts).toString());
}

async function answer(request: IncomingMessage): Promise<string | undefined> {
	const agent = agentAt(request.socket.localAddress ?? "");
	if (agent < first || agent >= first + count) return undefined;
	if (request.url === "/metrics") return page(agent);
	const body = (await bodyOf(request)) as { seconds: number; batch_id: string };
	if (request.url === "/metric/ack") {
		journal.acknowledge(agent, body.batch_id);
		return '{"status":"ok","message":""}';
	}
	if (request.url !== "/metric/lease") return undefined;
	const now = Date.now();
	const lease = journal.lease(agent, body.seconds, now);
	if (!lease)
		return '{"batch_id":null,"expires_at":null,"seconds":null,"metric_data":null,"message":""}';
	const { id, times } = lease;
	const ends = Math.floor(now / 1_000) + body.seconds;
	const samples = times.map((time) => sampleText(agent, time));
	return `{"batch_id":"${id}","expires_at":${ends},"seconds":${body.seconds},"metric_data":[${samples}],"message":""}`;
}

const server = createServer(
	{ cert: readFileSync(certificate), key: readFileSync(key) },
	(request, response) => {
		answer(request).then(
			(text) => {
				response.writeHead(text === undefined ? 404 : 200, {
					"content-type":
						request.url === "/metrics" ? "text/plain" : "application/json",
				});
				response.end(text);
			},
			() => response.destroy(),
		);
	},
);
server.keepAliveTimeout = 180_000;
server.listen({ port: Number(port), host: "0.0.0.0", backlog: 4_096 }, () =>
	process.send?.("ready"),
);

/** The agents that get a sample in a second of the interval. */
const due = Array.from({ length: interval }, (): number[] => []);
for (let agent = first; agent < first + count; agent++)
	due[(agent * 37) % interval]?.push(agent);
let isStopped = false;
let second = Math.floor(Date.now() / 1_000);
setInterval(() => {
	const now = Math.floor(Date.now() / 1_000);
	while (second < now && !isStopped) {
		second++;
		const agents = due[second % interval] ?? [];
		if (agents.length > 0) journal.give(agents, second);
	}
}, 100);
setInterval(() => {
	process.send?.({ left: journal.left, leasedAgain: journal.leasedAgain });
}, 1_000);
process.on("message", () => {
	isStopped = true;
});
process.on("disconnect", () => process.exit());

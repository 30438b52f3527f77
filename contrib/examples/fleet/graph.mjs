// Shows a graph of the last ten minutes for each agent, from the store of start.sh. Waits up to a minute
// for the first samples.
//   node graph.mjs [QUERY]
import { setTimeout as pause } from "node:timers/promises";

const [, , query = "linux_loadavg_load1"] = process.argv;
const store = `http://127.0.0.1:${Number(process.env.PORT ?? 17_000) + 4}`;

async function graphs() {
	const end = Math.floor(Date.now() / 1000);
	const asked = new URLSearchParams({ query, start: end - 600, end, step: 10 });
	const answer = await fetch(`${store}/api/v1/query_range?${asked}`);
	if (!answer.ok) throw new Error(`${store}: status ${answer.status}`);
	return (await answer.json()).data.result;
}

const givesUp = Date.now() + 60_000;
let found = await graphs();
if (found.length === 0) console.log("nothing yet: waiting for samples");
while (found.length === 0 && Date.now() < givesUp) {
	await pause(1_000);
	found = await graphs();
}
if (found.length === 0) {
	console.log(`no samples of ${query}`);
	process.exit(1);
}
const bars = "▁▂▃▄▅▆▇█";
for (const { metric, values } of found) {
	const numbers = values.map(([, value]) => Number(value));
	const low = Math.min(...numbers);
	const range = Math.max(...numbers) - low || 1;
	const graph = numbers.map((n) => bars[Math.floor(((n - low) / range) * 7)]);
	const { __name__: name = query, instance, site } = metric;
	console.log(`${instance} (site ${site}) ${name} ${numbers.at(-1)}`);
	console.log(`  ${graph.join("")}`);
}

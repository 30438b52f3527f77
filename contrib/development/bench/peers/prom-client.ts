// prom-client over HTTPS, with the series of a page in text format:
//	prom-client.js PORT CERTIFICATE KEY FOLDER-OF-PROM-CLIENT PAGE
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { createRequire } from "node:module";
import { join } from "node:path";

/** What is used of prom-client, which is no dependency. */
interface PromClient {
	Registry: new () => { contentType: string; metrics(): Promise<string> };
	Gauge: new (options: {
		name: string;
		help: string;
		labelNames: string[];
		registers: object[];
	}) => { set(labels: Record<string, string>, value: number): void };
}

const [port = "", certificate = "", key = "", folder = "", page = ""] =
	process.argv.slice(2);
const { Registry, Gauge }: PromClient = createRequire(join(folder, "x.js"))(
	"prom-client",
);
const registry = new Registry();

/** The series of the page by name: their labels and values. */
const families = new Map<
	string,
	{ labels: Record<string, string>; value: number }[]
>();
for (const line of readFileSync(page, "utf8").split("\n")) {
	const [, name = "", text = "", value] =
		/^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
	if (value === undefined) continue;
	const labels = Object.fromEntries(
		[...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(
			([, label = "", content = ""]) => [label, content],
		),
	);
	const series = families.get(name) ?? [];
	families.set(name, [...series, { labels, value: Number(value) }]);
}
for (const [name, series] of families) {
	const labelNames = new Set(
		series.flatMap(({ labels }) => Object.keys(labels)),
	);
	const gauge = new Gauge({
		...{ name, help: "Help.", labelNames: [...labelNames] },
		registers: [registry],
	});
	for (const { labels, value } of series) gauge.set(labels, value);
}
createServer(
	{ cert: readFileSync(certificate), key: readFileSync(key) },
	async (_request, response) => {
		const body = await registry.metrics();
		response.setHeader("Content-Type", registry.contentType);
		response.end(body);
	},
).listen(Number(port), "127.0.0.1");

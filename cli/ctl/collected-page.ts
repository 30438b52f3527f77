/** What an agent's `/metrics` says of its collection. */
export interface CollectedPage {
	/** Start of the last pass, seconds since 1970; undefined before there was one. */
	pass: number | undefined;
	metrics: { hostname: string; metric: string; value: number }[];
}

const passName = "happo_agent_collection_last_pass_timestamp_seconds";
const collected =
	/^happo_collected_metric\{host="((?:[^"\\]|\\.)*)",metric="((?:[^"\\]|\\.)*)"\} (\S+)$/;

const unescaped = (label: string) =>
	label.replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));

/** Reads the few lines of Prometheus' text format that count here. */
export function parseCollectedPage(text: string): CollectedPage {
	const page: CollectedPage = { pass: undefined, metrics: [] };
	for (const line of text.split("\n")) {
		if (line.startsWith(`${passName} `)) {
			page.pass = Number(line.slice(passName.length + 1));
			continue;
		}
		const [, hostname, metric, value] = collected.exec(line) ?? [];
		if (hostname !== undefined && metric !== undefined)
			page.metrics.push({
				hostname: unescaped(hostname),
				metric: unescaped(metric),
				value: Number(value),
			});
	}
	return page;
}

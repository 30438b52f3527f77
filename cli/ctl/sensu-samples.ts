import type { Sample } from "../../src/client/index.ts";
import { parseSensuLine } from "../../src/metrics/sensu.ts";

/** What a text of Sensu lines holds. */
export interface SensuSamples {
	/** One for each time, in the order of their first lines. */
	samples: Sample[];
	/** `line 3: the value is not a number: a b c` */
	complaints: string[];
	/** Lines that are neither empty nor three fields. */
	ignored: number;
}

/** Reads `name value timestamp` lines; of a name that comes twice at one time the last counts. */
export function readSensuSamples(text: string, hostname: string): SensuSamples {
	const byTime = new Map<number, Map<string, number>>();
	const complaints: string[] = [];
	let ignored = 0;
	for (const [at, line] of text.split("\n").entries()) {
		const read = parseSensuLine(line);
		if (!read) {
			if (line.trim() !== "") ignored++;
		} else if ("reason" in read)
			complaints.push(`line ${at + 1}: ${read.reason}: ${line.slice(0, 200)}`);
		else {
			const metrics = byTime.get(read.timestamp) ?? new Map<string, number>();
			byTime.set(read.timestamp, metrics.set(read.name, read.value));
		}
	}
	return {
		samples: [...byTime].map(([timestamp, metrics]) => ({
			hostname,
			timestamp,
			metrics: Object.fromEntries(metrics),
		})),
		complaints,
		ignored,
	};
}

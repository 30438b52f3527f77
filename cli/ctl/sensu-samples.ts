import type { Sample } from "../../src/client/index.ts";
import { latestTimestamp, parseSensuLines } from "../../src/metrics/sensu.ts";
import { safeLine } from "./terminal-text.ts";

/** What a text of Sensu lines holds. */
export interface SensuSamples {
	/** One for each time, in the order of time. */
	samples: Sample[];
	/** `line 3: the value is not a number: a b c` */
	complaints: string[];
	/** Lines that are neither blank, nor comments, nor three fields. */
	ignored: number;
	/** The first of these, `line 3: a b`. */
	firstIgnored: string;
}

const shortened = (text: string) =>
	safeLine(text.length > 200 ? `${text.slice(0, 200)}...` : text);

/** Reads `name value timestamp` lines; of a name that comes twice at one time the last counts. */
export function readSensuSamples(text: string, hostname: string): SensuSamples {
	const { samples, bad, unknown } = parseSensuLines(
		text,
		latestTimestamp(Date.now()),
	);
	const { count, first } = unknown;
	return {
		samples: samples.map((sample) => ({ hostname, ...sample })),
		complaints: bad.map(
			({ line, reason, text }) => `line ${line}: ${reason}: ${shortened(text)}`,
		),
		ignored: count,
		firstIgnored: first ? `line ${first.line}: ${shortened(first.text)}` : "",
	};
}

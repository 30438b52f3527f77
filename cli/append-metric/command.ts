import { once } from "node:events";
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import type { AgentClient } from "../../src/client/agent-client.ts";
import { AgentUnreachable } from "../../src/client/failures.ts";
import { OptionsError } from "../../src/client/options.ts";
import { readKeyFile } from "../../src/key-file.ts";
import { unverifiedKey } from "../../src/protocol/api-key.ts";
import {
	type BadLine,
	latestTimestamp,
	maxLineCharacters,
} from "../../src/protocol/sensu.ts";
import type { SettingTable, SettingValues } from "../../src/setting-table.ts";
import { systemReason } from "../../src/system-error.ts";
import { CommandError, clientSettings } from "../client-settings.ts";
import { safeLine } from "../ctl/output/terminal.ts";
import { counted } from "../message-text.ts";
import { type Invocation, settingsCommand } from "../settings-command.ts";
import { type Batch, createSampleBatches, textLines } from "./batches.ts";
import {
	badAgentUrl,
	clientOf,
	type Deliver,
	isPlain,
	printing,
	sending,
} from "./delivery.ts";

const appendSettings = {
	hostname: {
		short: "H",
		kind: "text",
		default: "",
		placeholder: "NAME",
		help: "host that the metrics belong to; optional",
	},
	"bastion-endpoint": {
		short: "b",
		kind: "text",
		default: "https://127.0.0.1:6777",
		placeholder: "URL",
		check: badAgentUrl,
		help: "agent that stores the metrics; the default port is 443, or 80 for http",
	},
	datafile: {
		kind: "text",
		default: "-",
		placeholder: "FILE",
		help: "file with the lines; - is standard input",
	},
	"api-key": {
		short: "a",
		kind: "text",
		isSecret: true,
		default: "",
		placeholder: "KEY",
		help: "sent with each request, also to an agent that is not verified, as in v1; use --key-file instead",
	},
	"key-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "file whose first line is the key that says who sends; needs --ca-file",
	},
	"dry-run": {
		inV1: true,
		short: "n",
		kind: "switch",
		default: false,
		help: "print the requests, one a line, instead of sending them",
	},
	...clientSettings,
	"ca-file": {
		...clientSettings["ca-file"],
		help: "CA certificate (PEM) that verifies the agent; without it, the agent is not verified, as in v1",
	},
} as const satisfies SettingTable;

type AppendSettings = SettingValues<typeof appendSettings>;

/** The stream of lines and its name in messages. Throws CommandError. */
async function openSource(
	datafile: string,
	stdin: Readable,
): Promise<{ stream: Readable; source: string }> {
	if (datafile === "-") return { stream: stdin, source: "standard input" };
	const stream = createReadStream(datafile);
	try {
		await once(stream, "open");
	} catch (cause) {
		throw new CommandError(`${datafile}: ${systemReason(cause)}`, { cause });
	}
	return { stream, source: datafile };
}

/** Bad lines that are reported one by one; after that, only their number is reported. */
const maxReported = 100;

/** Reports bad lines and counts them. */
function createBadLines(complain: (line: string) => void, source: string) {
	let count = 0;
	return {
		add: ({ line, text, reason }: BadLine) => {
			count++;
			if (count > maxReported) return;
			const start = text.length > 100 ? `${text.slice(0, 100)}...` : text;
			complain(`${source}, line ${line}: ${reason}: ${safeLine(start)}`);
		},
		count: () => count,
		/** Reports the number of bad lines that were not reported. */
		finish: () => {
			if (count > maxReported)
				complain(`${source}: ${counted(count - maxReported, "more bad line")}`);
		},
	};
}

/** What was stored before a failure. */
function progressText(stored: number, lastLine: number, failed?: Batch) {
	const before =
		stored === 0
			? "nothing was stored"
			: `stored before: ${counted(stored, "metric")}, lines 1 to ${lastLine}`;
	return failed
		? `${before}; lines ${failed.firstLine} to ${failed.lastLine} may or may not be stored`
		: before;
}

/** Reads lines and delivers them in batches, one after the other. */
async function append(
	settings: AppendSettings,
	invocation: Invocation,
	deliver: Deliver,
): Promise<number> {
	const { complain, stdin, stdout } = invocation;
	const isDry = settings["dry-run"];
	const { stream, source } = await openSource(settings.datafile, stdin);
	const bad = createBadLines(complain, source);
	const latest = latestTimestamp(Date.now());
	const batches = createSampleBatches(settings.hostname, latest, bad.add);
	let stored = 0;
	let lastLine = 0;
	/** The batch that is being delivered. */
	let open: Batch | undefined;
	const pass = async (batch: Batch) => {
		open = batch;
		await deliver(batch);
		open = undefined;
		stored += batch.metrics;
		lastLine = batch.lastLine;
	};
	try {
		for await (const lines of textLines(stream, maxLineCharacters))
			for (const line of lines) {
				const full = batches.add(line);
				if (full) await pass(full);
			}
		const { texts, metrics } = batches.counts();
		if (metrics === 0 && texts > 0) {
			bad.finish();
			complain(
				`${source}: no metric (NAME VALUE TIMESTAMP) in ${counted(texts, "line")}, nothing was sent`,
			);
			return 1;
		}
		const rest = batches.rest();
		// like v1, send an empty sample if there are no lines
		if (rest.metrics > 0 || stored === 0) await pass(rest);
	} catch (error) {
		bad.finish();
		const isAnswered = error instanceof CommandError;
		const isUnknown = error instanceof AgentUnreachable && !error.isUnsent;
		const { message } = error as Error;
		const where = isAnswered || error instanceof AgentUnreachable;
		complain(where ? message : `${source}: ${systemReason(error)}`);
		if (!isDry)
			complain(progressText(stored, lastLine, isUnknown ? open : undefined));
		return 1;
	} finally {
		stream.destroy();
	}
	bad.finish();
	if (bad.count() > 0) {
		complain(
			`${counted(bad.count(), "bad line")} skipped, ${counted(stored, "metric")} ${isDry ? "would be sent" : "stored"}`,
		);
		return 1;
	}
	if (!isDry) stdout.write("Success.\n");
	return 0;
}

/** The key to send; "" if there is none. Throws CommandError. */
function keyOf(
	settings: AppendSettings,
	complain: (line: string) => void,
): string {
	const { "key-file": file, "api-key": given } = settings;
	if (file === "") return given;
	if (given !== "")
		throw new CommandError("--key-file and --api-key: only one of the two");
	if (settings["ca-file"] === "" || isPlain(settings["bastion-endpoint"]))
		throw new CommandError(
			`--key-file: ${unverifiedKey}: give --ca-file, and an https endpoint`,
		);
	try {
		const { key, warning } = readKeyFile("--key-file", file);
		if (warning) complain(`warning: ${warning}`);
		return key;
	} catch (cause) {
		throw new CommandError((cause as Error).message, { cause });
	}
}

/** Runs the command, with a client unless --dry-run is given. Reports errors. */
async function run(
	settings: AppendSettings,
	invocation: Invocation,
): Promise<number> {
	let client: Pick<AgentClient, "POST" | "close"> | undefined;
	try {
		if (settings["dry-run"])
			return await append(settings, invocation, printing(invocation.stdout));
		const endpoint = settings["bastion-endpoint"];
		if (isPlain(endpoint))
			invocation.complain(
				`${endpoint}: not encrypted: metrics and API key can be read on the way; use https instead`,
			);
		const key = keyOf(settings, invocation.complain);
		client = await clientOf(settings);
		return await append(settings, invocation, sending(client, settings, key));
	} catch (error) {
		const isExpected =
			error instanceof CommandError || error instanceof OptionsError;
		if (!isExpected) throw error;
		invocation.complain(error.message);
		return 1;
	} finally {
		client?.close();
	}
}

export const appendMetricCommand = settingsCommand({
	name: "append_metric",
	run,
	help: {
		usage: "append_metric [OPTION...]",
		summary: "send metrics to an agent, which stores them",
		details: [
			"Reads lines of the form NAME VALUE TIMESTAMP, separated by tabs or spaces, as metric plugins print them. Lines that do not have three fields are free text and ignored; lines that begin with # are comments. Every metric keeps its timestamp; if a name occurs twice with the same timestamp, the last line wins. Large inputs are sent in several requests of 5,000 metrics, each sorted by time.",
			"Success. on standard output and exit status 0 mean that the agent has stored every metric on disk. The exit status is 1 if there are bad lines: no number, NaN, no timestamp, or a timestamp more than a day ahead of this machine's clock. They are reported on standard error, and all other lines are sent. The exit status is also 1 if the input has text but no metric, or if a request fails; a message then says which lines were already stored. It is 2 for an invalid argument.",
			"The command uses no proxy and follows no redirects.",
			"Each option also has an environment variable: HAPPO_AGENT_ and the name in capitals, with underscores (HAPPO_AGENT_API_KEY). A flag overrides its variable.",
		].join("\n"),
		examples: [
			"append_metric -H web01 --datafile metrics.txt",
			"append_metric -H web01 -b https://bastion.example.net:6777 < metrics.txt",
		],
		settings: appendSettings,
	},
});

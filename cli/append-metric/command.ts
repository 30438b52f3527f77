import { once } from "node:events";
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import type { AgentClient } from "../../src/client/agent-client.ts";
import { AgentUnreachable } from "../../src/client/failures.ts";
import { OptionsError } from "../../src/client/options.ts";
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
		help: "the host that the figures are of; may be left out",
	},
	"bastion-endpoint": {
		short: "b",
		kind: "text",
		default: "https://127.0.0.1:6777",
		placeholder: "URL",
		check: badAgentUrl,
		help: "the agent that keeps the figures; the port is 443 (http: 80) where none is given",
	},
	datafile: {
		kind: "text",
		default: "-",
		placeholder: "FILE",
		help: "where the lines are; - is standard input",
	},
	"api-key": {
		short: "a",
		kind: "text",
		isSecret: true,
		default: "",
		placeholder: "KEY",
		help: "sent along; no agent compares it. As the variable HAPPO_AGENT_API_KEY it does not show in ps",
	},
	"dry-run": {
		inV1: true,
		short: "n",
		kind: "switch",
		default: false,
		help: "print what would be sent, one request a line, and send nothing",
	},
	...clientSettings,
	"ca-file": {
		...clientSettings["ca-file"],
		help: "CA that the agent's certificate is verified with, PEM; none: it is not verified, as by the original",
	},
} as const satisfies SettingTable;

type AppendSettings = SettingValues<typeof appendSettings>;

/** The lines to read, and what messages call them. Throws a CommandError. */
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

/** Bad lines that are named one by one; of more only the number is said. */
const mostNamed = 100;

/** Says what is wrong with lines, and counts them. */
function createBadLines(complain: (line: string) => void, source: string) {
	let count = 0;
	return {
		add: ({ line, text, reason }: BadLine) => {
			count++;
			if (count > mostNamed) return;
			const start = text.length > 100 ? `${text.slice(0, 100)}...` : text;
			complain(`${source}, line ${line}: ${reason}: ${safeLine(start)}`);
		},
		count: () => count,
		/** Says how many were not named. */
		finish: () => {
			if (count > mostNamed)
				complain(`${source}: ${counted(count - mostNamed, "more bad line")}`);
		},
	};
}

/** What is known to be stored when something fails later. */
function progressText(stored: number, lastLine: number, failed?: Batch) {
	const before =
		stored === 0
			? "nothing was stored"
			: `stored before: ${counted(stored, "figure")}, lines 1 to ${lastLine}`;
	return failed
		? `${before}; nobody knows of lines ${failed.firstLine} to ${failed.lastLine}`
		: before;
}

/** Reads lines and delivers batches of them, one after the other. */
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
	/** Set while nobody knows whether its figures are stored. */
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
				`${source}: no figure (NAME VALUE TIMESTAMP) in ${counted(texts, "line")}, nothing is sent`,
			);
			return 1;
		}
		const rest = batches.rest();
		// without a line the original sends an empty sample, too
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
			`${counted(bad.count(), "bad line")} left out, ${counted(stored, "figure")} ${isDry ? "would be sent" : "stored"}`,
		);
		return 1;
	}
	if (!isDry) stdout.write("Success.\n");
	return 0;
}

/** The whole command: a client where one is needed, and what stands in its way. */
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
				`${endpoint}: not encrypted, figures and api key can be read on the way; https is`,
			);
		client = await clientOf(settings);
		return await append(settings, invocation, sending(client, settings));
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
		summary: "hand figures to an agent, which keeps them as its own",
		details: [
			"Reads lines of NAME VALUE TIMESTAMP, as metric plugins print them; tabs or blanks stand between. Lines without three fields are free text and left out, lines that begin with # are comments. Every figure keeps its time; of one name at one time the last line counts. Large inputs are sent in requests of 5,000 figures, each in the order of time.",
			"A bad line (no number, NaN, no timestamp, or one more than a day ahead of this machine's clock) is named on standard error; the good ones are sent all the same, and the exit status is 1. It is 1 as well if there are lines and none is a figure, and if a request fails: then it is said which lines had been stored before. Success. on standard output and exit status 0 mean that every figure is on the agent's disk. A wrong argument: 2.",
			"Proxies are not used, redirects are not followed.",
			"Every option can be given as an environment variable too: HAPPO_AGENT_ and its name in capitals, with underscores (HAPPO_AGENT_API_KEY). A flag wins over the variable.",
		].join("\n"),
		examples: [
			"append_metric -H web01 --datafile figures.txt",
			"append_metric -H web01 -b https://bastion.example.net:6777 < figures.txt",
		],
		settings: appendSettings,
	},
});

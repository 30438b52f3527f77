import type { Status } from "../../../src/client/index.ts";
import { type HostMessage, hostLines } from "../output/host-messages.ts";
import { durationText } from "../output/quantity.ts";
import { type Cell, type Column, dash, table } from "../output/table.ts";
import { type Colour, type Screen, wrapped } from "../output/terminal.ts";
import { type Asked, bufferAge, passAge } from "./status-figures.ts";
import {
	certificateDays,
	isEndingSoon,
	statusProblems,
} from "./status-problems.ts";

export const statusColumns: readonly Column[] = [
	{ title: "HOST" },
	{ title: "VERSION", leaves: 3 },
	{ title: "UPTIME", align: "right", leaves: 4 },
	{ title: "BUFFER", align: "right", leaves: 6 },
	{ title: "RUNNING", align: "right", leaves: 2 },
	{ title: "COLLECTED", align: "right", leaves: 7 },
	{ title: "CERTIFICATE", align: "right", leaves: 5 },
	{ title: "LOOP", align: "right", leaves: 1 },
	{ title: "PROBLEMS", align: "right" },
];

function certificateCell({ certificate }: Status, { after }: Asked): Cell {
	if (!certificate) return dash;
	const days = certificateDays(certificate.not_after, after);
	if (days < 0) return { text: "expired", colour: "red" };
	return {
		text: `${days} days`,
		colour: isEndingSoon(days) ? "yellow" : undefined,
	};
}

function collectedCell(status: Status, asked: Asked): Cell {
	const { collection } = status;
	if (!collection) return dash;
	const { enabled, last_pass } = collection;
	if (!enabled) return "off";
	if (!last_pass) return "not yet";
	const failed = last_pass.plugins.some(({ result }) => result !== "ok");
	return {
		text: `${durationText(passAge(status, asked) ?? 0)} ago`,
		colour: failed || last_pass.error ? "yellow" : undefined,
	};
}

function loopCell({ event_loop }: Status): Cell {
	if (!event_loop) return dash;
	const { max_delay_ms } = event_loop;
	return {
		text: `${Math.round(max_delay_ms)} ms`,
		colour:
			max_delay_ms > 1000 ? "red" : max_delay_ms > 200 ? "yellow" : undefined,
	};
}

/** What an agent reports, without the last column. */
function figureCells(status: Status, asked: Asked): Cell[] {
	const age = bufferAge(status, asked);
	return [
		status.app_version,
		durationText(status.uptime_seconds),
		age === undefined ? "empty" : durationText(age),
		status.commands ? String(status.commands.running) : dash,
		collectedCell(status, asked),
		certificateCell(status, asked),
		loopCell(status),
	];
}

function problemsCell(status: Status, problems: number): Cell {
	if (problems > 0) return { text: String(problems), colour: "red" };
	// v1 reports nothing that could show a problem
	return status.store === undefined ? dash : { text: "none", colour: "green" };
}

/**
 * A row of the table.
 * @param known what the agent last reported; undefined: nothing yet
 * @param instead what the last column shows instead of the number of problems
 */
export function statusRow(
	host: string,
	known: { status: Status; asked: Asked } | undefined,
	instead?: Cell,
): Cell[] {
	const named: Cell = { text: host, colour: "cyan" };
	if (!known)
		return [named, ...statusColumns.slice(2).map(() => dash), instead ?? dash];
	const { status, asked } = known;
	return [
		named,
		...figureCells(status, asked),
		instead ?? problemsCell(status, statusProblems(status, asked).length),
	];
}

/** The lines of messages about hosts, under the table: each message once. */
export const messageLines = (
	messages: readonly HostMessage[],
	{ columns, paint }: Screen,
	{ namesAll, colour }: { namesAll: boolean; colour: Colour },
): string[] =>
	hostLines(messages, { columns: namesAll ? undefined : columns }).flatMap(
		(line) =>
			wrapped(line, columns, 2)
				.split("\n")
				.map((part) => paint(part, colour)),
	);

interface StatusOptions {
	/** When the status was asked for. */
	askedOf(status: Status): Asked;
	/** Whether a problem of several agents names all of them. */
	namesAll: boolean;
}

/** A table with a row for each agent, followed by their problems, each once. */
export function statusText(
	agents: readonly { host: string; data: Status }[],
	screen: Screen,
	{ askedOf, namesAll }: StatusOptions,
): string {
	const rows = agents.map(({ host, data }) =>
		statusRow(host, { status: data, asked: askedOf(data) }),
	);
	const problems = messageLines(
		agents.flatMap(({ host, data }) =>
			statusProblems(data, askedOf(data)).map((message) => ({ host, message })),
		),
		screen,
		{ namesAll, colour: "yellow" },
	);
	return (
		table(statusColumns, rows, screen) +
		(problems.length > 0 ? `\n${problems.join("\n")}\n` : "")
	);
}

import type { AgentClient, Status } from "../../../src/client/index.ts";
import type { SettingTable } from "../../../src/setting-table.ts";
import type { AgentCall } from "../agent-command.ts";
import { jsonText, yamlText } from "../output/formats.ts";
import type { Size } from "../output/live-screen.ts";
import { durationText, timeText } from "../output/quantity.ts";
import { type Cell, table } from "../output/table.ts";
import { type Paint, safeLine } from "../output/terminal.ts";
import type { Failure } from "../target/answer.ts";
import type { Target } from "../target/targets.ts";
import {
	cutTo,
	headLine,
	onScreen,
	type Polled,
	pollAgents,
	untilInterrupted,
} from "./follow.ts";
import type { Asked } from "./status-figures.ts";
import { statusProblems } from "./status-problems.ts";
import { messageLines, statusColumns, statusRow } from "./status-table.ts";

/** A status, and when it was asked for. */
export interface TimedStatus {
	status: Status;
	asked: Asked;
}

/** An agent, as an object: two agents behind different bastions may have one name. */
type Named = Pick<Target, "name">;

/** What is known about a followed agent. */
interface Followed {
	host: string;
	/** Its last answer. */
	known: TimedStatus | undefined;
	/** The problems in it. */
	problems: readonly string[];
	/** Why it did not answer the last time. */
	failure: Failure | undefined;
	/** When it last answered or failed, monotonic milliseconds; undefined: not yet. */
	heardAt: number | undefined;
}

/** Numbers in a problem change from answer to answer; the problem is the same. */
const kindOf = (problem: string) => problem.replace(/\d+/g, "0");

/** The state of all agents of `status --follow`. */
export class StatusBoard {
	readonly #agents: Map<Named, Followed>;
	readonly #intervalMilliseconds: number;
	readonly #now: () => number;

	/** @param now monotonic milliseconds */
	constructor(
		targets: readonly Named[],
		intervalMilliseconds: number,
		now: () => number = () => performance.now(),
	) {
		this.#agents = new Map(
			targets.map((target) => [
				target,
				{
					...{ host: target.name, known: undefined, problems: [] },
					...{ failure: undefined, heardAt: undefined },
				},
			]),
		);
		this.#intervalMilliseconds = intervalMilliseconds;
		this.#now = now;
	}

	/** Takes an answer or a failure. Returns what has changed, one line for each change. */
	take(target: Named, heard: TimedStatus | Failure): string[] {
		const agent = this.#agents.get(target);
		if (!agent) return [];
		const before = { ...agent };
		agent.heardAt = this.#now();
		if ("message" in heard) {
			agent.failure = heard;
			const isSame =
				before.failure &&
				kindOf(before.failure.message) === kindOf(heard.message);
			return isSame ? [] : [`no answer: ${heard.message}`];
		}
		agent.failure = undefined;
		agent.known = heard;
		agent.problems = statusProblems(heard.status, heard.asked);
		return changes(before, agent, heard);
	}

	/** The screen: a summary, the agents with the worst first, and what is wrong. */
	frame(
		size: Size,
		{ paint, namesAll }: { paint: Paint; namesAll: boolean },
		time: number,
	): string {
		const agents = [...this.#agents.values()];
		const screen = { columns: size.columns, paint };
		const failures = messageLines(
			agents.flatMap(({ host, failure }) =>
				failure ? [{ host, message: failure.message }] : [],
			),
			screen,
			{ namesAll, colour: "red" },
		);
		const problems = messageLines(
			agents
				.filter(({ failure }) => !failure)
				.flatMap((agent) =>
					agent.problems.map((message) => ({ host: agent.host, message })),
				),
			screen,
			{ namesAll, colour: "yellow" },
		);
		const messages = [...failures, ...problems];
		const worst = agents
			.map((agent) => ({ agent, rank: this.#rank(agent) }))
			.sort((a, b) => b.rank - a.rank);
		// of ten thousand agents only a few are shown
		const rows = worst
			.slice(0, size.rows)
			.map(({ agent, rank }) =>
				statusRow(
					agent.host,
					agent.known,
					this.#insteadOfProblems(agent, rank),
				),
			);
		const lines = table(statusColumns, rows, screen).trimEnd().split("\n");
		// one line for the summary, and an empty one before and after the table
		const room = size.rows - 3;
		const messageRoom = Math.max(room - lines.length, Math.floor(room / 3));
		const shown = cutTo(messages, messageRoom, "more lines");
		return [
			summaryOf(
				worst.map(({ rank }) => rank),
				size.columns,
				time,
			),
			"",
			...cutTo(
				lines,
				room - shown.length,
				"more agents",
				agents.length - rows.length,
			),
			...(shown.length > 0 ? ["", ...shown] : []),
			"",
		].join("\n");
	}

	#silentMilliseconds({ heardAt }: Followed): number {
		return heardAt === undefined ? 0 : this.#now() - heardAt;
	}

	/** 4: no answer; 3: silent; 2: problems; 1: not heard of yet; 0: fine. */
	#rank(agent: Followed): number {
		if (agent.failure) return 4;
		if (agent.heardAt === undefined) return 1;
		const limit = 2 * this.#intervalMilliseconds + 1_000;
		if (this.#silentMilliseconds(agent) > limit) return 3;
		return agent.problems.length > 0 ? 2 : 0;
	}

	#insteadOfProblems(agent: Followed, rank: number): Cell | undefined {
		if (rank === 4) return { text: "no answer", colour: "red" };
		if (rank === 1) return { text: "waiting", colour: "dim" };
		if (rank !== 3) return undefined;
		const silent = durationText(this.#silentMilliseconds(agent) / 1000);
		return { text: `silent ${silent}`, colour: "yellow" };
	}
}

/** How many agents there are of each rank, the worst first, and the time. */
function summaryOf(
	ranks: readonly number[],
	columns: number,
	time: number,
): string {
	const words = ["fine", "waiting", "with problems", "silent", "no answer"];
	const texts = words.flatMap((word, rank) => {
		const number = ranks.filter((one) => one === rank).length;
		return number > 0 ? [`${number} ${word}`] : [];
	});
	return headLine(
		`${ranks.length} agents: ${texts.reverse().join(", ")}`,
		columns,
		time,
	);
}

/** What is new in the answer of an agent. */
function changes(
	before: Followed,
	after: Followed,
	{ status }: TimedStatus,
): string[] {
	const old = before.known?.status;
	const had = before.problems;
	const has = after.problems;
	const without = (texts: readonly string[], others: readonly string[]) => {
		const kinds = new Set(others.map(kindOf));
		return texts.filter((text) => !kinds.has(kindOf(text)));
	};
	return [
		...(before.failure ? ["answers again"] : []),
		...(old && old.app_version !== status.app_version
			? [`version ${status.app_version}, was ${old.app_version}`]
			: []),
		...(old && status.uptime_seconds < old.uptime_seconds ? ["restarted"] : []),
		...without(had, has).map((problem) => `solved: ${problem}`),
		...without(has, had).map((problem) => `problem: ${problem}`),
		...(!old && has.length === 0 ? ["answers, no problems"] : []),
	];
}

interface Following {
	intervalMilliseconds: number;
	ask(client: AgentClient, signal: AbortSignal): Promise<TimedStatus>;
	asGraphite(
		agents: readonly { host: string; data: Status }[],
		askedOf: () => Asked,
	): string;
}

/** An answer or a failure as a record for programs. */
function recordText(
	output: string,
	{ target, ...polled }: Polled<TimedStatus>,
	asGraphite: Following["asGraphite"],
): string {
	const host = target.name;
	if (output === "graphite")
		return polled.ok
			? asGraphite(
					[{ host, data: polled.data.status }],
					() => polled.data.asked,
				)
			: "";
	const record = {
		time: Math.floor(Date.now() / 1000),
		host,
		ok: polled.ok,
		...(polled.ok ? { data: polled.data.status } : { error: polled.error }),
	};
	return output === "json"
		? `${jsonText(record)}\n`
		: `---\n${yamlText(record)}`;
}

/** Follows the status of agents until SIGINT or SIGTERM. Returns the exit status, 0. */
export async function followStatus(
	call: AgentCall<SettingTable>,
	{ intervalMilliseconds, ask, asGraphite }: Following,
): Promise<number> {
	const { output, targets, terminal, namesAll } = call;
	const { paint } = call.screen;
	const board = new StatusBoard(targets, intervalMilliseconds);
	const poll = (
		signal: AbortSignal,
		take: (polled: Polled<TimedStatus>) => void | Promise<void>,
	) =>
		pollAgents(call, {
			intervalMilliseconds,
			signal,
			ask,
			take: async (polled) => {
				await take(polled);
				return true;
			},
		});
	const changesOf = (polled: Polled<TimedStatus>) =>
		board.take(polled.target, polled.ok ? polled.data : polled.error);
	await untilInterrupted((signal) => {
		call.keepKnownHosts(signal, output === "table" && terminal !== undefined);
		if (output !== "table")
			return poll(signal, (polled) =>
				call.write(recordText(output, polled, asGraphite)),
			);
		if (terminal)
			return onScreen(
				terminal,
				signal,
				(size) => board.frame(size, { paint, namesAll }, Date.now() / 1000),
				(changed) =>
					poll(signal, (polled) => {
						changesOf(polled);
						changed();
					}),
			);
		return poll(signal, async (polled) => {
			const time = timeText(Date.now() / 1000);
			for (const change of changesOf(polled))
				await call.write(
					`${time}  ${safeLine(polled.target.name)}  ${safeLine(change)}\n`,
				);
		});
	});
	return 0;
}

import type { Writable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import type { AgentClient } from "../../../src/client/index.ts";
import type { SettingTable } from "../../../src/setting-table.ts";
import type { AgentCall } from "../agent-command.ts";
import { createLiveScreen, type Size } from "../output/live-screen.ts";
import { timeText } from "../output/quantity.ts";
import { fitted } from "../output/terminal.ts";
import type { Failure } from "../target/answer.ts";
import type { Target } from "../target/targets.ts";

/** Runs `work` until SIGINT or SIGTERM aborts its signal; a second signal ends the process. */
export async function untilInterrupted(
	work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
	const stop = new AbortController();
	const onSignal = () => stop.abort();
	process.once("SIGINT", onSignal);
	process.once("SIGTERM", onSignal);
	try {
		await work(stop.signal);
	} catch (error) {
		if (!stop.signal.aborted) throw error;
	} finally {
		// whatever else the work has begun
		stop.abort();
		process.off("SIGINT", onSignal);
		process.off("SIGTERM", onSignal);
	}
}

/** A request that takes longer counts as slow, and lets another one begin. */
const slowMilliseconds = 250;

/** Runs work as soon as there is a place for it. */
type Places = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Limits how many requests begin at a time, but not how many wait for an answer: hosts that are slow
 * or dead delay no others.
 */
export function createPlaces(
	limit: number,
	slowAfterMilliseconds = slowMilliseconds,
): Places {
	let free = limit;
	const waiting: (() => void)[] = [];
	const release = () => {
		const next = waiting.shift();
		if (next) next();
		else free++;
	};
	return async (work) => {
		if (free > 0) free--;
		else await new Promise<void>((resolve) => waiting.push(resolve));
		let isHeld = true;
		const giveBack = () => {
			if (isHeld) release();
			isHeld = false;
		};
		const timer = setTimeout(giveBack, slowAfterMilliseconds);
		try {
			return await work();
		} finally {
			clearTimeout(timer);
			giveBack();
		}
	};
}

/** What became of a request that is sent to a host again and again. */
export type Polled<T> =
	| { target: Target; ok: true; data: T }
	| { target: Target; ok: false; error: Failure };

/** How to poll agents. */
interface Polling<T> {
	intervalMilliseconds: number;
	signal: AbortSignal;
	/** Asks one agent; its connection stays open for the next time. */
	ask(client: AgentClient, signal: AbortSignal): Promise<T>;
	/**
	 * Gets each answer and each failure, of each agent in its own time.
	 * @returns whether to poll this agent on
	 */
	take(polled: Polled<T>): boolean | Promise<boolean>;
}

/** Polls all agents until the signal aborts, each one on its own. */
export async function pollAgents<T>(
	{
		targets,
		reach,
		askOne,
	}: Pick<AgentCall<SettingTable>, "targets" | "reach" | "askOne">,
	{ intervalMilliseconds, signal, ask, take }: Polling<T>,
): Promise<void> {
	const place = createPlaces(reach.parallel);
	const pollOne = async (target: Target) => {
		let goesOn = true;
		const isWanted = () => goesOn && !signal.aborted;
		const rest = async () => {
			if (isWanted())
				await pause(intervalMilliseconds, undefined, { signal }).catch(
					() => {},
				);
		};
		while (isWanted()) {
			let isEnded = () => signal.aborted;
			const ended = await askOne(
				target,
				async (client, _, end) => {
					isEnded = () => end.aborted;
					while (isWanted() && !isEnded()) {
						const data = await place(() => ask(client, end));
						goesOn = await take({ target, ok: true, data });
						await rest();
					}
				},
				signal,
			);
			// a client that has ended for another reason is replaced at once
			if (ended.ok || isEnded()) continue;
			goesOn = await take({ target, ok: false, error: ended.error });
			await rest();
		}
	};
	await Promise.all(targets.map(pollOne));
}

/**
 * Shows frames on the terminal while the work runs, at least one a second.
 * @param work gets a function to call after a change
 */
export async function onScreen(
	terminal: Writable,
	signal: AbortSignal,
	frame: (size: Size) => string,
	work: (changed: () => void) => Promise<void>,
): Promise<void> {
	const screen = createLiveScreen(terminal, frame);
	const timer = setInterval(screen.draw, 1_000);
	// at once: a second signal would end the process on the alternate screen
	signal.addEventListener("abort", screen.end, { once: true });
	let due: NodeJS.Timeout | undefined;
	try {
		screen.draw();
		await work(() => {
			// answers that come together are one frame
			due ??= setTimeout(() => {
				due = undefined;
				screen.draw();
			}, 50);
		});
	} finally {
		clearInterval(timer);
		clearTimeout(due);
		screen.end();
	}
}

/** The first line of a screen: a summary, and the time at its right end. */
export function headLine(
	summary: string,
	columns: number,
	time: number,
): string {
	const clock = timeText(time).slice(-8);
	const text = fitted(summary, columns - clock.length - 2);
	return `${text.padEnd(columns - clock.length)}${clock}`;
}

/**
 * Lines up to a number; the last one says how many are missing.
 * @param others missing already
 */
export function cutTo(
	lines: readonly string[],
	room: number,
	what: string,
	others = 0,
): string[] {
	if (lines.length <= room && others === 0) return [...lines];
	const kept = lines.slice(0, Math.max(room - 1, 0));
	return [...kept, `… ${lines.length - kept.length + others} ${what}`];
}

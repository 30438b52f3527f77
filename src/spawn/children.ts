import { setTimeout as sleep } from "node:timers/promises";
import type { NativeAddon } from "./native-addon.ts";

/** A start tells its number sooner, unless it hangs. */
const LATE_MILLISECONDS = 1000;

/** How a child ended, as the addon tells it. */
type End = readonly [status: number, signal: number, left: number];

/** Children of this process that are waited for. */
export interface Children {
	/**
	 * Starts a child and calls `ended` in the turn in which it has been waited for, never before this has given its own
	 * answer.
	 * @param start gives its process id, and more for the caller; or rejects
	 */
	start<S extends readonly [pid: number, ...unknown[]]>(
		start: () => Promise<S>,
		ended: (end: End) => void,
	): Promise<S>;
}

/**
 * Waits for children when SIGCHLD says that one has ended; it does not say which, and one signal may stand for many, so
 * all are asked. libuv waits for its own children only, so the two do not take each other's.
 *
 * The listener is there before the first child and as long as there is one; it does not keep the process alive.
 *
 * @param peek where orphans become children of this process: gives one that has ended. They are waited for, too.
 */
export function createChildren(
	reap: NativeAddon["reap"],
	signals: Pick<NodeJS.EventEmitter, "on" | "off"> = process,
	peek?: NativeAddon["peek"],
	lateMilliseconds = LATE_MILLISECONDS,
): Children {
	const running = new Map<number, (end: End) => void>();
	const starting = new Set<Promise<unknown>>();
	let isReapingOrphans = false;
	let listening = false;
	let planned = false;

	const ask = () => {
		planned = false;
		for (const [pid, ended] of running) {
			const end = reap(pid);
			if (!end) continue;
			running.delete(pid);
			ended(end);
		}
		if (peek && !isReapingOrphans) void reapOrphans(peek);
		stopWhenAlone();
	};
	/**
	 * A child that has ended and that is not known may be one whose start has not told its number yet. After the starts of
	 * the moment it is known, or an orphan. A start that hangs is not waited for: its child has not ended.
	 */
	const reapOrphans = async (look: NativeAddon["peek"]) => {
		isReapingOrphans = true;
		for (let pid = look(); pid > 0; pid = look()) {
			if (!running.has(pid) && starting.size > 0)
				await Promise.race([
					Promise.allSettled(starting),
					sleep(lateMilliseconds, undefined, { ref: false }),
				]);
			// the next SIGCHLD, or the plan of its start, is on its way
			if (running.has(pid)) break;
			// its start may have told, and its end been heard, meanwhile
			if (look() === pid) reap(pid);
		}
		isReapingOrphans = false;
	};
	/** Hundreds may end in one turn: asked once, behind the last signal of it. */
	const plan = () => {
		if (planned) return;
		planned = true;
		setImmediate(ask);
	};
	const listen = () => {
		if (listening) return;
		listening = true;
		signals.on("SIGCHLD", plan);
	};
	const stopWhenAlone = () => {
		if (peek || running.size > 0 || starting.size > 0) return;
		listening = false;
		signals.off("SIGCHLD", plan);
	};

	if (peek) {
		listen();
		plan();
	}
	return {
		async start(start, ended) {
			listen();
			const started = start().then((child) => {
				running.set(child[0], ended);
				return child;
			});
			starting.add(started);
			try {
				const child = await started;
				// it may have ended before it was known of
				plan();
				return child;
			} finally {
				starting.delete(started);
				stopWhenAlone();
			}
		},
	};
}

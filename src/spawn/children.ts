import { setTimeout as sleep } from "node:timers/promises";
import type { NativeAddon } from "./native-addon.ts";

/** A start that takes longer to return its process id counts as hanging. */
const lateAfterMilliseconds = 1000;

/** How a child ended, as the addon's `reap` reports it. */
export type End = NonNullable<ReturnType<NativeAddon["reap"]>>;

/** Starts and reaps children of this process. */
export interface Children {
	/**
	 * Starts a child and calls `ended` in the turn in which it is reaped, never before the returned
	 * promise settles.
	 * @param start resolves with the process id, and more for the caller; or rejects
	 */
	start<S extends readonly [pid: number, ...unknown[]]>(
		start: () => Promise<S>,
		ended: (end: End) => void,
	): Promise<S>;
}

/**
 * Reaps children on SIGCHLD. The signal does not say which child has ended, and one may stand for
 * many, so all are checked by their ids. libuv reaps only its own children, so the two do not
 * interfere.
 *
 * The listener exists from the first start until no child is left, with `peek` all the time; it
 * does not keep the process alive.
 *
 * @param peek finds a child that has ended; given only if orphans become children of this process.
 * They are reaped, too
 */
export function createChildren(
	reap: NativeAddon["reap"],
	signals: Pick<NodeJS.EventEmitter, "on" | "off"> = process,
	peek?: NativeAddon["peek"],
	lateMilliseconds = lateAfterMilliseconds,
): Children {
	const running = new Map<number, (end: End) => void>();
	const starting = new Set<Promise<unknown>>();
	let isReapingOrphans = false;
	let listening = false;
	let planned = false;

	const reapAll = () => {
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
	 * An ended child with an unknown id is either an orphan, or its start has not returned yet. So
	 * wait for the current starts first. A hanging start is not waited for, as its child has not
	 * ended.
	 */
	const reapOrphans = async (look: NativeAddon["peek"]) => {
		isReapingOrphans = true;
		for (let pid = look(); pid > 0; pid = look()) {
			if (!running.has(pid) && starting.size > 0)
				await Promise.race([
					Promise.allSettled(starting),
					sleep(lateMilliseconds, undefined, { ref: false }),
				]);
			// reapAll is about to run for it
			if (running.has(pid)) break;
			// unless it was reaped meanwhile, as a known child
			if (look() === pid) reap(pid);
		}
		isReapingOrphans = false;
	};
	/** Hundreds may end in one turn: reap once, after its last signal. */
	const plan = () => {
		if (planned) return;
		planned = true;
		setImmediate(reapAll);
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
				// it may have ended before its id was known
				plan();
				return child;
			} finally {
				starting.delete(started);
				stopWhenAlone();
			}
		},
	};
}

import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import type { Execution } from "./execution.ts";

/** Whose command left something, and what it is called in the log. */
interface Origin {
	/** Address of the client that wanted the command; the agent's own commands have none. */
	client: string | undefined;
	/** The command's program. */
	file: string;
}

interface Left extends Origin {
	execution: Execution;
	isStopped: boolean;
}

/** Commands that have been answered and of which processes, or what holds their outputs open, are still there. */
export interface LeftBehind {
	/** A command has been answered; if nothing of it is left, it does not count. */
	add(execution: Execution, origin: Origin): void;
	/** Those that are there now. */
	readonly count: number;
	/** Those that were stopped because there were too many, counted since the start. */
	readonly stoppedTotal: number;
}

/**
 * Limits what answered commands leave behind. They may live on until their time limit;
 * when there are too many, the oldest of the client that has most are stopped, with SIGTERM
 * and three seconds later SIGKILL. Twice as many are never there: then SIGKILL comes at once.
 * @param parts.limit commands that may have something left
 */
export function createLeftBehind({
	limit,
	log,
}: {
	limit: number;
	log: Pick<Log, "warning" | "error">;
}): LeftBehind {
	const repeats = createLogRepeats({ log });
	// a Set keeps the order of answers: the oldest come first
	const all = new Set<Left>();
	let stopped = 0;
	let stoppedTotal = 0;

	const oldestOfMost = () => {
		const counts = new Map<string | undefined, number>();
		const oldest = new Map<string | undefined, Left>();
		for (const left of all) {
			if (left.isStopped) continue;
			counts.set(left.client, (counts.get(left.client) ?? 0) + 1);
			if (!oldest.has(left.client)) oldest.set(left.client, left);
		}
		const [most] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a));
		return oldest.get(most);
	};

	const stop = (left: Left) => {
		left.isStopped = true;
		stopped++;
		stoppedTotal++;
		repeats.wrong(left.file, {
			kind: "left behind",
			level: "warning",
			lines: [
				`${left.file}: what it left behind is stopped: more than ${limit} commands have left something (max-left-behind)`,
			],
		});
		left.execution.cancel();
	};

	return {
		get count() {
			return all.size;
		},
		get stoppedTotal() {
			return stoppedTotal;
		},
		add(execution, origin) {
			if (execution.isEnded) return;
			const left: Left = { ...origin, execution, isStopped: false };
			all.add(left);
			void execution.ended.then(() => {
				all.delete(left);
				if (left.isStopped) stopped--;
			});
			if (all.size - stopped > limit) {
				const oldest = oldestOfMost();
				if (oldest) stop(oldest);
			}
			if (all.size > 2 * limit) {
				const [first] = [...all].filter(({ isStopped }) => isStopped);
				first?.execution.cancel(0);
			}
		},
	};
}

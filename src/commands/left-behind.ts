import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import type { Execution } from "./execution.ts";

/** The command that left processes behind, and its client. */
interface Origin {
	/** Address of the client; undefined for the agent's own commands. */
	client: string | undefined;
	/** The command's program. */
	file: string;
}

interface Left extends Origin {
	execution: Execution;
	isStopped: boolean;
}

/** Answered commands whose processes, or holders of their output pipes, still exist. */
export interface LeftBehind {
	/** Adds an answered command; ignores it if it left nothing behind. */
	add(execution: Execution, origin: Origin): void;
	/** Commands that currently have something left. */
	readonly count: number;
	/** Commands stopped because of the limit, since the agent started. */
	readonly stoppedTotal: number;
}

/**
 * Limits how many answered commands may leave processes behind. Those may run until the command's
 * time limit. Beyond the limit, the oldest command of the client that has most is stopped: SIGTERM,
 * and three seconds later SIGKILL. Beyond twice the limit, SIGKILL comes at once.
 * @param parts.limit commands that may have processes left
 */
export function createLeftBehind({
	limit,
	log,
}: {
	limit: number;
	log: Pick<Log, "warning" | "error">;
}): LeftBehind {
	const repeats = createLogRepeats({ log });
	// in order of answers, oldest first
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
				`${left.file}: stopping the processes it left behind, as more than ${limit} commands have left some (max-left-behind)`,
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

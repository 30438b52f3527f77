import type { Log } from "./log.ts";

/** Something that is wrong and may be so again and again. */
export interface Trouble {
	/** What kind of trouble, without anything that differs each time: another kind is logged at once. */
	kind: string;
	level: "warning" | "error";
	/** In full for the first time; of a repetition the first line alone. */
	lines: readonly string[];
}

/** Keeps trouble that lasts from filling the log. */
export interface LogRepeats {
	/** Logs new trouble at once, the same trouble once an hour with the number of times. */
	wrong(subject: string, trouble: Trouble): void;
	/** Logs the end of trouble, `<label>: works again after 61 failures`; nothing if there was none. */
	right(subject: string, label: string): void;
	/** Forgets all subjects but these, without a line: they are not looked at any more. */
	keep(subjects: ReadonlySet<string>): void;
}

interface Lasting {
	kind: string;
	/** When it was logged last. */
	loggedAt: number;
	/** Times since the beginning, and since the last line. */
	times: number;
	unlogged: number;
}

/**
 * @param parts.elapsed milliseconds since whenever, never set back
 * @param parts.everyMilliseconds between two lines about the same trouble (default one hour)
 */
export function createLogRepeats({
	log,
	elapsed = () => performance.now(),
	everyMilliseconds = 3_600_000,
}: {
	log: Pick<Log, "warning" | "error">;
	elapsed?: (() => number) | undefined;
	everyMilliseconds?: number;
}): LogRepeats {
	const lasting = new Map<string, Lasting>();
	return {
		wrong(subject, { kind, level, lines }) {
			const known = lasting.get(subject);
			const now = elapsed();
			if (known?.kind !== kind) {
				for (const line of lines) log[level](line);
				const times = (known?.times ?? 0) + 1;
				lasting.set(subject, { kind, loggedAt: now, times, unlogged: 0 });
				return;
			}
			known.times++;
			known.unlogged++;
			const quiet = now - known.loggedAt;
			if (quiet < everyMilliseconds) return;
			const minutes = Math.round(quiet / 60_000);
			log[level](
				`${lines[0]} (${known.unlogged} times in the last ${minutes} minutes)`,
			);
			known.loggedAt = now;
			known.unlogged = 0;
		},
		right(subject, label) {
			const known = lasting.get(subject);
			if (!known) return;
			lasting.delete(subject);
			const count = known.times === 1 ? "1 failure" : `${known.times} failures`;
			// as visible as the trouble was: info is not logged by default
			log.warning(`${label}: works again after ${count}`);
		},
		keep(subjects) {
			for (const subject of lasting.keys())
				if (!subjects.has(subject)) lasting.delete(subject);
		},
	};
}

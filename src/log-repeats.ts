import type { Fields, Log } from "./log.ts";
import type { Timers } from "./ticker.ts";

/** Something that is wrong and may be so again and again. */
export interface Trouble {
	/** What kind of trouble, without anything that differs each time: another kind is logged at once. */
	kind: string;
	level: "warning" | "error";
	/** In full for the first time; of a repetition the first line alone. */
	lines: readonly string[];
	/** Fields of the first line. A repetition has them too, of the last time, with `times` and `minutes`. */
	fields?: () => Fields;
}

/** Keeps trouble that lasts from filling the log. */
export interface LogRepeats {
	/**
	 * Logs new trouble at once, and the same trouble once an hour with the number of times.
	 * @returns whether it was logged at once
	 */
	wrong(subject: string, trouble: Trouble): boolean;
	/**
	 * Logs the end of trouble, `<label>: works again after 61 failures`; nothing if there was none. Trouble that is younger
	 * than `leastMilliseconds` comes and goes: it is not at its end, and stays known.
	 * @returns whether it was logged
	 */
	right(subject: string, label: string, leastMilliseconds?: number): boolean;
	/** Forgets all subjects but these, without a line: they are not looked at any more. */
	keep(subjects: ReadonlySet<string>): void;
}

/** Trouble of one kind, as it was the last time. */
interface Known {
	trouble: Trouble;
	/** When it was logged last. */
	loggedAt: number;
	/** Times since then. */
	unlogged: number;
}

interface Lasting {
	/** The first time since it was right; undefined: it was right a moment ago. */
	since: number | undefined;
	/** Times since then. */
	times: number;
	kinds: Map<string, Known>;
}

/** Kinds of one subject that are told apart. */
const mostKinds = 100;

const timesText = (count: number) => (count === 1 ? "once" : `${count} times`);

const minutesText = (minutes: number) =>
	minutes === 1 ? "minute" : `${minutes} minutes`;

/** They do not keep the process alive. */
const quietTimers: Pick<Timers, "set" | "clear"> = {
	set: (callback, milliseconds) => setTimeout(callback, milliseconds).unref(),
	clear: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

/**
 * @param parts.elapsed milliseconds since whenever, never set back
 * @param parts.everyMilliseconds between two lines about the same trouble (default one hour)
 * @param parts.most kinds of trouble, of all subjects together, that are told apart (default 2000): what comes beyond
 * them within that time has one line in common
 */
export function createLogRepeats({
	log,
	elapsed = () => performance.now(),
	timers = quietTimers,
	everyMilliseconds = 3_600_000,
	most = 2_000,
}: {
	log: Pick<Log, "warning" | "error">;
	elapsed?: (() => number) | undefined;
	timers?: Pick<Timers, "set" | "clear"> | undefined;
	everyMilliseconds?: number;
	most?: number;
}): LogRepeats {
	const lasting = new Map<string, Lasting>();
	/** Those whose number has to be logged. */
	const pending = new Set<Known>();
	/** The one line of all that cannot be told apart. */
	let others: Known | undefined;
	let count = 0;
	let next: { at: number; handle: unknown } | undefined;

	const repeat = (known: Known, now: number) => {
		const { trouble, unlogged, loggedAt } = known;
		const { level, lines, fields } = trouble;
		const [line = ""] = lines;
		const minutes = Math.round((now - loggedAt) / 60_000);
		if (fields)
			log[level](`${line} repeated`, {
				...fields(),
				times: unlogged,
				minutes,
			});
		else {
			const such = known === others ? ", with others like it" : "";
			log[level](
				`${line} (${timesText(unlogged)} in the last ${minutesText(minutes)}${such})`,
			);
		}
		known.loggedAt = now;
		known.unlogged = 0;
		pending.delete(known);
	};

	const repeatDue = () => {
		next = undefined;
		const now = elapsed();
		let at = Number.POSITIVE_INFINITY;
		for (const known of pending) {
			const due = known.loggedAt + everyMilliseconds;
			if (due <= now) repeat(known, now);
			else at = Math.min(at, due);
		}
		if (at < Number.POSITIVE_INFINITY) wake(at, now);
	};

	const wake = (at: number, now: number) => {
		if (next && next.at <= at) return;
		if (next) timers.clear(next.handle);
		next = { at, handle: timers.set(repeatDue, at - now) };
	};

	const isOver = ({ loggedAt, unlogged }: Known, now: number) =>
		unlogged === 0 && now - loggedAt >= everyMilliseconds;

	/** Forgets what was not repeated for long. */
	const tidy = (of: Lasting, now: number) => {
		for (const [kind, known] of of.kinds)
			if (isOver(known, now)) {
				of.kinds.delete(kind);
				count--;
			}
	};

	const hasRoom = (of: Lasting | undefined, now: number) => {
		if (of && of.kinds.size >= mostKinds) tidy(of, now);
		if (count >= most)
			for (const [subject, each] of lasting) {
				tidy(each, now);
				if (each.kinds.size === 0 && each !== of) lasting.delete(subject);
			}
		return count < most && (of?.kinds.size ?? 0) < mostKinds;
	};

	const logInFull = ({ level, lines, fields }: Trouble) => {
		const [first = "", ...more] = lines;
		fields ? log[level](first, fields) : log[level](first);
		for (const line of more) log[level](line);
	};

	/** Once more of what is known. */
	const again = (known: Known, trouble: Trouble, now: number): boolean => {
		known.trouble = trouble;
		if (isOver(known, now)) {
			known.loggedAt = now;
			logInFull(trouble);
			return true;
		}
		known.unlogged++;
		pending.add(known);
		const due = known.loggedAt + everyMilliseconds;
		due <= now ? repeat(known, now) : wake(due, now);
		return false;
	};

	const begin = (trouble: Trouble, now: number): Known => {
		logInFull(trouble);
		return { trouble, loggedAt: now, unlogged: 0 };
	};

	const forget = (subject: string, { kinds }: Lasting) => {
		for (const known of kinds.values()) pending.delete(known);
		count -= kinds.size;
		lasting.delete(subject);
	};

	return {
		wrong(subject, trouble) {
			const now = elapsed();
			let of = lasting.get(subject);
			const known = of?.kinds.get(trouble.kind);
			const isKept = known !== undefined || hasRoom(of, now);
			if (!of && isKept) {
				of = { since: undefined, times: 0, kinds: new Map() };
				lasting.set(subject, of);
			}
			if (of) {
				if (of.since === undefined) of.times = 0;
				of.since ??= now;
				of.times++;
			}
			if (known) return again(known, trouble, now);
			if (of && isKept) {
				of.kinds.set(trouble.kind, begin(trouble, now));
				count++;
				return true;
			}
			if (others) return again(others, trouble, now);
			others = begin(trouble, now);
			return true;
		},
		right(subject, label, leastMilliseconds = 0) {
			const of = lasting.get(subject);
			if (!of) return false;
			if (
				leastMilliseconds > 0 &&
				elapsed() - (of.since ?? Number.POSITIVE_INFINITY) < leastMilliseconds
			) {
				of.since = undefined;
				return false;
			}
			forget(subject, of);
			const times = of.times === 1 ? "1 failure" : `${of.times} failures`;
			// as visible as the trouble was: info is not logged by default
			log.warning(`${label}: works again after ${times}`);
			return true;
		},
		keep(subjects) {
			for (const [subject, of] of lasting)
				if (!subjects.has(subject)) forget(subject, of);
		},
	};
}

import type { Fields, Log } from "./log.ts";
import type { Timers } from "./ticker.ts";

/** A failure that may repeat. */
export interface Trouble {
	/** The kind of failure, without details that differ each time; a new kind is logged at once. */
	kind: string;
	level: "warning" | "error";
	/** All are logged the first time; a repetition logs only the first line. */
	lines: readonly string[];
	/** Fields of the first line. A repetition has the latest ones, with `times` and `minutes`. */
	fields?: () => Fields;
}

/** Keeps lasting failures from filling the log. */
export interface LogRepeats {
	/**
	 * Logs a new failure at once, and repetitions once an hour, with their number.
	 * @returns whether it was logged at once
	 */
	wrong(subject: string, trouble: Trouble): boolean;
	/**
	 * Logs recovery, `<label>: works again after 61 failures`; nothing if there was no failure.
	 * Trouble that began less than `minMilliseconds` ago counts as flapping: its end is not logged,
	 * and it stays known.
	 * @returns whether recovery was logged
	 */
	right(subject: string, label: string, minMilliseconds?: number): boolean;
	/** Silently forgets all other subjects, because they are no longer watched. */
	keep(subjects: ReadonlySet<string>): void;
}

/** The latest trouble of one kind. */
interface Known {
	trouble: Trouble;
	/** When it was last logged. */
	loggedAt: number;
	/** Repetitions since then. */
	unlogged: number;
}

interface Lasting {
	/** The first failure since it last worked; undefined if it has just worked. */
	since: number | undefined;
	/** Failures since then. */
	times: number;
	kinds: Map<string, Known>;
}

/** Limit of kinds remembered for one subject. */
const maxKindsOfSubject = 100;

const timesText = (count: number) => (count === 1 ? "once" : `${count} times`);

const minutesText = (minutes: number) =>
	minutes === 1 ? "minute" : `${minutes} minutes`;

/** Timers that do not keep the process alive. */
const quietTimers: Pick<Timers, "set" | "clear"> = {
	set: (callback, milliseconds) => setTimeout(callback, milliseconds).unref(),
	clear: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

/**
 * @param parts.elapsed monotonic milliseconds, arbitrary origin
 * @param parts.everyMilliseconds between two lines about the same trouble (default one hour)
 * @param parts.maxKinds kinds of trouble remembered, of all subjects together (default 2000);
 * further ones share a line
 */
export function createLogRepeats({
	log,
	elapsed = () => performance.now(),
	timers = quietTimers,
	everyMilliseconds = 3_600_000,
	maxKinds = 2_000,
}: {
	log: Pick<Log, "warning" | "error">;
	elapsed?: (() => number) | undefined;
	timers?: Pick<Timers, "set" | "clear"> | undefined;
	everyMilliseconds?: number;
	maxKinds?: number;
}): LogRepeats {
	const lasting = new Map<string, Lasting>();
	/** Those with repetitions to log. */
	const pending = new Set<Known>();
	/** The shared line of all trouble beyond `maxKinds`. */
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

	/** Forgets kinds that have not been repeated for a while. */
	const tidy = (of: Lasting, now: number) => {
		for (const [kind, known] of of.kinds)
			if (isOver(known, now)) {
				of.kinds.delete(kind);
				count--;
			}
	};

	const hasRoom = (of: Lasting | undefined, now: number) => {
		if (of && of.kinds.size >= maxKindsOfSubject) tidy(of, now);
		if (count >= maxKinds)
			for (const [subject, each] of lasting) {
				tidy(each, now);
				if (each.kinds.size === 0 && each !== of) lasting.delete(subject);
			}
		return count < maxKinds && (of?.kinds.size ?? 0) < maxKindsOfSubject;
	};

	const logInFull = ({ level, lines, fields }: Trouble) => {
		const [first = "", ...more] = lines;
		fields ? log[level](first, fields) : log[level](first);
		for (const line of more) log[level](line);
	};

	/** Notes a repetition of known trouble. */
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
		right(subject, label, minMilliseconds = 0) {
			const of = lasting.get(subject);
			if (!of) return false;
			if (
				minMilliseconds > 0 &&
				elapsed() - (of.since ?? Number.POSITIVE_INFINITY) < minMilliseconds
			) {
				of.since = undefined;
				return false;
			}
			forget(subject, of);
			const times = of.times === 1 ? "1 failure" : `${of.times} failures`;
			// as visible as the trouble was, as info is not logged by default
			log.warning(`${label}: works again after ${times}`);
			return true;
		},
		keep(subjects) {
			for (const [subject, of] of lasting)
				if (!subjects.has(subject)) forget(subject, of);
		},
	};
}

import type { components } from "../../../generated/web-schema.ts";
import type { Failure, HostAnswer } from "../target/answer.ts";
import { Attention } from "./attention.ts";
import type { Changes } from "./changes.ts";

type Schemas = components["schemas"];

/** What is known about one thing of one host. */
export type PartState<T> = Schemas["Part"] & { data: T | null };

/** Whether an answer is missing is shown only then, so that quick answers do not flicker. */
const patienceMilliseconds = 500;

/** An agent that restarts is back soon. */
const unreachableSeconds = 2;
/** Only somebody who changes the agent can change this. */
const refusedSeconds = 30;

/**
 * How long an agent is not asked again for what it has refused, or does not have, beside something
 * that it answers: each request would be a refusal in its audit log.
 */
export const refusedMilliseconds = 10 * 60_000;

/** The time now, in seconds since 1970. */
export const nowSeconds = () => Date.now() / 1000;

/** Whether only somebody who changes the agent can change this. */
export const isRefused = ({ reason }: Failure): boolean =>
	reason === "refused" || reason === "unsupported";

/** A failure that has just happened, as the page gets it. */
export const shownFailure = ({
	reason,
	message,
}: Failure): Schemas["Failure"] => ({ reason, message, at: nowSeconds() });

/**
 * Asks an agent for a part.
 * @param isWanted what it has refused is asked for again, too
 */
type PartWork<T> = (
	signal: AbortSignal,
	isWanted: boolean,
) => Promise<HostAnswer<T>>;

/**
 * One thing to know about one host: asked again and again while somebody watches, independently of
 * all others.
 */
export class Part<T> {
	readonly attention = new Attention(
		() => this.ask(),
		() => this.#stop(),
	);
	readonly #changes: Changes;
	readonly #seconds: number;
	readonly #work: PartWork<T>;
	#state: PartState<T>;
	#asking: AbortController | undefined;
	#timer: NodeJS.Timeout | undefined;

	/**
	 * @param seconds between an answer and the next request
	 * @param work asks the agent
	 */
	constructor(changes: Changes, seconds: number, work: PartWork<T>) {
		this.#changes = changes;
		this.#seconds = seconds;
		this.#work = work;
		this.#state = {
			revision: changes.next(),
			waiting_since: null,
			failure: null,
			answered_at: null,
			data: null,
		};
	}

	get revision(): number {
		return this.#state.revision;
	}

	get state(): Readonly<PartState<T>> {
		return this.#state;
	}

	/**
	 * Asks now, unless it is asking anyway.
	 * @param isWanted somebody wants it, so that what was refused is asked for, too
	 */
	ask(isWanted = false): void {
		if (this.#asking || !this.attention.isPresent) return;
		clearTimeout(this.#timer);
		const asking = new AbortController();
		this.#asking = asking;
		const since = nowSeconds();
		const showWaiting = () => this.#change({ waiting_since: since });
		const isFirst = !this.#state.failure && this.#state.answered_at === null;
		if (isFirst) showWaiting();
		const patience = setTimeout(showWaiting, patienceMilliseconds);
		this.#work(asking.signal, isWanted)
			.then((answer) => {
				if (this.#asking === asking) this.#answered(answer);
			})
			.finally(() => {
				clearTimeout(patience);
				if (this.#asking === asking) this.#asking = undefined;
			});
	}

	#answered(answer: HostAnswer<T>): void {
		this.#asking = undefined;
		this.#change({
			waiting_since: null,
			...(answer.ok
				? { failure: null, answered_at: nowSeconds(), data: answer.data }
				: { failure: shownFailure(answer.error) }),
		});
		if (!this.attention.isPresent) return;
		this.#timer = setTimeout(() => this.ask(), this.#pause(answer) * 1000);
	}

	#pause(answer: HostAnswer<T>): number {
		if (answer.ok) return this.#seconds;
		return isRefused(answer.error)
			? Math.max(this.#seconds, refusedSeconds)
			: unreachableSeconds;
	}

	#change(what: Partial<PartState<T>>): void {
		this.#state = {
			...this.#state,
			...what,
			revision: this.#changes.next(),
		};
	}

	#stop(): void {
		clearTimeout(this.#timer);
		this.#asking?.abort();
		this.#asking = undefined;
		if (this.#state.waiting_since !== null)
			this.#change({ waiting_since: null });
	}
}

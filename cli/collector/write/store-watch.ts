import type { Log } from "../../../src/log.ts";
import type { Store } from "./store.ts";
import { parseStorePage, type StorePage } from "./store-page.ts";
import type { StorePromise } from "./target.ts";

/** Seconds between acceptance and acknowledgement, for a store that keeps samples in memory first. */
const defaultAckAfterSeconds = 30;

/**
 * Start times are whole seconds: a store that is started again within that second would look like
 * the same process.
 */
const settlingMilliseconds = 1_100;

const nameOf = {
	"victoria-metrics": "VictoriaMetrics",
	prometheus: "Prometheus",
	other: "",
};

/** The page is read so often while there are requests: the store may have become another one. */
const refreshMilliseconds = 60_000;

/** A difference between two clocks that is worth a line in the log. */
const maxSkewSeconds = 60;

/** Knows which program a store is, and whether its process is still the same. */
export class StoreWatch {
	readonly #store: Store;
	readonly #log: Pick<Log, "notice" | "warning" | "error">;
	readonly #elapsed: () => number;
	readonly #now: () => number;
	readonly #ackAfter: number | undefined;
	#page: StorePage | undefined;
	#reading: Promise<boolean> | undefined;
	/** When the present start time was seen first. */
	#seenAt = 0;
	/** When the page was read last, by the monotonic clock. */
	#readAt = Number.NEGATIVE_INFINITY;
	/** What the store's clock said then, in milliseconds since 1970, minus the monotonic one. */
	#clock: number | undefined;
	#isSkewed = false;
	/** The page says nothing any more, which has been said. */
	#isOdd = false;
	/** Start times that another one has replaced. */
	readonly #replaced = new Set<number>();
	#isSeveral = false;
	/** Restarts that were noticed. */
	restarts = 0;

	constructor(parts: {
		store: Store;
		log: Pick<Log, "notice" | "warning" | "error">;
		elapsed: () => number;
		/** Milliseconds since 1970, for a store that does not say what time it is. */
		now: () => number;
		ackAfterSeconds: number | undefined;
	}) {
		this.#store = parts.store;
		this.#log = parts.log;
		this.#elapsed = parts.elapsed;
		this.#now = parts.now;
		this.#ackAfter = parts.ackAfterSeconds;
	}

	/** What the store's page says; undefined until the store has answered. */
	get page(): StorePage | undefined {
		return this.#page;
	}

	get ackAfterMilliseconds(): number {
		const usual =
			this.#page?.kind === "prometheus" ? 0 : defaultAckAfterSeconds;
		return 1_000 * (this.#ackAfter ?? usual);
	}

	/** What an acknowledgement stands for; undefined until it is known. */
	get promise(): StorePromise | undefined {
		if (!this.#page) return undefined;
		const { kind, startedAt } = this.#page;
		if (kind === "other" || this.#isSeveral) return "accepted";
		if (this.ackAfterMilliseconds === 0) return "logged";
		return startedAt === undefined ? "accepted" : "restart-checked";
	}

	/** The process that takes a request now; undefined if it is not known for sure. */
	get process(): number | undefined {
		return this.settlingMilliseconds > 0 ? undefined : this.#page?.startedAt;
	}

	/** How long a restart could still go unnoticed. */
	get settlingMilliseconds(): number {
		return this.promise === "restart-checked"
			? Math.max(0, this.#seenAt + settlingMilliseconds - this.#elapsed())
			: 0;
	}

	/**
	 * Milliseconds since 1970 by the store's clock, which decides what is too old or too new for it. The
	 * clock here may have been set wrong since, or all the time.
	 */
	now(): number {
		return this.#clock === undefined
			? this.#now()
			: this.#clock + this.#elapsed();
	}

	/** Has the page read again if that was not done for a minute; nobody waits for it. */
	refresh(): void {
		if (this.#elapsed() - this.#readAt > refreshMilliseconds) void this.read();
	}

	/** Reads the store's page. Returns false if the store did not answer. */
	read(): Promise<boolean> {
		this.#reading ??= this.#read().finally(() => {
			this.#reading = undefined;
		});
		return this.#reading;
	}

	async #read(): Promise<boolean> {
		this.#readAt = this.#elapsed();
		const { status, page, date } = await this.#store.page();
		if (status === 0 || status === 429 || status >= 500) return false;
		// whatever answers without such a page is not the store itself
		const next = parseStorePage(status === 200 ? page : "");
		const before = this.#page;
		if (before?.startedAt !== undefined && next.startedAt === undefined) {
			this.#sayOdd(status);
			return false;
		}
		this.#isOdd = false;
		this.#setClock(date);
		const promised = this.promise;
		if (!before || before.startedAt !== next.startedAt) {
			if (before?.startedAt !== undefined) {
				this.restarts++;
				this.#replaced.add(before.startedAt);
			}
			this.#told(next);
			this.#seenAt = this.#elapsed();
		}
		this.#page = next;
		if (this.promise !== promised) this.#tell();
		return true;
	}

	/** Something in front of the store answers, such as a login page: that says nothing about the store. */
	#sayOdd(status: number): void {
		if (this.#isOdd) return;
		this.#isOdd = true;
		this.#log.error(
			`${this.#store.place}: its page /metrics answers ${status} and does not say any more when the store was started: nothing is acknowledged until it does`,
		);
	}

	#setClock(date: number | undefined): void {
		if (date === undefined) return;
		this.#clock = date - this.#elapsed();
		const ahead = Math.round((date - this.#now()) / 1_000);
		const isSkewed = Math.abs(ahead) > maxSkewSeconds;
		if (isSkewed && !this.#isSkewed)
			this.#log.warning(
				`${this.#store.place}: its clock and the one here differ by ${Math.abs(ahead)} s: samples are too old or too new for it by its own clock`,
			);
		this.#isSkewed = isSkewed;
	}

	/** A restarted process never has a start time of before: there are several. */
	#told({ startedAt }: StorePage): void {
		if (startedAt === undefined || !this.#replaced.has(startedAt)) return;
		this.#isSeveral = true;
	}

	#tell(): void {
		const { place } = this.#store;
		const kind = nameOf[this.#page?.kind ?? "other"];
		const seconds = this.ackAfterMilliseconds / 1_000;
		if (this.promise === "restart-checked")
			this.#log.notice(
				`${place}: ${kind}: samples are acknowledged when it has run on for ${seconds} seconds after accepting them`,
			);
		else if (this.promise === "logged")
			this.#log.notice(
				`${place}: ${kind}: samples are acknowledged as soon as it has accepted them`,
			);
		else if (this.#isSeveral)
			this.#log.error(
				`${place}: several processes answer: samples are acknowledged as soon as one has accepted them, and are lost if it is killed soon afterwards`,
			);
		else
			this.#log.warning(
				`${place}: not a store that says when it was started: samples are acknowledged as soon as it has accepted them, and are lost if it loses them`,
			);
	}
}

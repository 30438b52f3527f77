/**
 * Tells that nobody waits for a result any more: the part of AbortSignal that the agent uses. Real
 * ones cost a tenth of a small request's time.
 */
export interface Abandonment {
	readonly aborted: boolean;
	/** Why; the error of whoever has to stop for it. */
	readonly reason: unknown;
	/** The listener is called at most once. */
	addEventListener(type: "abort", listener: () => void): void;
	removeEventListener(type: "abort", listener: () => void): void;
}

/** An Abandonment that its owner controls. */
export class Abandoning implements Abandonment {
	#reason: Error | undefined;
	#listeners: (() => void)[] = [];

	get aborted(): boolean {
		return this.#reason !== undefined;
	}

	get reason(): unknown {
		return this.#reason;
	}

	/** A second call has no effect. */
	abort(): void {
		if (this.#reason) return;
		this.#reason = new Error("This operation was aborted");
		for (const listener of this.#listeners.splice(0)) listener();
	}

	addEventListener(_type: "abort", listener: () => void): void {
		this.#listeners.push(listener);
	}

	removeEventListener(_type: "abort", listener: () => void): void {
		const at = this.#listeners.indexOf(listener);
		if (at !== -1) this.#listeners.splice(at, 1);
	}
}

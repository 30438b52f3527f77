/** The queue cannot be used. The message names the option. */
export class QueueError extends Error {
	override name = "QueueError";
}

/** Shares hosts that are due with other collectors. */
export interface DueQueue {
	/** Begins to take hosts. */
	start(worker: {
		/** Asks a host. Resolves when that is done. */
		take: (key: string) => Promise<void>;
		/** Whether to take no more for now. */
		isFull: () => boolean;
	}): void;
	/** Says that a host is due; collectors that say the same of one host and number say it once. */
	publish(key: string, number: number): void;
	/** Takes no more. */
	stop(): void;
	/** Ends the connection. */
	close(): Promise<void>;
	figures(): QueueFigures;
}

/** What a queue counts since the start. */
export interface QueueFigures {
	isConnected: boolean;
	/** Hosts that this collector was the first to say were due. */
	published: number;
	/** Hosts that another one had said were due before. */
	duplicates: number;
	/** Hosts that could not be said to be due. */
	failed: number;
	/** Hosts that were taken from the queue. */
	taken: number;
	/** Hosts that were taken again, because another collector has died or was too slow. */
	again: number;
}

import type { NativeAddon } from "./native-addon.ts";

/** How a child ended, as the addon tells it. */
type End = readonly [status: number, signal: number, left: number];

/** Children of this process that are waited for. */
export interface Children {
	/**
	 * Starts a child and calls `ended` in the turn in which it has been waited for, never before this has given its own
	 * answer.
	 * @param start gives its process id, and more for the caller; or rejects
	 */
	start<S extends readonly [pid: number, ...unknown[]]>(
		start: () => Promise<S>,
		ended: (end: End) => void,
	): Promise<S>;
}

/**
 * Waits for children when SIGCHLD says that one has ended; it does not say which, and one signal may stand for many, so
 * all are asked. libuv waits for its own children only, so the two do not take each other's.
 *
 * The listener is there before the first child and as long as there is one; it does not keep the process alive.
 */
export function createChildren(
	reap: NativeAddon["reap"],
	signals: Pick<NodeJS.EventEmitter, "on" | "off"> = process,
): Children {
	const running = new Map<number, (end: End) => void>();
	let starting = 0;
	let listening = false;
	let planned = false;

	const ask = () => {
		planned = false;
		for (const [pid, ended] of running) {
			const end = reap(pid);
			if (!end) continue;
			running.delete(pid);
			ended(end);
		}
		stopWhenAlone();
	};
	/** Hundreds may end in one turn: asked once, behind the last signal of it. */
	const plan = () => {
		if (planned) return;
		planned = true;
		setImmediate(ask);
	};
	const listen = () => {
		if (listening) return;
		listening = true;
		signals.on("SIGCHLD", plan);
	};
	const stopWhenAlone = () => {
		if (running.size > 0 || starting > 0) return;
		listening = false;
		signals.off("SIGCHLD", plan);
	};

	return {
		async start(start, ended) {
			listen();
			starting++;
			try {
				const child = await start();
				running.set(child[0], ended);
				// it may have ended before it was known of
				plan();
				return child;
			} finally {
				starting--;
				stopWhenAlone();
			}
		},
	};
}

/** Runs something until SIGINT or SIGTERM, which end it through its signal; a second one ends the process. */
export async function untilInterrupted(
	work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
	const stop = new AbortController();
	const onSignal = () => stop.abort();
	process.once("SIGINT", onSignal);
	process.once("SIGTERM", onSignal);
	try {
		await work(stop.signal);
	} catch (error) {
		if (!stop.signal.aborted) throw error;
	} finally {
		process.off("SIGINT", onSignal);
		process.off("SIGTERM", onSignal);
	}
}

/** Seconds after which a collected value is old, or a pass overdue: one pass may fail, and five minutes are no delay. */
export const staleSeconds = (intervalSeconds: number): number =>
	Math.max(300, 2.5 * intervalSeconds);

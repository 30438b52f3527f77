/** An outer hop waits this much longer than it tells the inner one to. */
const marginMilliseconds = 500;

/**
 * What the next hop is told in `Happo-Milliseconds-Left`: a little less than what
 * is left, so that it gives up first and says which hop was slow.
 */
export const toldMilliseconds = (left: number): number =>
	Math.max(1, Math.floor(left - Math.min(marginMilliseconds, left / 20)));

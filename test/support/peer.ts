import assert from "node:assert/strict";
import type { TestContext } from "node:test";

/**
 * Whether a test has to do without a program or a service it is about. It is
 * skipped then, with the reason; with CI=true, where everything is installed, it
 * fails.
 * @param reason why it cannot run; undefined if it can
 */
export function lacksPeer(
	t: Pick<TestContext, "skip">,
	reason: string | undefined,
): boolean {
	if (reason === undefined) return false;
	if (process.env.CI === "true") assert.fail(reason);
	t.skip(reason);
	return true;
}

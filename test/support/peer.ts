import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import type { TestContext } from "node:test";

/**
 * Decides what to do if a program or service that a test is about is missing: the test is skipped,
 * with the reason; with CI=true, where everything is installed, it fails.
 * @param reason why the test cannot run; undefined if it can
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

/** Why files cannot get capabilities here, undefined if they can. */
export function missingForCapabilities(): string | undefined {
	if (process.getuid?.() !== 0) return "only root gives files capabilities";
	const missing = ["setcap", "setpriv"].find(
		(program) => spawnSync(program, ["--version"]).error,
	);
	return missing && `${missing} is not installed`;
}

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** A new directory, removed when the test ends. */
export async function temporaryDirectory(t: Pick<TestContext, "after">) {
	const path = await mkdtemp(join(tmpdir(), "happo-agent-test-"));
	t.after(() => rm(path, { recursive: true, force: true, maxRetries: 5 }));
	return path;
}

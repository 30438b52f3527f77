import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import {
	type AgentClient,
	type AgentOptions,
	AgentUnreachable,
	createAgentClient,
} from "../../src/client/index.ts";
import { local } from "./relaying.ts";

/** A client for an agent on this machine, closed when the test ends. */
export function clientOf(
	t: Pick<TestContext, "after">,
	port: number,
	options: Partial<AgentOptions> = {},
): AgentClient {
	const client = createAgentClient({
		agent: local(port),
		trust: "unverified",
		timeoutMilliseconds: 10_000,
		...options,
	});
	t.after(() => client.close());
	return client;
}

/** Expects an error without an answer, in one line. */
export async function unreachable(
	asked: Promise<unknown>,
	reason: RegExp,
	facts: { isTimeout?: boolean; isUnsent?: boolean } = {},
): Promise<AgentUnreachable> {
	const error = await asked.then(
		() => assert.fail("it was answered"),
		(why: unknown) => why,
	);
	assert.ok(error instanceof AgentUnreachable, String(error));
	assert.match(error.message, reason);
	assert.doesNotMatch(error.message, /\n/);
	assert.equal(error.isTimeout, facts.isTimeout ?? false, "isTimeout");
	if (facts.isUnsent !== undefined)
		assert.equal(error.isUnsent, facts.isUnsent, "isUnsent");
	return error;
}

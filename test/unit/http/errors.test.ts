import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentError } from "../../../src/agent-error.ts";
import { problemAnswer, toAgentError } from "../../../src/http/errors.ts";
import { createLogRepeats } from "../../../src/log-repeats.ts";
import { recordingLog } from "../../support/agent.ts";

test("the code decides status and headers; the body has its type", () => {
	for (const [code, status, headers] of [
		["bad-request", 400, {}],
		["store-full", 503, { "retry-after": "60" }],
		["store-unavailable", 503, { "retry-after": "10" }],
		["busy", 503, { "retry-after": "5" }],
		["body-too-large", 413, {}],
	] as const) {
		const answer = problemAnswer(new AgentError(code, "why"), "/metric");
		assert.equal(answer.status, status);
		assert.deepEqual(answer.headers, {
			"content-type": "application/problem+json",
			...headers,
		});
		const { title, ...body } = JSON.parse(String(answer.payload));
		assert.equal(typeof title, "string");
		assert.deepEqual(body, {
			type: `urn:happo:problem:${code}`,
			status,
			detail: "why",
		});
	}
});

test("the body also has the fields of check and inventory clients", () => {
	const busy = new AgentError("busy", "why");
	const fields = (path: string) =>
		JSON.parse(String(problemAnswer(busy, path).payload));
	for (const path of ["/monitor", "/proxy"]) {
		assert.equal(fields(path).return_value, 3);
		assert.equal(fields(path).message, "why");
	}
	assert.equal(fields("/inventory").return_code, 125);
	assert.equal(fields("/inventory").return_value, "why");
	assert.equal("message" in fields("/metric"), false);
});

test("other errors are the agent's fault: logged with their stack, hidden from the client", () => {
	const { log, lines } = recordingLog();
	const trouble = createLogRepeats({ log });
	const error = toAgentError(new TypeError("secret"), trouble, "/status");
	assert.equal(error.code, "internal");
	assert.equal(error.message, "internal error");
	assert.match(lines.join("\n"), /^error internal error: TypeError: secret\n/);
	assert.equal(lines.length, 1);
	const busy = new AgentError("busy", "why");
	assert.equal(toAgentError(busy, trouble, "/status"), busy);
	toAgentError(new TypeError("secret"), trouble, "/status");
	assert.equal(lines.length, 1);
	toAgentError(new TypeError("secret"), trouble, "/metrics");
	assert.equal(lines.length, 2);
});

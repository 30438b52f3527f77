import assert from "node:assert/strict";
import { test } from "node:test";
import { answerText } from "../../../cli/message-text.ts";

test("an answer in one safe line: its status and the detail of a problem or a text", () => {
	for (const [status, body, text] of [
		[503, { detail: "full" }, "503 Service Unavailable: full"],
		[403, "Access Denied\n", "403 Forbidden: Access Denied"],
		[400, "a\nb\u001b[2J", "400 Bad Request: a\\x0ab\\x1b[2J"],
		[404, "<!doctype html>", "404 Not Found"],
		[404, { detail: 5 }, "404 Not Found"],
		[404, undefined, "404 Not Found"],
		[404, null, "404 Not Found"],
		[599, "", "599"],
	] as const)
		assert.equal(answerText(status, body), text);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { refusal } from "../../../../../cli/ctl/target/answer.ts";

const said = (status: number, body: unknown, type = "application/json") => {
	const headers = { "Content-Type": type };
	const response = new Response(null, { status, headers });
	const { reason, message } = refusal(response, body, "/metric/peek").failure;
	return [reason, message];
};

test("the meaning of a refusal depends on its status and type, not on its words", () => {
	const unknown = "it has no /metric/peek (404): it is v1 (Go), or no agent";
	const older = "it has no /metric/peek (404): its version is older";
	const denied =
		"Access Denied (403): its allowed-hosts does not include this machine, or the bastion in front of it";
	const problem = (code: string) => ({
		...{ type: `urn:happo:problem:${code}`, title: "x", detail: "why" },
	});
	for (const [status, body, type, expected] of [
		[404, "404 page not found\n", "text/plain", ["unsupported", unknown]],
		[404, problem("no-such-path"), undefined, ["unsupported", older]],
		[404, problem("turned-off"), undefined, ["refused", "why (404)"]],
		[403, "Access Denied\n", "text/plain; charset=utf-8", ["refused", denied]],
		[403, "Access Denied", "text/html", ["refused", "Access Denied (403)"]],
		[403, problem("forbidden"), undefined, ["refused", "why (403)"]],
		[
			500,
			{ return_value: 3, message: "m" },
			undefined,
			["unreachable", "m (500)"],
		],
		[
			500,
			{ ...problem("internal"), return_value: 3 },
			undefined,
			["failed", "why (500)"],
		],
		[
			502,
			{ type: "about:blank", title: "x" },
			undefined,
			["failed", "answered 502"],
		],
	] as [number, unknown, string | undefined, string[]][])
		assert.deepEqual(said(status, body, type), expected, JSON.stringify(body));
});

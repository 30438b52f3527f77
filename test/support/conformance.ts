import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fixtures } from "./agent.ts";
import { declaredOperations } from "./reply-check.ts";
import type { RecordedPeer, RecordedStub } from "./upstream.ts";

/** A request of a recorded case; `hosthdr` is its Host header. */
export interface RecordedRequest {
	method: string;
	path: string;
	headers: Record<string, string>;
	body?: string;
	body_repeat?: {
		prefix: string;
		repeat: string;
		count: number;
		suffix: string;
	};
	source_ip?: string;
	host?: string;
	hosthdr?: string;
	http_version?: string;
}

/** A recorded case: a request, and the expected answer. */
export interface RecordedCase {
	id: string;
	verdict: "keep" | "better";
	request: RecordedRequest;
	expect: Record<string, unknown>;
	setup?: Step[];
	slow?: boolean;
	daemon_flags?: string[] | null;
	daemon_env?: Record<string, string>;
	daemon_files?: Record<string, string | null>;
	fresh_daemon?: boolean;
	peers?: RecordedPeer[];
	upstream_stub?: RecordedStub;
}

/** A step before the request: a wait, or a request, possibly repeated. */
export interface Step extends Partial<RecordedRequest> {
	sleep?: number;
	repeat?: number;
	interval?: number;
	capture?: Record<string, string>;
}

const requestKeys =
	"method path headers body body_repeat source_ip host hosthdr http_version";
const caseKeys =
	"id title endpoint verdict notes request expect setup slow daemon_flags daemon_env daemon_files fresh_daemon peers upstream_stub";
const keysOf = { request: requestKeys, case: caseKeys };
const stepKeys = "sleep repeat interval capture";

/** Fails for unknown fields, which must not be ignored silently. */
export function assertUnderstood(
	kind: "request" | "case" | "step",
	value: object,
) {
	const keys = kind === "step" ? `${requestKeys} ${stepKeys}` : keysOf[kind];
	for (const key of Object.keys(value))
		assert.ok(
			keys.split(" ").includes(key),
			`${kind}.${key}: not implemented in test/support/conformance.ts`,
		);
}

export const readRecorded = <T>(file: string): T[] =>
	JSON.parse(readFileSync(join(fixtures, file), "utf8"));

/** The operation of a method and a path, with at most one trailing slash. */
export function operationAt(method = "GET", target = "/") {
	const path = target.split("?", 1)[0] ?? "";
	return declaredOperations.find(
		(declared) =>
			declared.method === (method === "HEAD" ? "GET" : method) &&
			new RegExp(`^${declared.path.replace(/\{\w+\}/g, "[^/]+")}/?$`).test(
				path,
			),
	);
}

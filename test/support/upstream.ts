import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "./free-port.ts";
import {
	type Arrived,
	answering,
	listening,
	type NextHop,
} from "./next-hop.ts";

/** The canned server of a recorded case. */
export interface RecordedStub {
	port: number;
	/** `404 Not Found` */
	status?: string;
	headers?: Record<string, string>;
	body?: string | null;
	/** Seconds until it answers. */
	delay?: number;
	mode?: "silent" | "slow_body" | "short_body" | "close" | "plain_http";
}

/** Another agent of a recorded case. */
export interface RecordedPeer {
	port: number;
	flags: string[];
}

/** Writes the beginning of an answer with a longer body. */
function writePart(response: ServerResponse) {
	response.writeHead(200, {
		"Content-Type": "application/json",
		"Content-Length": "1000",
	});
	response.write('{"return_value":0,');
}

const modes: Record<string, (response: ServerResponse) => void> = {
	silent: () => {},
	slow_body: writePart,
	short_body: (response) => {
		writePart(response);
		response.socket?.end();
	},
	close: (response) => response.socket?.end(),
};

/** Starts the canned server of a case on a free port. */
export async function startStub(
	t: Pick<TestContext, "after">,
	stub: RecordedStub,
): Promise<Pick<NextHop, "port"> & { arrived: Arrived[] }> {
	const known = "port status headers body delay mode".split(" ");
	for (const key of Object.keys(stub))
		assert.ok(known.includes(key), `upstream_stub.${key}: not implemented`);
	const { status = "200", headers = {}, body, delay = 0, mode } = stub;
	if (mode === "plain_http") {
		const answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
		const plain = await listening(t, (socket) => {
			socket.once("data", () => socket.end(answer));
		});
		return { ...plain, arrived: [] };
	}
	const special = mode === undefined ? undefined : modes[mode];
	assert.ok(mode === undefined || special, `mode ${mode}: not implemented`);
	return answering(t, async (response) => {
		if (special) return special(response);
		await pause(delay * 1000, undefined, { ref: false });
		response.writeHead(Number.parseInt(status, 10), headers);
		response.end(body ?? undefined);
	});
}

/** Recorded addresses and ports, and their replacements in this run. */
export type Places = ReadonlyMap<string, string>;

/** A loopback address on which the default port is free, as that port cannot be chosen. */
export const ownLoopback = () =>
	`127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`;

/** Replaces addresses that tests must not reach: a port on this machine that refuses connections. */
export const unreachable = async (): Promise<[string, string]> => [
	"10.255.255.1:6777",
	`127.0.0.1:${await freePort()}`,
];

/** Replaces the addresses in a recorded text, also inside base64. */
export function placed(text: string, places: Places): string {
	let changed = text;
	for (const [recorded, here] of places)
		changed = changed.replaceAll(recorded, here);
	return changed.replace(
		/("request_json": ?")([A-Za-z0-9+/]+=*)(")/g,
		(whole, before: string, coded: string, after: string) => {
			const inner = Buffer.from(coded, "base64").toString("utf8");
			const moved = placed(inner, places);
			if (moved === inner) return whole;
			return before + Buffer.from(moved).toString("base64") + after;
		},
	);
}

const fromJson = (text: string): unknown => JSON.parse(text);

/** Checks the requests to the stub against the case. */
export function assertArrived(
	expected: readonly {
		method: string;
		path: string;
		headers: Record<string, string>;
		body: string;
	}[],
	arrived: readonly Arrived[],
) {
	assert.deepEqual(
		arrived.map(({ method, path }) => `${method} ${path}`),
		expected.map(({ method, path }) => `${method} ${path}`),
	);
	for (const [index, { path, headers, body }] of expected.entries()) {
		const found = arrived[index];
		assert.ok(found);
		for (const [name, value] of Object.entries(headers))
			assert.equal(found.headers[name], value, name);
		const text = found.body.toString("utf8");
		if (path === "/proxy") assert.deepEqual(fromJson(text), fromJson(body));
		else assert.equal(text, body);
	}
}

import assert from "node:assert/strict";
import { connect } from "node:tls";
import { fixtures } from "./agent.ts";
import type { RecordedRequest } from "./conformance.ts";
import { type Received, type Sent, send } from "./https.ts";
import { type Places, placed } from "./upstream.ts";

/** Joins the chunks of a body. */
function unchunked(body: Buffer): Buffer {
	const end = body.indexOf("\r\n");
	const size = Number.parseInt(body.toString("latin1", 0, end), 16);
	assert.ok(size >= 0, "a chunk has no size");
	if (size === 0) return Buffer.alloc(0);
	const rest = body.subarray(end + 2);
	return Buffer.concat([
		rest.subarray(0, size),
		unchunked(rest.subarray(size + 2)),
	]);
}

/** Sends a request byte for byte, as node:https would change it. */
async function sendRaw(sent: Sent, version: string): Promise<Received> {
	const { host, port, method, path, headers = {}, body = "" } = sent;
	assert.equal(sent.localAddress, undefined, "source_ip of a raw request");
	const socket = connect({ host, port, rejectUnauthorized: false });
	const fields = { Host: `${host}:${port}`, Connection: "close", ...headers };
	const lines = Object.entries(fields).map(
		([name, value]) => `${name}: ${value}`,
	);
	socket.write(`${method} ${path} ${version}\r\n${lines.join("\r\n")}\r\n\r\n`);
	socket.write(body);
	const chunks: Buffer[] = [];
	for await (const chunk of socket) chunks.push(chunk as Buffer);
	const answer = Buffer.concat(chunks);
	const gap = answer.indexOf("\r\n\r\n");
	const [start = "", ...rest] = answer.toString("latin1", 0, gap).split("\r\n");
	const answered = Object.fromEntries(
		rest.map((line) => {
			const colon = line.indexOf(":");
			return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
		}),
	);
	const coded = answer.subarray(gap + 4);
	const plain =
		answered["transfer-encoding"] === "chunked" ? unchunked(coded) : coded;
	const text = plain.toString("utf8");
	const isJson = /json/.test(answered["content-type"] ?? "");
	return {
		status: Number(/^HTTP\/1\.[01] (\d{3}) /.exec(start)?.[1]),
		headers: answered,
		body: plain,
		text,
		json: isJson ? JSON.parse(text) : undefined,
	};
}

/**
 * Sends a recorded request to an agent; `values` replace `${name}` in it, `places` has the
 * addresses of its other servers.
 */
export async function sendRecorded(
	request: RecordedRequest,
	port: number,
	values: Readonly<Record<string, string>>,
	places: Places = new Map(),
): Promise<Received> {
	const all = new Map([...places, [":16777", `:${port}`]]);
	const fill = (text: string) =>
		placed(text.replaceAll("@FIXTURES@", fixtures), all).replace(
			/\$\{(\w+)\}/g,
			(_, name: string) => {
				const value = values[name];
				return value ?? assert.fail(`nothing was captured as ${name}`);
			},
		);
	const { body_repeat: long, hosthdr } = request;
	const body = long
		? long.prefix + long.repeat.repeat(long.count) + long.suffix
		: request.body;
	const sent: Sent = {
		port,
		host: request.host ?? "127.0.0.1",
		method: request.method,
		path: fill(request.path),
		headers: { ...request.headers, ...(hosthdr && { Host: fill(hosthdr) }) },
		...(body !== undefined && { body: fill(body) }),
		...(request.source_ip && { localAddress: request.source_ip }),
	};
	const raw = request.http_version || "Transfer-Encoding" in request.headers;
	return raw ? sendRaw(sent, request.http_version ?? "HTTP/1.1") : send(sent);
}

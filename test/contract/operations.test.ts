import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { parse } from "yaml";
import { permissions } from "../../generated/permissions.ts";
import type { Replied } from "../../src/http/reply.ts";
import { startTestAgent } from "../support/agent.ts";
import { freePort } from "../support/free-port.ts";
import { post, type Received, send } from "../support/https.ts";
import { listening } from "../support/next-hop.ts";
import {
	checkReply,
	type Declared,
	declaredOperations,
} from "../support/reply-check.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { wholeFile } from "../support/whole-file.ts";

const document = parse(readFileSync("openapi.yaml", "utf8")) as {
	info: { version: string };
	paths: Record<string, Record<string, unknown>>;
};

/** The example of a request body or reply, if the document has one. */
function exampleOf(declared: Declared, ...steps: string[]): unknown {
	const operation =
		document.paths[declared.path]?.[declared.method.toLowerCase()];
	let node = operation as Record<string, unknown> | undefined;
	for (const step of steps) {
		const next = node?.[step] as { $ref?: string } | undefined;
		node = next?.$ref
			? (next.$ref
					.split("/")
					.slice(1)
					.reduce<unknown>(
						(inner, name) => (inner as Record<string, unknown>)[name],
						document,
					) as Record<string, unknown>)
			: (next as Record<string, unknown> | undefined);
	}
	return node?.example;
}

const requestExample = (declared: Declared) =>
	exampleOf(declared, "requestBody", "content", "application/json") as
		| Record<string, unknown>
		| undefined;

const pathOf = ({ path }: Declared) => path.replace("{key}", "s-1498112479");

/** Converts an answer from the wire for checkReply. */
function replied({ status, headers, text, json }: Received): Replied {
	const type = String(headers["content-type"] ?? "").split(";", 1)[0];
	return {
		status,
		...(type && { type }),
		headers: headers as Record<string, string>,
		body: type?.endsWith("json") ? json : text,
	};
}

const answered = new Map<string, Set<string>>();

/** Sends a request to an operation and checks the answer on the wire against the contract. */
async function ask(
	declared: Declared,
	port: number,
	body?: unknown,
	more: { localAddress?: string; headers?: Record<string, string> } = {},
) {
	const received = await send({
		port,
		method: declared.method,
		path: pathOf(declared),
		...(body !== undefined && {
			body: typeof body === "string" ? body : JSON.stringify(body),
		}),
		...more,
	});
	checkReply(declared.operationId, replied(received));
	const statuses = answered.get(declared.operationId) ?? new Set();
	const status = String(received.status);
	// an undeclared status is a relayed one
	statuses.add(declared.replies.has(status) ? status : "default");
	answered.set(declared.operationId, statuses);
	return received;
}

const operation = (id: string) => {
	const found = declaredOperations.find((o) => o.operationId === id);
	assert.ok(found, id);
	return found;
};

/** A client that does not wait for its turn. */
const hurried = { headers: { "happo-milliseconds-left": "1" } };

const counting = { "enable-requeststatus-middleware": true };

const file = wholeFile();

/** An agent that is started for the first test, and shared by all. */
function shared(...parts: Tail<Parameters<typeof startTestAgent>>) {
	let started: ReturnType<typeof startTestAgent> | undefined;
	return () => {
		started ??= startTestAgent(file, ...parts);
		return started;
	};
}
type Tail<T extends readonly unknown[]> = T extends [unknown, ...infer R]
	? R
	: never;

const plainAgent = shared();
const faultyAgent = shared(counting, () => {
	throw new Error("a fault");
});
const strictAgent = shared({ "max-body-bytes": 4096 });
const smallAgent = shared({ "max-buffered-bytes": 4096 });
const quickAgent = shared({ "command-timeout": 1 });

/** An agent whose policy permits everything in the examples, but each only once an hour. */
const ruledAgent = (() => {
	let started: ReturnType<typeof startTestAgent> | undefined;
	return () => {
		started ??= (async () => {
			const policy = join(await temporaryDirectory(file), "policy.yaml");
			await writeFile(
				policy,
				`version: 1
mode: enforce
ping: rules
who: { all: { address: 127.0.0.1 } }
commands:
  procs: { run: [check_procs, -w, "100", -c, "200"] }
  uname: { run: [uname, -a], for: inventory }
rules:
${permissions.map((name) => `  - { who: all, may: ${name}, rate: 1/h${name === "relay" ? ', to: ["198.51.100.1:6777"]' : ""}${["check", "inventory"].includes(name) ? ', commands: "*"' : ""} }`).join("\n")}
`,
			);
			return startTestAgent(file, {
				policy,
				"allowed-hosts": ["127.0.0.2"],
			});
		})();
		return started;
	};
})();

describe("the contract", () => {
	for (const declared of declaredOperations) {
		const { operationId, method, path } = declared;
		const example = requestExample(declared);

		it(`${operationId}: its examples match its schemas`, async () => {
			for (const [status, { content }] of declared.replies)
				for (const type of Object.keys(content)) {
					const reply = exampleOf(
						declared,
						"responses",
						status,
						"content",
						type,
					);
					if (reply === undefined || status === "default") continue;
					const headers = { "Retry-After": "5", Location: "/status" };
					checkReply(operationId, {
						status: Number(status),
						type,
						body: reply,
						headers,
					});
				}
		});

		it(`${operationId}: ${method} ${path} answers the example with a declared status`, async () => {
			const { port } = await plainAgent();
			const { status } = await ask(declared, port, example);
			assert.notEqual(status, 500);
			assert.notEqual(status, 501);
		});

		it(`${operationId}: refuses a peer that is not allowed`, async () => {
			const { port } = await plainAgent();
			const denied = await ask(declared, port, example, {
				localAddress: "127.0.0.2",
			});
			assert.equal(denied.status, 403);
			assert.equal(denied.text, "Access Denied\n");
			assert.equal(denied.headers["content-type"], "text/plain; charset=utf-8");
		});

		it(`${operationId}: refuses a web page`, async () => {
			const { port } = await plainAgent();
			const page = await ask(declared, port, example, {
				headers: { origin: "https://example.net" },
			});
			assert.equal(page.status, 403);
			assert.match(page.text, /https:\/\/example\.net/);
		});

		it(`${operationId}: refuses a caller without the permission, and one that comes too often`, async () => {
			const { port } = await ruledAgent();
			const stranger = await ask(declared, port, example, {
				localAddress: "127.0.0.2",
			});
			assert.equal(stranger.status, 403);
			const { type, id } = stranger.json as Record<string, string>;
			assert.equal(type, "urn:happo:problem:not-permitted");
			assert.match(String(id), /^[\w-]{12}$/);
			// operations may share a permission
			await ask(declared, port, example, hurried);
			const { status, headers } = await ask(declared, port, example, hurried);
			assert.equal(status, 429);
			assert.match(String(headers["retry-after"]), /^\d+$/);
		});

		it(`${operationId}: an internal error is 500, logged, and hidden from the client`, async () => {
			const { port, lines } = await faultyAgent();
			const before = lines.length;
			// not the example's hop, which tests must not reach; nothing listens here
			const failed = await ask(declared, port, {
				...example,
				...(operationId === "relayRequest" && {
					proxy_hostport: ["127.0.0.1:1"],
				}),
			});
			assert.equal(failed.status, 500);
			const { detail } = failed.json as { detail: string };
			assert.equal(detail, "internal error");
			assert.match(
				lines.slice(before).join("\n"),
				/error internal error: Error: a fault/,
			);
		});

		if (!declared.body) {
			it(`${operationId}: HEAD answers like GET, without a body`, async () => {
				const { port } = await plainAgent();
				const get = await send({ port, path: pathOf(declared) });
				const head = await send({
					port,
					path: pathOf(declared),
					method: "HEAD",
				});
				assert.equal(head.status, get.status);
				assert.equal(head.headers["content-type"], get.headers["content-type"]);
				assert.equal(head.body.length, 0);
			});
			continue;
		}

		it(`${operationId}: refuses anything but a JSON object`, async () => {
			const { port } = await plainAgent();
			for (const body of [
				'{"a"',
				"{} {}",
				"[]",
				"5",
				'"text"',
				"\ufeff{}",
				'{"apikey":"\\u0000"}',
			]) {
				const refused = await ask(declared, port, body);
				assert.equal(refused.status, 400, body);
				const { detail } = refused.json as { detail: string };
				assert.match(detail, /^(body|apikey): /, body);
			}
		});

		it(`${operationId}: names each missing required field`, async () => {
			const { port } = await plainAgent();
			const required = (declared.body?.schema.required ?? []) as string[];
			for (const field of required) {
				const { [field]: removed, ...rest } = example ?? {};
				assert.notEqual(removed, undefined, `${field} is not in the example`);
				for (const body of [rest, { ...rest, [field]: { wrong: "type" } }]) {
					// any object has the right type for the required object
					if (field === "config" && body.config) continue;
					const refused = await ask(declared, port, body);
					assert.equal(refused.status, 400, JSON.stringify(body));
					const { detail } = refused.json as { detail: string };
					assert.ok(detail.startsWith(`${field}: `), detail);
				}
			}
		});

		it(`${operationId}: names fields of a wrong type`, async () => {
			const { port } = await plainAgent();
			const properties = declared.body?.schema.properties ?? {};
			for (const field of Object.keys(properties)) {
				const refused = await ask(declared, port, {
					...example,
					[field]: ["wrong", 5],
				});
				if (field === "metric_data" || field === "proxy_hostport")
					assert.match(refused.text, new RegExp(`${field}\\[\\d\\]`));
				else assert.match(refused.text, new RegExp(`"${field}: expected an? `));
				assert.equal(refused.status, 400, field);
			}
		});

		it(`${operationId}: ignores unknown fields and a query`, async () => {
			const { port } = await plainAgent();
			const plain = await ask(declared, port, example);
			const more = await send({
				port,
				method,
				path: `${path}?verbose=1`,
				body: JSON.stringify({ ...example, unknown: { deep: [null] } }),
			});
			assert.equal(more.status, plain.status);
		});

		it(`${operationId}: answers 413 to a body above the limit, 503 to too many at once`, async () => {
			const { port } = await strictAgent();
			const large = JSON.stringify({ ...example, pad: "x".repeat(8000) });
			const refused = await ask(declared, port, large);
			assert.equal(refused.status, 413);
			const small = await smallAgent();
			const busy = await ask(declared, small.port, large);
			assert.equal(busy.status, 503);
			assert.match(String(busy.headers["retry-after"]), /^\d+$/);
		});
	}

	it("runCheck: 500 by a real timeout", async () => {
		const { port } = await quickAgent();
		const timeout = await ask(operation("runCheck"), port, {
			plugin_name: "check_sleep",
			plugin_option: "8",
		});
		assert.equal(timeout.status, 500);
		assert.equal(
			timeout.headers["content-type"],
			"application/json; charset=UTF-8",
		);
	});

	it("runInventoryCommand: 200, 400 and 417 by real commands", async () => {
		const { port } = await quickAgent();
		const inventory = operation("runInventoryCommand");
		const run = async (command: string) =>
			(await ask(inventory, port, { command })).status;
		assert.equal(await run("true"), 200);
		assert.equal(await run("false"), 400);
		assert.equal(await run("sleep 8"), 417);
	});

	it("runCheck and runInventoryCommand: 503 if every place is taken", async (t) => {
		const { port } = await startTestAgent(t, {
			"max-commands": 1,
			"command-timeout": 1,
		});
		const slow = { plugin_name: "check_ignoreterm", plugin_option: "8" };
		const first = send({
			port,
			method: "POST",
			path: "/monitor",
			body: JSON.stringify(slow),
		});
		const refused = async (id: string) => {
			// the second one retries until the first has the place
			let second: Received;
			do
				second = await ask(operation(id), port, {
					plugin_name: "check_exit",
					plugin_option: "0",
					command: "true",
				});
			while (second.status === 200);
			assert.equal(second.status, 503);
			assert.match(String(second.headers["retry-after"]), /^\d+$/);
			assert.match(second.text, /max-commands/);
		};
		await Promise.all(["runCheck", "runInventoryCommand"].map(refused));
		assert.equal((await first).status, 500);
	});

	it("relayRequest: the next hop's answer, 500 and 504, from real next hops", async (t) => {
		const { port } = await startTestAgent(t, { "proxy-timeout-seconds": 1 });
		const next = await plainAgent();
		const relay = (hop: number, request_type: string, request: object) =>
			ask(operation("relayRequest"), port, {
				proxy_hostport: [`127.0.0.1:${hop}`],
				request_type,
				request_json: JSON.stringify(request),
			});
		const check = { plugin_name: "check_exit", plugin_option: "2" };
		const direct = await post(next.port, "/monitor", check);
		const relayed = await relay(next.port, "monitor", check);
		assert.equal(relayed.status, 200);
		assert.deepEqual(relayed.body, direct.body);
		const failed = await relay(await freePort(), "monitor", check);
		assert.equal(failed.status, 500);
		assert.match(failed.text, /"return_value":3,.*connection refused/);
		const silent = await listening(t, (socket) => socket.resume());
		const late = await relay(silent.port, "monitor", check);
		assert.equal(late.status, 504);
		assert.match(late.text, /"return_value":3,.*no answer within 1 second/);
	});

	it("getRequestStatus: 200 if requests are counted", async (t) => {
		const { port } = await startTestAgent(t, counting);
		const declared = operation("getRequestStatus");
		const first = await ask(declared, port, undefined);
		assert.deepEqual(first.json, { last1: null, last5: null });
		const counts = [{ url: "/status/request", counts: { "200": 1 } }];
		const second = await ask(declared, port, undefined);
		assert.deepEqual(second.json, { last1: counts, last5: counts });
	});

	it("exposeMetrics: the format requested by Accept", async () => {
		const { port } = await plainAgent();
		const declared = operation("exposeMetrics");
		for (const type of ["text/plain", "application/openmetrics-text"]) {
			const page = await ask(declared, port, undefined, {
				headers: { accept: type },
			});
			assert.ok(page.headers["content-type"]?.includes(type));
		}
	});

	it("machine states: 200 with those of v1's database", async (t) => {
		const dbfile = join(await temporaryDirectory(t), "db");
		await cp("test/fixtures/original-db", dbfile, { recursive: true });
		const { port } = await startTestAgent(t, { dbfile });
		const list = await ask(operation("listMachineStates"), port);
		const { keys } = list.json as { keys: string[] };
		assert.deepEqual(keys, ["s-1795342606", "s-1795342607"]);
		const read = {
			...operation("getMachineState"),
			path: `/machine-state/${keys[0]}`,
		};
		const one = await ask(read, port);
		assert.equal(one.status, 200);
		assert.match(one.text, /^\{"machineState":"\*+ w {2}\(/);
	});

	it("operations that need the store: 503 with the reason while it is unusable", async (t) => {
		const file = join(await temporaryDirectory(t), "file");
		await writeFile(file, "");
		const { port } = await startTestAgent(t, { dbfile: join(file, "db") });
		for (const id of [
			"listMachineStates",
			"getMachineState",
			"drainMetrics",
			"appendMetrics",
			"peekMetrics",
			"leaseMetrics",
			"listLeases",
			"releaseLease",
			"acknowledgeMetrics",
		]) {
			const declared = operation(id);
			const busy = await ask(declared, port, requestExample(declared));
			assert.equal(busy.status, 503, id);
			assert.match(busy.text, /the store cannot be used: .*not a directory/);
			assert.match(String(busy.headers["retry-after"]), /^\d+$/);
		}
		const check = { plugin_name: "check_exit", plugin_option: "0" };
		assert.equal((await ask(operation("runCheck"), port, check)).status, 200);
	});

	after(() => {
		const missing = declaredOperations.flatMap(({ operationId, replies }) =>
			[...replies.keys()]
				.filter((status) => !answered.get(operationId)?.has(status))
				.map((status) => `${operationId} ${status}`),
		);
		assert.deepEqual(missing, [], "declared, but never answered in this file");
	});
});

import assert from "node:assert/strict";
import { Agent } from "node:https";
import { describe, it } from "node:test";
import fc from "fast-check";
import { startTestAgent } from "../../support/agent.ts";
import { send } from "../../support/https.ts";
import {
	checkReply,
	type Declared,
	declaredOperations,
	resolved,
} from "../../support/reply-check.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

type Schema = Record<string, unknown>;

const byType: Record<string, (schema: Schema) => fc.Arbitrary<unknown>> = {
	null: () => fc.constant(null),
	boolean: () => fc.boolean(),
	integer: ({ minimum, maximum }) =>
		fc.integer({
			min: Number(minimum ?? -(2 ** 31)),
			max: Number(maximum ?? 2 ** 31),
		}),
	number: () => fc.double({ noNaN: true, noDefaultInfinity: true }),
	string: ({ pattern, minLength }) =>
		pattern === undefined
			? fc.string({ unit: "binary", minLength: Number(minLength ?? 0) })
			: fc.stringMatching(new RegExp(String(pattern))),
	array: ({ items, minItems, maxItems }) =>
		fc.array(anyOf(items), {
			minLength: Number(minItems ?? 0),
			maxLength: Number(maxItems ?? 4),
		}),
	object: (schema) => {
		const properties = (schema.properties ?? {}) as Schema;
		const named = Object.fromEntries(
			Object.entries(properties).map(([name, inner]) => [name, anyOf(inner)]),
		);
		const requiredKeys = (schema.required ?? []) as string[];
		const others = schema.additionalProperties;
		return others && typeof others === "object"
			? fc.dictionary(fc.string(), anyOf(others))
			: fc.record(named, { requiredKeys });
	},
};

/** Any value that a schema allows. */
function anyOf(schema: unknown): fc.Arbitrary<unknown> {
	const node = resolved(schema);
	if ("const" in node) return fc.constant(node.const);
	if (Array.isArray(node.enum)) return fc.constantFrom(...node.enum);
	const types = [node.type].flat() as string[];
	return fc.oneof(
		...types.map((type) => {
			const make = byType[type];
			if (!make) throw new Error(`no values for ${JSON.stringify(node)}`);
			return make(node);
		}),
	);
}

/** Any body that the operation's schema allows. */
function bodyOf({ operationId, body }: Declared): fc.Arbitrary<unknown> {
	const any = anyOf(body?.schema);
	// relays may only go to this machine, where nothing listens
	return operationId === "relayRequest"
		? any.map((made) => ({
				...(made as object),
				proxy_hostport: ["127.0.0.1:1"],
			}))
		: any;
}

const beyondSchema: Record<string, RegExp> = {
	runCheck: /plugin_name/,
	relayRequest: /"request_json"|\\u0000/,
};

describe("any valid body", { concurrency: false }, () => {
	for (const declared of declaredOperations) {
		const { operationId, method, path, body } = declared;
		it(`${operationId}: gets an answer of the contract, never 500`, async (t) => {
			// no plugins and no commands, so that only the generated body decides
			const { port, lines } = await startTestAgent(t, {
				"nagios-plugin-paths": [await temporaryDirectory(t)],
				inventory: false,
				shell: false,
			});
			const agent = new Agent({ keepAlive: true, maxSockets: 1 });
			t.after(() => agent.destroy());
			const holds = async (
				text: string | undefined,
				headers: Record<string, string>,
				key = "",
			) => {
				const answer = await send({
					port,
					method,
					path: path.replace("{key}", key),
					headers,
					agent,
					...(text !== undefined && { body: text }),
				});
				const type = String(answer.headers["content-type"] ?? "");
				checkReply(operationId, {
					status: answer.status,
					type: type.split(";", 1)[0] ?? "",
					headers: answer.headers as Record<string, string>,
					body: type.includes("json") ? answer.json : answer.text,
				});
				// a failed relay is a 500 by contract
				if (operationId !== "relayRequest")
					assert.notEqual(answer.status, 500, text);
				return answer.status;
			};
			const left = fc.oneof(
				fc.constant(undefined),
				fc.stringMatching(/^[0-9]{1,9}$/),
				fc.stringMatching(/^[ -~]*$/),
			);
			const headersOf = (value: string | undefined) =>
				value === undefined ? {} : { "Happo-Milliseconds-Left": value };

			if (body) {
				const anyJson = fc.oneof(fc.json(), fc.json({ stringUnit: "binary" }));
				await fc.assert(
					fc.asyncProperty(anyJson, left, async (text, value) => {
						await holds(text, headersOf(value));
					}),
					{ numRuns: 40 },
				);
				await fc.assert(
					fc.asyncProperty(bodyOf(declared), async (value) => {
						const status = await holds(JSON.stringify(value), {});
						// rules beyond the schema: NUL characters, names of plugins and
						// consumers, and what base64 is
						if (status === 400)
							assert.match(
								JSON.stringify(value),
								beyondSchema[operationId] ?? /\\u0000|"consumer"/,
							);
					}),
					{ numRuns: 40 },
				);
			} else {
				const key = !path.includes("{key}")
					? fc.constant("")
					: fc
							.string({
								unit: "binary",
								minLength: 1,
								maxLength: 300,
								size: "max",
							})
							.map(encodeURIComponent);
				await fc.assert(
					fc.asyncProperty(key, left, async (text, value) => {
						await holds(undefined, headersOf(value), text);
					}),
					{ numRuns: 40 },
				);
			}
			assert.doesNotMatch(lines.join("\n"), /internal error/);
		});
	}
});

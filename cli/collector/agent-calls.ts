import type { components } from "../../generated/schema.ts";
import type { Abandonment } from "../../src/abandonment.ts";
import { answerOffence, problemType } from "../../src/client/answer-check.ts";
import type { Exchange } from "../../src/client/exchange.ts";
import { toResponse } from "../../src/client/response.ts";
import { relayed, relayFailure } from "../../src/client/via.ts";
import { createFairLimit, type Taken } from "../../src/fair-limit.ts";
import type { AdviceOf } from "../../src/known-hosts.ts";
import { type Hop, hopText, toldMilliseconds } from "../../src/protocol/hop.ts";
import { NoAnswer } from "../../src/protocol/relay-error.ts";
import { HostFailure, refusal } from "../ctl/target/answer.ts";
import { untrustedCode } from "../ctl/target/connection.ts";

type Schemas = components["schemas"];

/**
 * Why a host's pass failed:
 * - `timeout`: no answer in time
 * - `unreachable`: no answer from the agent or from a bastion
 * - `untrusted`: the certificate could not be verified
 * - `consumer`: the agent does not have the consumer
 * - `v1`: the agent is v1 (Go), which has no leases
 * - `refused`: the agent refused the request
 * - `invalid`: the answer does not fit the contract, or the agent failed
 */
export const failureReasons = [
	"timeout",
	"unreachable",
	"untrusted",
	"consumer",
	"v1",
	"refused",
	"invalid",
] as const;

export type FailureReason = (typeof failureReasons)[number];

/** A call of an agent failed. The message is one line without the host's name. */
export class CallFailure extends Error {
	override name = "CallFailure";
	readonly reason: FailureReason;

	constructor(reason: FailureReason, message: string, cause?: unknown) {
		super(message, { cause });
		this.reason = reason;
	}
}

/** An agent, and the way to it. */
export interface Called {
	/** `web01:6777`. */
	readonly name: string;
	/** Bastions, nearest to the collector first, and the agent; never empty. */
	readonly hops: readonly Hop[];
}

/** What a lease brought, and the size of the answer. */
export interface Leased {
	answer: Schemas["LeasedMetrics"];
	bytes: number;
}

/** The operations that a collector needs. All throw CallFailure. */
export interface AgentCalls {
	lease(called: Called, consumer: string): Promise<Leased>;
	acknowledge(called: Called, consumer: string, batchId: string): Promise<void>;
	/** Takes metrics from v1 (Go), which deletes them at once. */
	drain(called: Called): Promise<Schemas["Metrics"] & { bytes: number }>;
}

/** Largest answer: an agent puts at most 8 MiB of values into a batch. */
export const maxAnswerBytes = 16 * 1024 * 1024;

/**
 * Memory for answers that are being received. The declared length is reserved before an answer
 * arrives, so a few agents that send large ones slowly would hold all of it: large answers have a
 * part of their own.
 */
const maxLargeAnswersBytes = 96 * 1024 * 1024;
const maxOtherAnswersBytes = 32 * 1024 * 1024;

/** Answers that are larger count as large. */
const largeAnswerBytes = 1024 * 1024;

const isV1 = (failure: HostFailure["failure"]) =>
	failure.reason === "unsupported";

/** The body of a refusal. */
function bodyOf(body: Buffer): unknown {
	const text = body.toString("utf8");
	try {
		return JSON.parse(text);
	} catch {
		return text;
	}
}

/**
 * Creates the calls. They go through connections that the exchange keeps, and cost no more than
 * they must: a collector makes hundreds of them a second.
 * @param parts.key sent with each call to a verified hop; "" is none
 */
export function createAgentCalls(parts: {
	exchangeTo: (hop: Hop) => Exchange;
	isVerified: (hop: Hop) => boolean;
	adviceOf?: AdviceOf | undefined;
	key: string;
	leaseSeconds: number;
	timeoutMilliseconds: number;
	/** Aborting it makes all calls fail. */
	signal: Abandonment;
}): AgentCalls {
	const { exchangeTo, isVerified, leaseSeconds, timeoutMilliseconds, signal } =
		parts;
	const memory = createFairLimit({ limit: maxOtherAnswersBytes });
	const largeMemory = createFairLimit({ limit: maxLargeAnswersBytes });

	const post = async (
		{ hops, name }: Called,
		path: "/metric" | "/metric/lease" | "/metric/ack",
		fields: Record<string, unknown>,
	): Promise<{ value: unknown; bytes: number }> => {
		const [first, ...rest] = hops;
		if (!first) throw new Error(`${name}: no way to it`);
		const apikey = isVerified(first) ? parts.key : "";
		const inner = Buffer.from(
			JSON.stringify(apikey === "" ? fields : { apikey, ...fields }),
		);
		const sent = { method: "POST", path, headers: {}, body: inner } as const;
		const outer =
			rest.length > 0
				? relayed(sent, rest, apikey === "" ? undefined : apikey)
				: sent;
		const taken: Taken[] = [];
		let wantedBytes = 0;
		let isOver = false;
		try {
			const answer = await exchangeTo(first).post({
				to: first,
				path: outer.path as typeof path | "/proxy",
				inner: path,
				body: outer.body,
				timeoutMilliseconds,
				toldMilliseconds: toldMilliseconds(timeoutMilliseconds),
				signal,
				client: "",
				reserve: (amount) => {
					wantedBytes += amount;
					const from = wantedBytes > largeAnswerBytes ? largeMemory : memory;
					const wanted = { client: hopText(first), amount };
					const part = from.tryAcquire(wanted);
					if (part) {
						taken.push(part);
						return undefined;
					}
					return from
						.acquire({ ...wanted, timeoutMilliseconds })
						.then((part) => {
							// the call may have failed while it waited
							if (isOver) part.release();
							else taken.push(part);
						});
				},
			});
			const failure =
				rest.length > 0 ? relayFailure(answer, sent, first) : undefined;
			if (failure) throw failure;
			const { status, body } = answer;
			if (status !== 200) {
				const told = bodyOf(body);
				const refused = refusal(toResponse(answer, name), told, path);
				throw problemType(told) === "urn:happo:problem:unknown-consumer"
					? new CallFailure(
							"consumer",
							`${refused.message}: add it to the agent's setting metric-consumers`,
						)
					: refused;
			}
			const value: unknown = JSON.parse(body.toString("utf8"));
			const offence = answerOffence(`POST ${path}`, value);
			if (offence !== undefined)
				throw new CallFailure(
					"invalid",
					`its answer does not fit the contract: ${offence}`,
				);
			return { value, bytes: body.length };
		} catch (error) {
			throw await advised(callFailure(error, name), first);
		} finally {
			isOver = true;
			for (const part of taken) part.release();
		}
	};

	/** Adds what to do about a certificate that is not trusted. */
	const advised = async (error: unknown, first: Hop) => {
		if (!(error instanceof CallFailure) || error.reason !== "untrusted")
			return error;
		const { code = "" } = ((error.cause as NoAnswer).cause ??
			{}) as NodeJS.ErrnoException;
		const advice = await parts.adviceOf?.(first, code, timeoutMilliseconds);
		return advice === undefined
			? error
			: new CallFailure("untrusted", `${error.message}; ${advice}`, error);
	};

	return {
		async lease(called, consumer) {
			const { value, bytes } = await post(called, "/metric/lease", {
				seconds: leaseSeconds,
				limit: batchSeconds,
				consumer,
			});
			const answer = value as Schemas["LeasedMetrics"];
			const { length = 0 } = answer.batch_id ?? {};
			if (length > maxIdCharacters || answer.batch_id === "")
				throw new CallFailure(
					"invalid",
					`its answer does not fit the contract: batch_id has ${length} characters`,
				);
			return { answer, bytes };
		},
		async acknowledge(called, consumer, batch_id) {
			await post(called, "/metric/ack", { batch_id, consumer });
		},
		async drain(called) {
			const { value, bytes } = await post(called, "/metric", {});
			return { ...(value as Schemas["Metrics"]), bytes };
		},
	};
}

/** Distinct seconds of arrival in a batch: the default of the contract. */
export const batchSeconds = 60;

/** Agents make ids of 24 characters. */
const maxIdCharacters = 200;

/** The failure for any error of a call; the error itself if nobody expected it. */
function callFailure(error: unknown, name: string): unknown {
	if (error instanceof CallFailure) return error;
	if (error instanceof SyntaxError)
		return new CallFailure("invalid", "its answer is not JSON", error);
	if (error instanceof HostFailure) {
		const { failure } = error;
		if (isV1(failure))
			return new CallFailure(
				"v1",
				"it has no leases: it is v1 (Go), or no agent; see --v1-drain",
				error,
			);
		return new CallFailure(
			failure.reason === "unreachable" || failure.reason === "refused"
				? failure.reason
				: "invalid",
			failure.message,
			error,
		);
	}
	if (error instanceof NoAnswer) {
		const { code = "" } = (error.cause ?? {}) as NodeJS.ErrnoException;
		const reason = error.isTimeout
			? "timeout"
			: untrustedCode.test(code)
				? "untrusted"
				: "unreachable";
		const own = error.message.startsWith(`${name}: `)
			? error.message.slice(name.length + 2)
			: error.message;
		return new CallFailure(reason, own, error);
	}
	return error;
}

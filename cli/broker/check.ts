import { AgentError } from "../../src/agent-error.ts";
import type { Exchange } from "../../src/client/exchange.ts";
import {
	createFairLimit,
	LimitReached,
	type Taken,
} from "../../src/fair-limit.ts";
import type { AdviceOf } from "../../src/known-hosts.ts";
import { unverifiedKey } from "../../src/protocol/api-key.ts";
import type { Destinations } from "../../src/protocol/destinations.ts";
import { type Hop, hopText } from "../../src/protocol/hop.ts";
import { RelayError } from "../../src/protocol/relay-error.ts";
import {
	type CheckOptions,
	type Place,
	parseCheckOptions,
} from "../check-happo/arguments.ts";
import { explainMissing } from "../check-happo/missing-plugin.ts";
import { printed } from "../check-happo/perfdata.ts";
import { checkRequest } from "../check-happo/request.ts";
import {
	agentError,
	oneLine,
	type Result,
	resultOf,
} from "../check-happo/result.ts";
import { UsageError } from "../program/arguments.ts";
import type { Figures, Outcome } from "./figures.ts";
import type { CheckFrame } from "./frame.ts";
import { createSharing, type Shared, withAge } from "./sharing.ts";

/** The outcome of a check; `elsewhere` says why nothing was run. */
export type CheckOutcome = Result | { elsewhere: string };

/** A check, and who asks for it. */
export interface Asked extends CheckFrame {
	/** The limits are shared out among users. */
	user: string;
	/** Whether the client is a worker of Nagios. */
	isWorker: boolean;
	signal: AbortSignal;
}

/** Runs checks for clients. */
export interface Checks {
	/** Rejects with the reason of an aborted signal; other failures are outcomes. */
	run(asked: Asked): Promise<CheckOutcome>;
	/** Number of checks that have not been answered yet. */
	readonly inFlight: number;
}

const unknown = 3;

/** Options that a client may give; for files, keys and verification the broker has its own. */
const clientOptions =
	/^--(host|port|proxy|plugin-name|plugin-option|timeout|perfdata-first-line)=/;

/**
 * Milliseconds added for each hop to the remaining time that the agents are told. The broker's own
 * timer must fire first, because an agent's answer at its deadline has another status than
 * check_happo's.
 */
const addedMilliseconds = 1_000;

/** The longest timer of Node. */
const maxMilliseconds = 2_147_483_000;

/** Limit for all answers that are being read. */
const maxAnswersBytes = 256 * 1024 * 1024;

/** Parses the words of a check. Returns the reason if a broker cannot run it. */
function optionsOf(words: readonly string[]): CheckOptions | string {
	const strange = words.find((word) => !clientOptions.test(word));
	if (strange !== undefined)
		return `not an option of a broker's client: ${strange.split("=", 1)[0]}`;
	try {
		return parseCheckOptions(words);
	} catch (error) {
		if (error instanceof UsageError) return error.message;
		throw error;
	}
}

const ownUnknown = (reason: string): Shared => ({
	output: `UNKNOWN(check_happo): ${oneLine(reason)}\n`,
	status: unknown,
	isAnswer: false,
});

/** Node's messages for a connection that is closed too early; both have the code ECONNRESET. */
const closed: Readonly<Record<string, string>> = {
	"socket hang up": "closed without an answer",
	aborted: "closed before the answer was complete",
};

/** Why an agent did not answer, in check_happo's words, without the name of the agent. */
function reasonOf({ message, cause }: RelayError, place: string): string {
	const reason = message.startsWith(`${place}: `)
		? message.slice(place.length + 2)
		: message;
	const { code = "", message: said = "" } = (cause ??
		{}) as Partial<NodeJS.ErrnoException>;
	return code.startsWith("HPE_")
		? "the answer is not HTTP"
		: (closed[said] ?? reason);
}

/**
 * Runs checks by asking agents.
 * @param parts.exchangeTo sends requests to a hop, over connections that are verified as it needs
 * @param parts.key sent with each check to hops that are verified; "" is none
 * @param parts.destinations the agents and bastions to which the broker may connect
 * @param parts.now a clock in milliseconds
 */
export function createChecks(parts: {
	exchangeTo: (hop: Hop) => Exchange;
	key: string;
	isVerified: (hop: Hop) => boolean;
	adviceOf?: AdviceOf | undefined;
	destinations: Destinations;
	freshMilliseconds: number;
	figures: Figures;
	now: () => number;
}): Checks {
	const { exchangeTo, key, isVerified, destinations, figures, now } = parts;
	const sharing = createSharing(parts);
	let inFlight = 0;
	const memory = createFairLimit({ limit: maxAnswersBytes });

	/** Sends one check, and returns how it ended. */
	const sent = async (
		options: CheckOptions,
		deadline: number,
		asked: Pick<Asked, "user" | "signal">,
	): Promise<{ result: Shared; outcome: Outcome }> => {
		const { to, path, body } = checkRequest(options, key);
		const seconds = options.timeoutMilliseconds / 1000;
		const limited = { client: asked.user, signal: asked.signal };
		const left = () => Math.max(1, deadline - now());
		const taken: Taken[] = [];
		try {
			figures.place(to.text);
			const answer = await exchangeTo(to).post({
				to,
				path,
				body: Buffer.from(body),
				timeoutMilliseconds: left(),
				toldMilliseconds:
					left() + addedMilliseconds * (2 + options.proxies.length),
				...limited,
				reserve: async (amount) => {
					taken.push(
						await memory.acquire({
							...limited,
							amount,
							timeoutMilliseconds: left(),
						}),
					);
				},
			});
			const result = explainMissing(resultOf(answer), options);
			return {
				result: { ...result, isAnswer: answer.status === 200 },
				outcome: "answered",
			};
		} catch (error) {
			asked.signal.throwIfAborted();
			return await failed(error, to, {
				...{ seconds, left: left(), signal: asked.signal },
			});
		} finally {
			for (const one of taken) one.release();
		}
	};

	/** The result of a check that got no answer. */
	const failed = async (
		error: unknown,
		to: Place,
		{
			seconds,
			left,
			signal,
		}: { seconds: number; left: number; signal: AbortSignal },
	): Promise<{ result: Shared; outcome: Outcome }> => {
		const cause = error instanceof RelayError ? error.cause : error;
		if (cause instanceof LimitReached || cause instanceof AgentError)
			return {
				result: ownUnknown(
					`the broker has too much to do: ${to.text} has no place within ${seconds} seconds (${cause.message})`,
				),
				outcome: "busy",
			};
		if (!(error instanceof RelayError)) throw error;
		const { code = "" } = (error.cause ?? {}) as NodeJS.ErrnoException;
		const advice = error.isTimeout
			? undefined
			: await parts.adviceOf?.(to, code, left, signal);
		const shown = error.isTimeout
			? `no answer within ${seconds} seconds`
			: [reasonOf(error, hopText(to)), advice].filter(Boolean).join("; ");
		return {
			result: { ...agentError(`${to.text}: ${shown}`), isAnswer: false },
			outcome: error.isTimeout ? "late" : "failed",
		};
	};

	return {
		get inFlight() {
			return inFlight;
		},
		async run({ words, millisecondsLeft, user, isWorker, signal }) {
			const begun = now();
			if (isWorker) figures.askedByWorker();
			const ended = (outcome: Outcome) => figures.ended(outcome, now() - begun);
			const options = optionsOf(words);
			if (typeof options === "string") {
				ended("elsewhere");
				return { elsewhere: options };
			}
			const forbidden = [...options.proxies, options.target].find(
				(hop) => !destinations.allows(hop),
			);
			if (forbidden) {
				ended("forbidden");
				return ownUnknown(
					`the broker does not go to ${forbidden.text} (its --hosts)`,
				);
			}
			const [first = options.target] = options.proxies;
			if (key !== "" && !isVerified(first)) {
				ended("forbidden");
				return ownUnknown(`${first.text}: ${unverifiedKey}`);
			}
			const { timeoutMilliseconds } = options;
			const milliseconds = Math.min(
				millisecondsLeft,
				timeoutMilliseconds || maxMilliseconds,
			);
			const { target, proxies, plugin, option } = options;
			const sameCheck = JSON.stringify([
				...[hopText(target), proxies.map(hopText)],
				...[plugin, option, timeoutMilliseconds],
			]);
			let outcome: Outcome | undefined;
			inFlight++;
			try {
				const result = await sharing.run(sameCheck, signal, async (running) => {
					const asked = { user, signal: running };
					const own = await sent(options, begun + milliseconds, asked);
					outcome = own.outcome;
					return own.result;
				});
				if (!outcome) figures.shared();
				ended(outcome ?? "answered");
				return printed({ ...result, output: withAge(result) }, options);
			} catch (error) {
				ended(signal.aborted ? "gone" : "failed");
				throw error;
			} finally {
				inFlight--;
			}
		},
	};
}

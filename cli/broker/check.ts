import { AgentError } from "../../src/agent-error.ts";
import type { Exchange } from "../../src/client/exchange.ts";
import {
	createFairLimit,
	LimitReached,
	type Taken,
} from "../../src/fair-limit.ts";
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

/** What becomes of a check; `elsewhere` is the reason why nothing was run. */
export type CheckOutcome = Result | { elsewhere: string };

/** Who asks, and until when. */
export interface Asked extends CheckFrame {
	/** Users share the limits. */
	user: string;
	/** Whether the client is a worker of Nagios. */
	isWorker: boolean;
	signal: AbortSignal;
}

/** Runs checks for clients. */
export interface Checks {
	/** Never throws, but for the signal's reason. */
	run(asked: Asked): Promise<CheckOutcome>;
	/** Checks that are asked for and not answered yet. */
	readonly inFlight: number;
}

const unknown = 3;

/** Options that a caller may give; all others concern the broker's own files, keys and trust. */
const callersOptions =
	/^--(host|port|proxy|plugin-name|plugin-option|timeout|perfdata-first-line)=/;

/**
 * Added for each hop to the time left that the agent is told, in milliseconds. The broker's own timer
 * must end first, because an agent that gives up answers with another status than check_happo.
 */
const addedMilliseconds = 1_000;

/** What a timer of Node can hold. */
const maxMilliseconds = 2_147_483_000;

/** Answers that are read at once. */
const maxAnswersBytes = 256 * 1024 * 1024;

/** What the caller asks for; the reason if that is nothing for a broker. */
function optionsOf(words: readonly string[]): CheckOptions | string {
	const strange = words.find((word) => !callersOptions.test(word));
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

/** Node's words for a connection that ends too early; the code of both is ECONNRESET. */
const closed: Readonly<Record<string, string>> = {
	"socket hang up": "closed without an answer",
	aborted: "closed before the answer was complete",
};

/** Why an agent did not answer, without the place, in the words of check_happo. */
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
 * @param parts.exchangeTo whom to believe at a hop decides which connections it has
 * @param parts.destinations which agents and bastions the broker goes to
 * @param parts.now a clock in milliseconds
 */
export function createChecks(parts: {
	exchangeTo: (hop: Hop) => Exchange;
	destinations: Destinations;
	freshMilliseconds: number;
	figures: Figures;
	now: () => number;
}): Checks {
	const { exchangeTo, destinations, figures, now } = parts;
	const sharing = createSharing(parts);
	let inFlight = 0;
	const memory = createFairLimit({ limit: maxAnswersBytes });

	/** Sends one check, and says how it ended. */
	const sent = async (
		options: CheckOptions,
		deadline: number,
		asked: Pick<Asked, "user" | "signal">,
	): Promise<{ result: Shared; outcome: Outcome }> => {
		const { to, path, body } = checkRequest(options);
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
			return failed(error, to, seconds);
		} finally {
			for (const one of taken) one.release();
		}
	};

	/** What a check comes to that has no answer. */
	const failed = (
		error: unknown,
		to: Place,
		seconds: number,
	): { result: Shared; outcome: Outcome } => {
		const cause = error instanceof RelayError ? error.cause : error;
		if (cause instanceof LimitReached || cause instanceof AgentError)
			return {
				result: ownUnknown(
					`the broker has too much to do: ${to.text} has no place within ${seconds} seconds (${cause.message})`,
				),
				outcome: "busy",
			};
		if (!(error instanceof RelayError)) throw error;
		const shown = error.isTimeout
			? `no answer within ${seconds} seconds`
			: reasonOf(error, hopText(to));
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
			const { timeoutMilliseconds } = options;
			const milliseconds = Math.min(
				millisecondsLeft,
				timeoutMilliseconds || maxMilliseconds,
			);
			const { target, proxies, plugin, option } = options;
			const key = JSON.stringify([
				...[hopText(target), proxies.map(hopText)],
				...[plugin, option, timeoutMilliseconds],
			]);
			let outcome: Outcome | undefined;
			inFlight++;
			try {
				const result = await sharing.run(key, signal, async (running) => {
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

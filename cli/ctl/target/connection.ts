import { isIP } from "node:net";
import { connect } from "node:tls";
import { createExchange, type Exchange } from "../../../src/client/exchange.ts";
import {
	type AgentClient,
	AgentRefused,
	AgentUnreachable,
	createAgentClient,
	OptionsError,
	type Trust,
	UnexpectedAnswer,
} from "../../../src/client/index.ts";
import { type Hop, hopText } from "../../../src/protocol/hop.ts";
import { UsageError } from "../../program/arguments.ts";
import {
	type Failure,
	HostFailure,
	isUnsupported,
	senseless,
} from "./answer.ts";
import type { Target } from "./targets.ts";
import { peerOf } from "./trust.ts";

/** How every agent is reached. */
export interface ConnectionOptions {
	trust: (target: Target) => Trust;
	timeoutMilliseconds: number;
	apiKey: string;
}

/** What the client calls its options, in the words of the command line. */
const trustFlags: Readonly<Record<string, string>> = {
	"trust: ca": "--ca-file",
	"trust: certificate": "--certificate",
	"trust: key": "--private-key",
};

/**
 * Makes something of certificates and keys.
 * @throws UsageError for those that cannot be used
 */
function usable<T>(make: () => T): T {
	try {
		return make();
	} catch (error) {
		if (!(error instanceof OptionsError)) throw error;
		const { option, reason } = error;
		throw new UsageError(`${trustFlags[option] ?? option}: ${reason}`);
	}
}

/**
 * A client for one agent; close it.
 * @throws UsageError for certificates and keys that cannot be used
 */
export const connectTo = (
	target: Target,
	{ trust, timeoutMilliseconds, apiKey }: ConnectionOptions,
): AgentClient =>
	usable(() =>
		createAgentClient({
			agent: target.name,
			via: target.via.map(hopText),
			trust: trust(target),
			timeoutMilliseconds,
			checkAnswers: true,
			...(apiKey !== "" && { apiKey }),
		}),
	);

/** The longest answer to a check, as check_happo has it. */
const maxAnswerBytes = 64 * 1024 * 1024;

/**
 * Kept connections to all agents, a pool for each way to verify one.
 * @param fingerprint of hops whose certificate is known
 * @param maxRequests at once
 * @throws UsageError for certificates and keys that cannot be used
 */
export function exchanges(
	trust: (target: Target) => Trust,
	fingerprint: (hop: Hop) => string | undefined,
	maxRequests: number,
): { to(hop: Hop): Exchange; close(): void } {
	const pools = new Map<Trust, Exchange>();
	const to = (hop: Hop) => {
		const believed = trust({ name: hopText(hop), agent: hop, via: [] });
		const pool =
			pools.get(believed) ??
			usable(() =>
				createExchange({
					trust: believed,
					...{ fingerprint, maxAnswerBytes, maxRequests },
				}),
			);
		pools.set(believed, pool);
		return pool;
	};
	// certificates that cannot be used are told of at the start
	to({ host: "192.0.2.1", port: 1 });
	return {
		to,
		close: () => {
			for (const pool of pools.values()) pool.close();
		},
	};
}

/** The code of what was behind it: Node's, OpenSSL's or `FINGERPRINT`. */
const codeOf = ({ cause }: AgentUnreachable) =>
	(cause as NodeJS.ErrnoException | undefined)?.code ?? "";

// what OpenSSL and Node call a certificate they do not believe. Not the alerts of
// the other end (ERR_SSL_...): it is ours then that is not believed
const untrustedCode =
	/^(?!ERR_SSL_).*(CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME)|^FINGERPRINT$/;

/** The reason of an unbelievable certificate, its fingerprint, and what to do: one line. */
async function untrusted(
	message: string,
	code: string,
	target: Target,
	timeoutMilliseconds: number,
): Promise<Failure> {
	// one that was given and is not theirs: nobody is told to give another
	if (code === "FINGERPRINT") return { reason: "untrusted", message };
	const peer = peerOf(target);
	const seen = await seenFingerprint(peer, timeoutMilliseconds);
	const advice = seen
		? `; if SHA-256 ${seen} is known to be its fingerprint, give it with --fingerprint, otherwise its CA with --ca-file`
		: "; see --ca-file and --fingerprint";
	return { reason: "untrusted", message: `${message}${advice}` };
}

/** What an error of the work on one host tells about it; undefined if it is none of these. */
export async function failureOf(
	error: unknown,
	target: Target,
	timeoutMilliseconds: number,
): Promise<Failure | undefined> {
	if (error instanceof HostFailure) return error.failure;
	// the host stands in front of every message as it is
	const own = (message: string) =>
		message.startsWith(`${target.name}: `)
			? message.slice(target.name.length + 2)
			: message;
	if (error instanceof AgentRefused)
		return {
			reason: isUnsupported(error) ? "unsupported" : "refused",
			status: error.status,
			message: own(error.message),
		};
	if (error instanceof UnexpectedAnswer)
		return senseless(error.status, error.offence).failure;
	if (error instanceof AgentUnreachable) {
		const message = own(error.message);
		const code = codeOf(error);
		// what a bastion says of the next hop has no code: its certificate is the bastion's business
		return untrustedCode.test(code)
			? untrusted(message, code, target, timeoutMilliseconds)
			: { reason: "unreachable", message };
	}
	return undefined;
}

/**
 * The SHA-256 of the certificate that somebody shows who is not believed. Shakes
 * hands and hangs up; undefined if that is not possible.
 */
export function seenFingerprint(
	{ host, port }: Hop,
	timeoutMilliseconds: number,
): Promise<string | undefined> {
	return new Promise((resolve) => {
		const socket = connect({
			host,
			port,
			// shown to a person, who decides; nothing is sent
			rejectUnauthorized: false,
			...(isIP(host) === 0 && { servername: host }),
		});
		const end = (seen: string | undefined) => {
			socket.destroy();
			resolve(seen);
		};
		socket.setTimeout(timeoutMilliseconds, () => end(undefined));
		socket.once("error", () => end(undefined));
		socket.once("secureConnect", () =>
			end(socket.getPeerCertificate().fingerprint256),
		);
	});
}

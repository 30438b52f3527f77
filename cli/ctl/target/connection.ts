import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { connect } from "node:tls";
import type { Abandonment } from "../../../src/abandonment.ts";
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
import type { KnownHosts } from "../../../src/known-hosts.ts";
import { type Hop, hopText } from "../../../src/protocol/hop.ts";
import type { Pin } from "../../../src/protocol/pin.ts";
import { UsageError } from "../../program/arguments.ts";
import {
	type Failure,
	HostFailure,
	isUnsupported,
	senseless,
} from "./answer.ts";
import type { Target } from "./targets.ts";
import { peerOf } from "./trust.ts";

/** How to reach agents. */
export interface ConnectionOptions {
	trust: (target: Target) => Trust;
	timeoutMilliseconds: number;
	apiKey: string;
}

/** Flags for the client's options. */
const trustFlags: Readonly<Record<string, string>> = {
	"trust: ca": "--ca-file",
	"trust: certificate": "--certificate",
	"trust: key": "--private-key",
};

/**
 * Calls a function that uses certificates and keys, and names the flag if one is invalid.
 * @throws UsageError for invalid certificates and keys
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
 * Creates a client for one agent; the caller closes it.
 * @throws UsageError for invalid certificates and keys
 */
export const connectTo = (
	target: Target,
	{ trust, timeoutMilliseconds, apiKey }: ConnectionOptions,
): AgentClient =>
	usable(() =>
		createAgentClient({
			agent: target.name,
			via: target.via.map(hopText),
			trust: target.adminSocket ? "unverified" : trust(target),
			timeoutMilliseconds,
			checkAnswers: true,
			...(target.adminSocket
				? { adminSocket: target.adminSocket }
				: apiKey !== "" && { apiKey }),
		}),
	);

/** Limit for an answer, the same as in check_happo. */
const maxAnswerBytes = 64 * 1024 * 1024;

/**
 * Creates persistent connections to all agents: one pool for each way to verify an agent.
 * @param pin returns what verifies a hop that is known; undefined for others
 * @param maxRequests maximum number of requests at a time; undefined: the program limits them
 * @throws UsageError for invalid certificates and keys
 */
export function exchanges(
	trust: (target: Target) => Trust,
	pin: (hop: Hop) => Pin | undefined,
	maxRequests: number | undefined,
	limits: Partial<
		Pick<
			Parameters<typeof createExchange>[0],
			"maxAnswerBytes" | "maxConnections" | "kept"
		>
	> = {},
): {
	to(hop: Hop): Exchange;
	/** Whether the certificate of a hop is verified or pinned. */
	isVerified(hop: Hop): boolean;
	/** Closes the connections to a hop, because it has to be verified in another way now. */
	forget(hop: Hop): void;
	close(): void;
} {
	const pools = new Map<Trust, Exchange>();
	const trustOf = (hop: Hop) =>
		trust({ name: hopText(hop), agent: hop, via: [] });
	const to = (hop: Hop) => {
		const verified = trustOf(hop);
		const pool =
			pools.get(verified) ??
			usable(() =>
				createExchange({
					trust: verified,
					...{ pin, maxAnswerBytes, maxRequests, ...limits },
				}),
			);
		pools.set(verified, pool);
		return pool;
	};
	// report invalid certificates at once
	to({ host: "192.0.2.1", port: 1 });
	return {
		to,
		isVerified: (hop) =>
			pin(hop) !== undefined || trustOf(hop) !== "unverified",
		forget: (hop) => to(hop).forget(hop),
		close: () => {
			for (const pool of pools.values()) pool.close();
		},
	};
}

/** The code of the cause: Node's, OpenSSL's or `FINGERPRINT`. */
const codeOf = ({ cause }: AgentUnreachable) =>
	(cause as NodeJS.ErrnoException | undefined)?.code ?? "";

// codes of OpenSSL and Node for a certificate that fails verification, but not the alerts of the
// other end (ERR_SSL_...): with those, the other end rejects our certificate
export const untrustedCode =
	/^(?!ERR_SSL_).*(CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME)|^FINGERPRINT$/;

/** Why a certificate is not trusted, its fingerprint and what to do, in one line. */
async function untrusted(
	message: string,
	code: string,
	target: Target,
	{ timeoutMilliseconds, known, signal }: Advising,
): Promise<Failure> {
	// do not suggest replacing a pin that failed
	if (code === "FINGERPRINT") return { reason: "untrusted", message };
	const peer = peerOf(target);
	const seen = await seenCertificate(peer, timeoutMilliseconds, signal);
	const advice = seen
		? `; ${known.advice(peer, seen)}; or use --fingerprint, or give its CA with --ca-file`
		: "; see --ca-file, --known-hosts and --fingerprint";
	return { reason: "untrusted", message: `${message}${advice}` };
}

/** What advice about a certificate needs. */
interface Advising {
	timeoutMilliseconds: number;
	known: Pick<KnownHosts, "advice">;
	/** Nobody waits for the advice any more. */
	signal?: Abandonment | undefined;
}

/**
 * Why a certificate was not trusted by a service, in one line with what to do; undefined if there is
 * nothing to add to the reason.
 * @param code of the error
 */
export async function unknownHostAdvice(
	hop: Hop,
	code: string,
	{ timeoutMilliseconds, known, signal }: Advising,
): Promise<string | undefined> {
	if (code === "FINGERPRINT" || !untrustedCode.test(code)) return undefined;
	const seen = await seenCertificate(hop, timeoutMilliseconds, signal);
	return seen && known.advice(hop, seen);
}

/** Turns an error of the work on one host into a failure; undefined for unexpected errors. */
export async function failureOf(
	error: unknown,
	target: Target,
	advising: Advising,
): Promise<Failure | undefined> {
	if (error instanceof HostFailure) return error.failure;
	// the name of the host is printed before every message anyway
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
		// errors that a bastion reports about the next hop have no code: only the bastion can trust
		// that hop's certificate
		return untrustedCode.test(code)
			? untrusted(message, code, target, advising)
			: { reason: "unreachable", message };
	}
	return undefined;
}

/**
 * A certificate that is not trusted. Makes a TLS handshake and closes
 * the connection; undefined if that fails, or if the signal aborts.
 */
function seenCertificate(
	{ host, port }: Hop,
	timeoutMilliseconds: number,
	signal?: Abandonment,
): Promise<X509Certificate | undefined> {
	return new Promise((resolve) => {
		if (signal?.aborted) return resolve(undefined);
		const socket = connect({
			host,
			port,
			// the user sees the fingerprint and decides; no request is sent
			rejectUnauthorized: false,
			...(isIP(host) === 0 && { servername: host }),
		});
		const giveUp = () => end(undefined);
		const end = (seen: X509Certificate | undefined) => {
			signal?.removeEventListener("abort", giveUp);
			socket.destroy();
			resolve(seen);
		};
		signal?.addEventListener("abort", giveUp);
		socket.setTimeout(timeoutMilliseconds, giveUp);
		socket.once("error", giveUp);
		socket.once("secureConnect", () => end(socket.getPeerX509Certificate()));
	});
}

import type { ShownCertificate } from "../protocol/pin.ts";

/** Text of a PEM file, or its bytes. */
export type Pem = string | Uint8Array;

/**
 * How to verify the other end. `"unverified"` accepts any certificate, as clients of v1 do. An
 * object verifies the certificate: `{}` against the CAs that Node knows.
 */
export type Trust =
	| "unverified"
	| {
			/** The CAs to verify against, instead of those that Node knows. */
			ca?: Pem | undefined;
			/**
			 * SHA-256 fingerprint of the certificate of the first hop, which is the agent or the first
			 * bastion: 32 bytes in hexadecimal, with or without colons; or that of its public key, which
			 * a renewed certificate may keep: `sha256//` and base64, as curl's --pinnedpubkey takes it.
			 * Replaces the verification of chain and name.
			 */
			fingerprint?: string | undefined;
			/**
			 * Verifies the certificate of the first hop, in place of chain, name and `fingerprint`: returns
			 * in one line why it is not the right one, undefined if it is. Called for each connection,
			 * before anything is sent.
			 */
			verify?:
				| ((certificate: ShownCertificate) => string | undefined)
				| undefined;
			/** Client certificate for servers that ask for one. */
			certificate?: Pem | undefined;
			/** Private key of `certificate`. */
			key?: Pem | undefined;
			/** Passphrase of an encrypted `key`. */
			passphrase?: string | undefined;
	  };

/** How to reach an agent. */
export interface AgentOptions {
	/** `HOST`, `HOST:PORT` or `[ADDRESS]:PORT`; the default port is 6777. */
	agent: string;
	/** Bastions in front of it, written like `agent`, nearest to the client first. */
	via?: readonly string[] | undefined;
	/**
	 * Path of the admin socket of the agent on this host, to connect to instead of `agent` over TLS.
	 * `agent` is then only a name in messages; `via` and `apiKey` must not be given.
	 */
	adminSocket?: string | undefined;
	/** There is no default: leaving certificates unverified must be a decision. */
	trust: Trust;
	/** Limit for a whole call including retries: 1 to 999,999,999, default 60,000. */
	timeoutMilliseconds?: number | undefined;
	/**
	 * Number of retries after network errors, default 2. Idempotent calls are retried (`GET`,
	 * `/metric/peek`, `/metric/ack`), other calls only if no byte was sent. An answer is never
	 * retried, whatever its status.
	 */
	retries?: number | undefined;
	/**
	 * The client's key: visible ASCII characters without blanks. Sent as `apikey` in bodies that have
	 * none, and with GET in an Authorization header; bastions pass on bodies, but no headers, so that
	 * a GET through them has a key for the first bastion only. Needs a `trust` that verifies: a key
	 * is only sent to an agent whose certificate is verified or pinned. Bastions can read it.
	 */
	apiKey?: string | undefined;
	/**
	 * Reject with UnexpectedAnswer if the data of an answer has wrong types or lacks required
	 * fields. Default false: an agent that is older than this client may lack a field.
	 */
	checkAnswers?: boolean | undefined;
	/** Limit for the size of an answer in bytes, default 67,108,864 (64 MiB). */
	maxAnswerBytes?: number | undefined;
}

/** How to reach a management server. */
export interface ManagementOptions {
	/** Scheme (`https` or `http`), host, port and an optional path in front of `/manage`. */
	endpoint: string;
	/** The CAs to verify an `https` endpoint against, instead of those that Node knows. */
	ca?: Pem | undefined;
	/** Reject with UnexpectedAnswer if an answer does not fit the contract, as for agents. */
	checkAnswers?: boolean | undefined;
	/** Limit for a whole call: 1 to 999,999,999, default 60,000. */
	timeoutMilliseconds?: number | undefined;
	/**
	 * Has `http_proxy`, `https_proxy` and `no_proxy`; usually the environment of the process.
	 * Without it, the client uses no proxy.
	 */
	environment?: Readonly<Record<string, string | undefined>> | undefined;
}

/** An invalid option. */
export class OptionsError extends TypeError {
	override name = "OptionsError";
	/** Name of the option: `via[0]`, `trust: ca`. */
	readonly option: string;
	/** What is wrong with it. */
	readonly reason: string;

	constructor(option: string, reason: string, why: { cause?: unknown } = {}) {
		super(`${option}: ${reason}`, why);
		this.option = option;
		this.reason = reason;
	}
}

const maxMilliseconds = 999_999_999;

/** Checks `timeoutMilliseconds`; throws OptionsError. */
export function timeLimit(milliseconds = 60_000): number {
	if (milliseconds >= 1 && milliseconds <= maxMilliseconds) return milliseconds;
	throw new OptionsError(
		"timeoutMilliseconds",
		`not between 1 and ${maxMilliseconds}: ${milliseconds}`,
	);
}

/** Text of a PEM file, or its bytes. */
export type Pem = string | Uint8Array;

/**
 * Whom to believe at the other end. `"unverified"` believes anyone who answers,
 * as clients of the original do. An object verifies: `{}` against the CAs that
 * Node knows.
 */
export type Trust =
	| "unverified"
	| {
			/** The CAs to verify against, in the place of those that Node knows. */
			ca?: Pem | undefined;
			/**
			 * SHA-256 of the certificate of the first hop, which is the agent or the
			 * first bastion: 32 bytes in hexadecimal, colons or not. Stands in the place
			 * of the chain and the name.
			 */
			fingerprint?: string | undefined;
			/** What to show a server that asks for a client certificate. */
			certificate?: Pem | undefined;
			/** Private key of `certificate`. */
			key?: Pem | undefined;
			/** Of an encrypted `key`. */
			passphrase?: string | undefined;
	  };

/** How to reach an agent. */
export interface AgentOptions {
	/** `HOST`, `HOST:PORT` or `[ADDRESS]:PORT`; the port is 6777 where it is left out. */
	agent: string;
	/** Bastions in front of it, written like `agent`, the nearest first. */
	via?: readonly string[] | undefined;
	/** There is no default for what is not verified. */
	trust: Trust;
	/** For a whole call, its retries included: 1 to 999,999,999, default 60,000. */
	timeoutMilliseconds?: number | undefined;
	/**
	 * Further attempts when the network failed, default 2. Made for calls that can
	 * be repeated (`GET`, `/metric/peek`, `/metric/ack`), for others only where not
	 * a byte had been sent. An answer is never a reason, whatever its status.
	 */
	retries?: number | undefined;
	/** Put as `apikey` into bodies that have none. */
	apiKey?: string | undefined;
	/**
	 * Reject with UnexpectedAnswer where the data of an answer is not of the
	 * contract's types or lacks what it requires. Default false: an agent that is
	 * older than this client may lack a field.
	 */
	checkAnswers?: boolean | undefined;
	/** Largest answer that is read into memory, default 67,108,864 (64 MiB). */
	maxAnswerBytes?: number | undefined;
}

/** How to reach a management server. */
export interface ManagementOptions {
	/** Scheme (`https` or `http`), host, port and an optional path in front of `/manage`. */
	endpoint: string;
	/** The CAs to verify an `https` endpoint against, in the place of those that Node knows. */
	ca?: Pem | undefined;
	/** As for agents: reject with UnexpectedAnswer what is not of the contract. */
	checkAnswers?: boolean | undefined;
	/** For a whole call: 1 to 999,999,999, default 60,000. */
	timeoutMilliseconds?: number | undefined;
	/**
	 * Where `http_proxy`, `https_proxy` and `no_proxy` are looked up, as a rule the
	 * environment of the process. Left out, there is no proxy.
	 */
	environment?: Readonly<Record<string, string | undefined>> | undefined;
}

/** What is wrong with the options, naming the one that is. */
export class OptionsError extends TypeError {
	override name = "OptionsError";
	/** The option: `via[0]`, `trust: ca`. */
	readonly option: string;
	/** What is wrong with it. */
	readonly reason: string;

	constructor(option: string, reason: string, why: { cause?: unknown } = {}) {
		super(`${option}: ${reason}`, why);
		this.option = option;
		this.reason = reason;
	}
}

const most = 999_999_999;

/** Checks `timeoutMilliseconds`; throws OptionsError. */
export function timeLimit(milliseconds = 60_000): number {
	if (milliseconds >= 1 && milliseconds <= most) return milliseconds;
	throw new OptionsError(
		"timeoutMilliseconds",
		`not between 1 and ${most}: ${milliseconds}`,
	);
}

/** There is no answer to a request. The message is one line with the hop and the reason. */
export class NoAnswer extends Error {
	/** The time limit was reached. */
	readonly isTimeout: boolean;
	/** No byte of the request was sent, so it had no effect. Otherwise it may have had one. */
	readonly isUnsent: boolean;

	constructor(
		message: string,
		why: { isTimeout?: boolean; isUnsent?: boolean; cause?: unknown } = {},
	) {
		super(message.replace(/\s*\n\s*/g, " ").trim(), { cause: why.cause });
		this.isTimeout = why.isTimeout ?? false;
		this.isUnsent = why.isUnsent ?? false;
	}
}

/** A hop did not answer. */
export class RelayError extends NoAnswer {
	override name = "RelayError";
}

const words: Readonly<Record<string, string>> = {
	ECONNREFUSED: "connection refused",
	ECONNRESET: "the connection was reset before the answer was complete",
	EPIPE: "the connection was closed before the request was sent",
	EHOSTUNREACH: "no route to host",
	ENETUNREACH: "network is unreachable",
	ETIMEDOUT: "connection timed out",
	ENOTFOUND: "unknown host name",
	EAI_AGAIN: "the host name could not be looked up",
	ERR_SSL_WRONG_VERSION_NUMBER: "does not speak TLS on this port",
	ERR_SSL_PACKET_LENGTH_TOO_LONG: "does not speak TLS on this port",
	DEPTH_ZERO_SELF_SIGNED_CERT: "certificate is self-signed and not trusted",
	SELF_SIGNED_CERT_IN_CHAIN: "certificate is not signed by the trusted CA",
	UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		"certificate is not signed by the trusted CA",
	UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
		"certificate is not signed by the trusted CA",
	CERT_HAS_EXPIRED: "certificate has expired",
};

/** OpenSSL's reason, without source locations. */
function reasonOf(message: string): string {
	const [line = ""] = message.split("\n", 1);
	const [, reason] = /:SSL routines:[^:]*:([^:]+):/.exec(line) ?? [];
	if (reason === undefined) return line;
	return /wrong version number|packet length too long|http request/.test(reason)
		? "does not speak TLS on this port"
		: `TLS: ${reason}`;
}

/** The error of one attempt, with whether nothing had been sent. */
export type AttemptError = Error & { code?: string; isUnsent?: boolean };

/** Converts any failure of a hop to a RelayError. */
export function relayError(
	error: AttemptError,
	place: string,
	time: { isLate: boolean; timeoutMilliseconds: number | undefined },
): RelayError {
	if (error instanceof RelayError) return error;
	const { code = "", message, isUnsent = false } = error;
	if (time.isLate)
		return new RelayError(
			`${place}: no answer within ${(time.timeoutMilliseconds ?? 0) / 1000} seconds`,
			{ isTimeout: true, isUnsent, cause: error },
		);
	const why = code.startsWith("HPE_")
		? `the answer is not HTTP: ${message}`
		: (words[code] ?? reasonOf(message));
	return new RelayError(`${place}: ${why}`, { isUnsent, cause: error });
}

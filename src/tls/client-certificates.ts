import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import type { CertificateNames } from "../policy/call.ts";
import {
	type Certificate,
	isIssuedBy,
	readCertificate,
} from "./certificate.ts";
import type { ClientTrust } from "./client-trust.ts";
import { elementIn, elementsIn, extensionIds, tags } from "./der.ts";

/** Decides whether the certificates of clients count, now and as long as their connections last. */
export interface ClientCertificates {
	/**
	 * Takes the certificate of a connection, after its handshake; undefined if the client has none that
	 * verifies.
	 * @param client address of the client, for the log
	 * @returns what to ask at each request: the certificate's names, undefined while it does not count
	 */
	present(
		socket: TLSSocket,
		client: string,
	): (() => CertificateNames | undefined) | undefined;
	/** Trusts these CAs and lists from now on, also for open connections. */
	use(trust: ClientTrust): void;
}

/** Whether a chain counts, and for how long that is known. */
interface Verdict {
	trust: ClientTrust;
	/** Why it does not count; undefined if it does. */
	reason: string | undefined;
	/** Milliseconds since 1970; the clock may be set back. */
	from: number;
	until: number;
}

/** The certificates by which a client was verified. */
interface Chain {
	/** The client's, then CAs that are not trusted by themselves. */
	certificates: readonly [Certificate, ...Certificate[]];
	/** Fingerprints of the trusted CAs above them when OpenSSL verified them. */
	known: ReadonlySet<string>;
	verdict?: Verdict;
}

/** Chains to remember. Their clients are the monitoring servers and bastions of one host. */
const maxRemembered = 1_000;

/** Longer chains are not followed. */
const maxCertificates = 10;

/** How soon a chain that does not count is checked again. */
const badMilliseconds = 60_000;

/** OpenSSL's reasons in our words; those that are missing are named by their codes. */
const reasons: Readonly<Record<string, string>> = {
	CERT_HAS_EXPIRED: "it or one of its CAs has expired",
	CERT_NOT_YET_VALID: "it or one of its CAs is not valid yet",
	DEPTH_ZERO_SELF_SIGNED_CERT:
		"it is self-signed and not in client-ca-file itself",
	INVALID_CA: "a certificate in its chain is not one of a CA",
	INVALID_PURPOSE: "it is not for clients (extended key usage)",
	SELF_SIGNED_CERT_IN_CHAIN: "its root CA is not in client-ca-file",
	UNABLE_TO_GET_ISSUER_CERT:
		"its chain does not end at a root CA in client-ca-file",
	UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
		"its chain does not end at a root CA in client-ca-file",
	UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		"its chain does not end at a root CA in client-ca-file",
	// Node's word for codes that it does not know, such as INVALID_CA of OpenSSL 3
	UNSPECIFIED: "its chain is not valid, such as with a certificate not of a CA",
};

const fingerprintOf = ({ x509 }: Certificate) => x509.fingerprint256;

const isValidAt = ({ validFrom, validTo }: Certificate, now: number) =>
	validFrom <= now && now < validTo;

const dateText = (milliseconds: number) => new Date(milliseconds).toISOString();

/** The certificates that the client has sent after its own. */
function presentedWith(own: X509Certificate): Certificate[] {
	const found: Certificate[] = [];
	for (
		let next = own.issuerCertificate;
		next && found.length < maxCertificates;
		next = next.issuerCertificate
	)
		found.push(readCertificate(next));
	return found;
}

/** The trusted CAs that have issued a certificate, or that are it. */
const anchorsOf = (one: Certificate, { anchors }: ClientTrust) =>
	anchors.filter(
		(anchor) =>
			fingerprintOf(anchor) === fingerprintOf(one) || isIssuedBy(one, anchor),
	);

/** Finds the way from a certificate up to a trusted CA; undefined if there is none. */
function chainOf(
	own: Certificate,
	presented: readonly Certificate[],
	trust: ClientTrust,
	now: number,
): Chain | undefined {
	const others = [...presented, ...trust.authorities].filter(
		(one) => one.x509.ca && isValidAt(one, now),
	);
	const follow = (
		way: readonly [Certificate, ...Certificate[]],
	): Chain | undefined => {
		const top = way.at(-1) ?? own;
		const anchors = anchorsOf(top, trust);
		if (anchors.length > 0)
			return { certificates: way, known: new Set(anchors.map(fingerprintOf)) };
		if (way.length === maxCertificates) return undefined;
		for (const next of others) {
			const isNew = way.every(
				(one) => fingerprintOf(one) !== fingerprintOf(next),
			);
			const found =
				isNew && isIssuedBy(top, next) ? follow([...way, next]) : undefined;
			if (found) return found;
		}
		return undefined;
	};
	return follow([own]);
}

/** Object identifier of TLS clients in extended key usage. */
const clientAuth = "1.3.6.1.5.5.7.3.2";

/** Extensions that OpenSSL checks along a chain, and this file does not. */
const constraints = [
	extensionIds.nameConstraints,
	extensionIds.policyConstraints,
];

/** Critical extensions that this file understands. */
const understood: ReadonlySet<string> = new Set([
	extensionIds.basicConstraints,
	extensionIds.keyUsage,
	extensionIds.extendedKeyUsage,
]);

/** The number of CAs that may be below a CA: pathLenConstraint (RFC 5280 4.2.1.9). */
function maxBelow({ extensions }: Certificate): number {
	const constraint = extensions.get(extensionIds.basicConstraints);
	if (!constraint) return 0;
	const { content } = elementIn(constraint.value, tags.sequence);
	const length = elementsIn(content).find(({ tag }) => tag === tags.integer);
	return length ? (length.content[0] ?? 0) : Number.POSITIVE_INFINITY;
}

/**
 * Whether a CA may take the place of another one, such as a renewed certificate with the same key,
 * above a chain that OpenSSL verified with the other one.
 */
function mayReplace(anchor: Certificate, { certificates }: Chain): boolean {
	const { x509, extensions } = anchor;
	return (
		x509.ca &&
		maxBelow(anchor) >= certificates.length - 1 &&
		(x509.keyUsage === undefined || x509.keyUsage.includes(clientAuth)) &&
		!constraints.some((id) => extensions.has(id)) &&
		[...extensions].every(
			([id, { isCritical }]) => !isCritical || understood.has(id),
		)
	);
}

/** Judges a chain that OpenSSL has verified once. */
function judge(chain: Chain, trust: ClientTrust, now: number): Verdict {
	let until = Number.POSITIVE_INFINITY;
	const bad = (reason: string): Verdict => ({
		...{ trust, reason, from: now, until: now + badMilliseconds },
	});
	const { certificates, known } = chain;
	for (const one of certificates) {
		const { title, validFrom, validTo } = one;
		if (now >= validTo) return bad(`${title} expired on ${dateText(validTo)}`);
		if (now < validFrom)
			return bad(`${title} is not valid before ${dateText(validFrom)}`);
		until = Math.min(until, validTo);
	}
	const top = certificates.at(-1) ?? certificates[0];
	const anchor = anchorsOf(top, trust).find(
		(one) =>
			isValidAt(one, now) &&
			(known.has(fingerprintOf(one)) || mayReplace(one, chain)),
	);
	if (!anchor)
		return bad(
			"its root CA is no longer in client-ca-file, has expired, or was replaced by one with other constraints (then it counts again after a new connection)",
		);
	until = Math.min(until, anchor.validTo);
	if (!trust.lists) return { trust, reason: undefined, from: now, until };
	for (const [index, one] of certificates.entries()) {
		if (fingerprintOf(one) === fingerprintOf(anchor)) continue;
		const issuer = certificates[index + 1] ?? anchor;
		const lists = trust.lists.filter((list) => list.isIssuedBy(issuer));
		if (lists.some((list) => list.revokes(one.serial)))
			return bad(`${one.title} is revoked (serial number ${one.serial})`);
		const [last] = lists.toSorted((a, b) => b.nextUpdate - a.nextUpdate);
		if (!last)
			return bad(`client-crl-file has no revocation list of ${issuer.title}`);
		if (now >= last.nextUpdate)
			return bad(
				`the revocation list of ${issuer.title} expired on ${dateText(last.nextUpdate)}`,
			);
		if (now < last.thisUpdate)
			return bad(
				`the revocation list of ${issuer.title} is not valid before ${dateText(last.thisUpdate)}`,
			);
		until = Math.min(until, last.nextUpdate);
	}
	return { trust, reason: undefined, from: now, until };
}

/**
 * OpenSSL verifies a client's certificate once, in a full handshake. A resumed session is not
 * verified again, and shows the client's certificate without its CAs. So the chain of each
 * certificate is remembered at the full handshake, and it is judged again when CAs or lists are
 * replaced, when something in it expires, and when the clock is set back; in between, a request
 * costs two comparisons.
 * @param parts.initial what is trusted at first
 * @param parts.now wall clock in milliseconds
 */
export function createClientCertificates({
	initial,
	log,
	now,
	limit = maxRemembered,
}: {
	initial: ClientTrust;
	log: Pick<Log, "warning" | "error">;
	now: () => number;
	/** Chains that are remembered; those not seen for longest are forgotten. */
	limit?: number;
}): ClientCertificates {
	let trust = initial;
	/** By the fingerprint of the client's certificate, in the order of their last handshakes. */
	const remembered = new Map<string, Chain>();
	const trouble = createLogRepeats({ log });

	const complain = (client: string, title: string, reason: string) =>
		trouble.wrong(client, {
			kind: reason,
			level: "warning",
			lines: [
				`client certificate of ${client} (${title.slice(0, 200)}) does not count: ${reason}`,
			],
		});

	const remember = (chain: Chain) => {
		const fingerprint = fingerprintOf(chain.certificates[0]);
		remembered.delete(fingerprint);
		remembered.set(fingerprint, chain);
		if (remembered.size > limit)
			for (const [oldest] of remembered) {
				remembered.delete(oldest);
				break;
			}
	};

	const verdictOn = (chain: Chain): Verdict => {
		const time = now();
		const last = chain.verdict;
		if (last?.trust === trust && last.from <= time && time < last.until)
			return last;
		chain.verdict = judge(chain, trust, time);
		return chain.verdict;
	};

	/** The chain of a verified certificate. */
	const chainFor = (socket: TLSSocket, x509: X509Certificate) => {
		const before = remembered.get(x509.fingerprint256);
		if (
			before &&
			(socket.isSessionReused() || verdictOn(before).reason === undefined)
		)
			return before;
		return chainOf(readCertificate(x509), presentedWith(x509), trust, now());
	};

	return {
		present: (socket, client) => {
			const x509 = socket.getPeerX509Certificate();
			if (!x509) return undefined;
			const title = x509.subject?.replaceAll("\n", ", ") ?? "";
			if (!socket.authorized) {
				const code = String(socket.authorizationError);
				complain(client, title, reasons[code] ?? code);
				return undefined;
			}
			let chain: Chain | undefined;
			try {
				chain = chainFor(socket, x509);
			} catch (error) {
				complain(client, title, `cannot be read: ${(error as Error).message}`);
				return undefined;
			}
			if (!chain) {
				complain(
					client,
					title,
					"its chain is not known (any more); it counts again after a full handshake",
				);
				return undefined;
			}
			remember(chain);
			const { certificates } = chain;
			let told: Verdict | undefined;
			return () => {
				const verdict = verdictOn(chain);
				if (verdict.reason === undefined) return certificates[0].names;
				if (told !== verdict) complain(client, title, verdict.reason);
				told = verdict;
				return undefined;
			};
		},
		use: (next) => {
			trust = next;
		},
	};
}

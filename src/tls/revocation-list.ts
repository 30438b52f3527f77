import { constants, createHash, type KeyObject, verify } from "node:crypto";
import { type Certificate, hasKeyUsage, nameText } from "./certificate.ts";
import {
	DerError,
	type Element,
	elementIn,
	elementsIn,
	extensionIds,
	extensionsIn,
	extentAt,
	tags,
	timeIn,
} from "./der.ts";

/**
 * A certificate revocation list (RFC 5280 5). Node.js does not read them, and OpenSSL checks them
 * only in a full handshake.
 */
export interface RevocationList {
	/** Issuer as DER. */
	readonly issuer: Buffer;
	/** The issuer in one line, for people. */
	readonly title: string;
	/** Identifier of the issuer's key, in hexadecimal; "" if the list does not say. */
	readonly keyId: string;
	/** Milliseconds since 1970. */
	readonly thisUpdate: number;
	readonly nextUpdate: number;
	/** SHA-256 of its bytes. */
	readonly digest: string;
	/** Number of revoked certificates. */
	readonly size: number;
	/** Whether it revokes a certificate of its issuer, by serial number as in Certificate. */
	revokes(serial: string): boolean;
	/** Whether the CA has issued it: name, key usage and signature fit. */
	isIssuedBy(authority: Certificate): boolean;
}

/** How a signature is checked. */
interface Algorithm {
	/** undefined: the algorithm has a hash of its own */
	hash: string | undefined;
	keyTypes: readonly string[];
	padding?: number;
}

const rsa = ["rsa"];
const pss = ["rsa", "rsa-pss"];
const ec = ["ec"];

/** By object identifier, in hexadecimal. None has SHA-1. */
const algorithms: Readonly<Record<string, Algorithm>> = {
	"2a864886f70d01010b": { hash: "sha256", keyTypes: rsa },
	"2a864886f70d01010c": { hash: "sha384", keyTypes: rsa },
	"2a864886f70d01010d": { hash: "sha512", keyTypes: rsa },
	"2a8648ce3d040302": { hash: "sha256", keyTypes: ec },
	"2a8648ce3d040303": { hash: "sha384", keyTypes: ec },
	"2a8648ce3d040304": { hash: "sha512", keyTypes: ec },
	"2b6570": { hash: undefined, keyTypes: ["ed25519"] },
	"2b6571": { hash: undefined, keyTypes: ["ed448"] },
};

const pssId = "2a864886f70d01010a";

/** Hashes of RSASSA-PSS, by object identifier. */
const hashes: Readonly<Record<string, string>> = {
	"608648016503040201": "sha256",
	"608648016503040202": "sha384",
	"608648016503040203": "sha512",
};

function algorithmIn({ content }: Element): Algorithm {
	const [id, parameters] = elementsIn(content);
	const name = id?.content.toString("hex") ?? "";
	const known = algorithms[name];
	if (known) return known;
	// the hash is the first, explicitly tagged parameter
	const [tagged] = parameters ? elementsIn(parameters.content) : [];
	if (name === pssId && tagged?.tag === 0xa0) {
		const [hashId] = elementsIn(
			elementIn(tagged.content, tags.sequence).content,
		);
		const hash = hashes[hashId?.content.toString("hex") ?? ""];
		if (hash)
			return {
				hash,
				keyTypes: pss,
				padding: constants.RSA_PKCS1_PSS_PADDING,
			};
	}
	throw new DerError("signed in a way that is not supported, such as SHA-1");
}

/** Serial numbers of the revoked certificates. */
function serialsIn(list: Element): Set<string> {
	const { bytes, content } = list;
	const serials = new Set<string>();
	// without an object for each of possibly 100,000 entries
	for (let at = bytes.length - content.length; at < bytes.length; ) {
		const entry = extentAt(bytes, at, bytes.length);
		const serial = extentAt(bytes, entry.begin, entry.end);
		if (entry.tag !== tags.sequence || serial.tag !== tags.integer)
			throw new DerError("a revoked certificate without a serial number");
		serials.add(bytes.toString("hex", serial.begin, serial.end));
		at = entry.end;
	}
	return serials;
}

const keyIdentifierTag = 0x80;

/** Bit of KeyUsage: the key may sign revocation lists. */
const cRLSign = 6;

/**
 * Reads a revocation list.
 * @throws DerError if it is none, or one that covers only a part of its issuer's certificates
 */
export function readRevocationList(bytes: Buffer): RevocationList {
	const [signed, outer, signature, ...more] = elementsIn(
		elementIn(bytes, tags.sequence).content,
	);
	if (
		!signed ||
		!outer ||
		signature?.tag !== tags.bitString ||
		// number of unused bits
		signature.content[0] !== 0 ||
		more.length > 0
	)
		throw new DerError("not a revocation list");
	const fields = elementsIn(signed.content);
	if (fields[0]?.tag === tags.integer) fields.shift();
	const [inner, issuer, from, to, ...rest] = fields;
	if (!inner || issuer?.tag !== tags.sequence || !from)
		throw new DerError("not a revocation list");
	if (!inner.bytes.equals(outer.bytes))
		throw new DerError("names two kinds of signatures");
	if (to?.tag !== tags.utcTime && to?.tag !== tags.generalizedTime)
		throw new DerError("does not say when the next one comes (nextUpdate)");
	const revoked = rest.find(({ tag }) => tag === tags.sequence);
	const tagged = rest.find(({ tag }) => tag === 0xa0);
	const extensions = tagged
		? extensionsIn(elementIn(tagged.content, tags.sequence))
		: new Map();
	for (const [id, { isCritical }] of extensions)
		if (isCritical)
			throw new DerError(
				`covers only a part of its issuer's certificates, or more: critical extension ${id}`,
			);
	const authorityKey = extensions.get(extensionIds.authorityKey);
	const keyId = authorityKey
		? elementsIn(elementIn(authorityKey.value, tags.sequence).content)
				.find(({ tag }) => tag === keyIdentifierTag)
				?.content.toString("hex")
		: undefined;
	const algorithm = algorithmIn(outer);
	const serials = revoked ? serialsIn(revoked) : new Set<string>();
	const isSignedWith = (key: KeyObject) => {
		const { hash, keyTypes, padding } = algorithm;
		if (!keyTypes.includes(key.asymmetricKeyType ?? "")) return false;
		return verify(
			hash,
			signed.bytes,
			padding ? { key, padding } : key,
			signature.content.subarray(1),
		);
	};
	/** Verdicts by certificate of a CA, as checking a signature of megabytes takes long. */
	const known = new WeakMap<Certificate, boolean>();
	return {
		issuer: issuer.bytes,
		title: nameText(issuer),
		keyId: keyId ?? "",
		thisUpdate: timeIn(from),
		nextUpdate: timeIn(to),
		digest: createHash("sha256").update(bytes).digest("hex"),
		size: serials.size,
		revokes: (serial) => serials.has(serial),
		isIssuedBy: (authority) => {
			const verdict =
				known.get(authority) ??
				(authority.subject.equals(issuer.bytes) &&
					hasKeyUsage(authority, cRLSign) &&
					isSignedWith(authority.x509.publicKey));
			known.set(authority, verdict);
			return verdict;
		},
	};
}

import type { X509Certificate } from "node:crypto";
import type { CertificateNames } from "../policy/call.ts";
import {
	DerError,
	type Element,
	type Extension,
	elementIn,
	elementsIn,
	extensionIds,
	extensionsIn,
	tags,
	timeIn,
} from "./der.ts";

/** A certificate, with what node:crypto does not tell, or not safely. */
export interface Certificate {
	readonly x509: X509Certificate;
	/** Content of the INTEGER, in hexadecimal. */
	readonly serial: string;
	/** Issuer and subject as DER. */
	readonly issuer: Buffer;
	readonly subject: Buffer;
	/** The subject in one line, for people: `CN=web, O=example`. */
	readonly title: string;
	/** Milliseconds since 1970. */
	readonly validFrom: number;
	readonly validTo: number;
	/** By object identifier, in hexadecimal. */
	readonly extensions: ReadonlyMap<string, Extension>;
	readonly names: CertificateNames;
}

const commonNameId = "550403";

/** Short names of attributes (RFC 4514), by object identifier in hexadecimal. */
const attributeNames: Readonly<Record<string, string>> = {
	[commonNameId]: "CN",
	"550406": "C",
	"550407": "L",
	"550408": "ST",
	"55040a": "O",
	"55040b": "OU",
	"0992268993f22c640119": "DC",
	"2a864886f70d010901": "emailAddress",
};

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Decodes the kinds of strings that names have; undefined for others and for invalid ones. */
function stringIn({ tag, content }: Element): string | undefined {
	try {
		// UTF8String, PrintableString, IA5String
		if (tag === 0x0c) return utf8.decode(content);
		if (tag === 0x13 || tag === 0x16)
			return /^\p{ASCII}*$/u.test(content.toString("latin1"))
				? content.toString("latin1")
				: undefined;
		// BMPString
		if (tag === 0x1e && content.length % 2 === 0)
			return Buffer.from(content).swap16().toString("utf16le");
	} catch {
		// invalid UTF-8
	}
	return undefined;
}

/** The attributes of a Name, in order: object identifier and value. Throws DerError. */
function attributesOf(name: Element): [string, string | undefined][] {
	return elementsIn(name.content).flatMap((set) =>
		elementsIn(set.content).map((attribute): [string, string | undefined] => {
			const [id, value] = elementsIn(attribute.content);
			if (id?.tag !== tags.oid || !value) throw new DerError("not a name");
			return [id.content.toString("hex"), stringIn(value)];
		}),
	);
}

/** A Name in one line, for people. Throws DerError. */
export const nameText = (name: Element): string =>
	attributesOf(name)
		.map(([id, value]) => `${attributeNames[id] ?? id}=${value ?? "?"}`)
		.join(", ") || "no name";

/**
 * The common name, which policies compare. Undefined if there are several, as it would be anyone's
 * guess which of them counts, or if it has control characters.
 */
function commonNameOf(name: Element): string | undefined {
	const found = attributesOf(name).filter(([id]) => id === commonNameId);
	const [, text] = found[0] ?? [];
	return found.length === 1 && text && !/\p{C}/u.test(text) ? text : undefined;
}

/** Tags of GeneralName. */
const emailTag = 0x81;
const uriTag = 0x86;

/**
 * The subject alternative names of some kind. Read from DER, because node:crypto gives one text for
 * all names, in which a name could pass itself off as several. Only visible ASCII, which IA5String
 * leaves for names of these kinds: no NUL hides an end, and no blank looks like one.
 */
const namesOfKind = (names: readonly Element[], kind: number): string[] =>
	names
		.filter(({ tag }) => tag === kind)
		.map(({ content }) => content.toString("latin1"))
		.filter((text) => /^[\x21-\x7e]+$/.test(text));

/**
 * Reads a certificate.
 * @throws DerError if it is not a certificate of version 3 or 1 as RFC 5280 has it
 */
export function readCertificate(x509: X509Certificate): Certificate {
	const [signed] = elementsIn(elementIn(x509.raw, tags.sequence).content);
	const fields = elementsIn(signed?.content ?? Buffer.alloc(0));
	if (fields[0]?.tag === tags.version) fields.shift();
	const [serial, , issuer, validity, subject, , ...more] = fields;
	if (
		serial?.tag !== tags.integer ||
		issuer?.tag !== tags.sequence ||
		subject?.tag !== tags.sequence ||
		validity?.tag !== tags.sequence
	)
		throw new DerError("not a certificate");
	const [from, to] = elementsIn(validity.content);
	if (!from || !to) throw new DerError("no period of validity");
	const list = more.find(({ tag }) => tag === tags.extensions);
	const extensions = list
		? extensionsIn(elementIn(list.content, tags.sequence))
		: new Map<string, Extension>();
	const alternative = extensions.get(extensionIds.alternativeNames);
	const names = alternative
		? elementsIn(elementIn(alternative.value, tags.sequence).content)
		: [];
	return {
		x509,
		serial: serial.content.toString("hex"),
		issuer: issuer.bytes,
		subject: subject.bytes,
		title: nameText(subject),
		validFrom: timeIn(from),
		validTo: timeIn(to),
		extensions,
		names: {
			uris: namesOfKind(names, uriTag),
			dns: namesOfKind(names, tags.dnsName).map((name) => name.toLowerCase()),
			emails: namesOfKind(names, emailTag),
			commonName: commonNameOf(subject),
			fingerprint256: x509.fingerprint256,
		},
	};
}

/**
 * Whether a CA has signed a certificate: names, key identifiers, key usage and signature fit.
 * Neither dates nor constraints are checked.
 */
export const isIssuedBy = (
	{ x509 }: Certificate,
	{ x509: authority }: Certificate,
): boolean => x509.checkIssued(authority) && x509.verify(authority.publicKey);

/** Whether a certificate is signed with its own key, as those of CAs and of agents are. */
export const isSelfSigned = ({ issuer, subject, x509 }: Certificate): boolean =>
	issuer.equals(subject) && x509.verify(x509.publicKey);

/**
 * Whether a CA may do something with its key.
 * @param bit number of the bit in KeyUsage (RFC 5280 4.2.1.3)
 */
export function hasKeyUsage({ extensions }: Certificate, bit: number): boolean {
	const usage = extensions.get(extensionIds.keyUsage);
	// without the extension, nothing is forbidden
	if (!usage) return true;
	const { content } = elementIn(usage.value, tags.bitString);
	return (((content[1 + (bit >> 3)] ?? 0) << (bit & 7)) & 0x80) !== 0;
}

/** The PEM blocks of some kind in a text. */
export const pemBlocks = (text: string, label: string): string[] =>
	text.match(
		new RegExp(`-----BEGIN ${label}-----[^-]*-----END ${label}-----`, "g"),
	) ?? [];

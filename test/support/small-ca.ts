import {
	createHash,
	generateKeyPairSync,
	type KeyObject,
	randomBytes,
	sign,
	X509Certificate,
} from "node:crypto";
import {
	bits,
	der,
	extension,
	extensionIds,
	oid,
	sequence,
	tags,
	time,
} from "../../src/tls/der.ts";

/** A certificate and its key, made in the test. */
export interface Made {
	name: Buffer;
	keyId: Buffer;
	privateKey: KeyObject;
	/** PEM. */
	key: string;
	certificate: string;
	/** The certificates to present: this one, then those of CAs that are not self-signed. */
	chain: string;
	serial: Buffer;
	fingerprint256: string;
}

const day = 86_400_000;

const pem = (label: string, content: Buffer) =>
	[
		`-----BEGIN ${label}-----`,
		// a blank line would make OpenSSL take all before it for headers
		...(content.toString("base64").match(/.{1,64}/g) ?? []),
		`-----END ${label}-----\n`,
	].join("\n");

/** ecdsa-with-SHA256 */
const algorithm = sequence(oid("2a8648ce3d040302"));

const signed = (content: Buffer, key: KeyObject) =>
	sequence(content, algorithm, bits(0, sign("sha256", content, key)));

/** A Name of common names. */
const nameOf = (...texts: readonly (string | Buffer)[]) =>
	sequence(
		...texts.map((text) =>
			der(
				tags.set,
				sequence(oid("550403"), der(tags.utf8String, Buffer.from(text))),
			),
		),
	);

/** Kinds of alternative names. */
const kinds = { email: 0x81, dns: 0x82, uri: 0x86 } as const;

const uses = {
	client: "2b06010505070302",
	server: "2b06010505070301",
} as const;

/** A certificate; self-signed without an issuer. */
export function makeCertificate(parts: {
	/** Common name. */
	name?: string | Buffer;
	moreNames?: readonly string[];
	issuer?: Made;
	/** Same name and key as this one. */
	renews?: Made;
	isAuthority?: boolean;
	pathLength?: number;
	/** Names of each kind, as text or as bytes. */
	alternatives?: Partial<
		Record<keyof typeof kinds, readonly (string | Buffer)[]>
	>;
	for?: readonly (keyof typeof uses)[];
	/** Milliseconds since 1970. */
	from?: number;
	to?: number;
	/** More extensions, encoded. */
	extensions?: readonly Buffer[];
	keyUsage?: number;
}): Made {
	const { issuer, renews, isAuthority = false, pathLength } = parts;
	const pair = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
	const publicKey = renews
		? new X509Certificate(renews.certificate).publicKey
		: pair.publicKey;
	const privateKey = renews?.privateKey ?? pair.privateKey;
	const name =
		renews?.name ?? nameOf(parts.name ?? "test", ...(parts.moreNames ?? []));
	const keyInfo = publicKey.export({ type: "spki", format: "der" });
	const keyId = createHash("sha1").update(keyInfo).digest();
	const serial = Buffer.concat([Buffer.from([0x40]), randomBytes(8)]);
	const alternatives = Object.entries(parts.alternatives ?? {}).flatMap(
		([kind, names]) =>
			(names ?? []).map((text) =>
				der(kinds[kind as keyof typeof kinds], Buffer.from(text)),
			),
	);
	const extensions = [
		extension(
			extensionIds.basicConstraints,
			true,
			sequence(
				...(isAuthority ? [der(tags.boolean, Buffer.from([0xff]))] : []),
				...(pathLength === undefined
					? []
					: [der(tags.integer, Buffer.from([pathLength]))]),
			),
		),
		// keyCertSign and cRLSign, or digitalSignature
		extension(
			extensionIds.keyUsage,
			true,
			bits(0, Buffer.from([parts.keyUsage ?? (isAuthority ? 0x06 : 0x80)])),
		),
		extension("551d0e", false, der(tags.octetString, keyId)),
		...(issuer
			? [
					extension(
						extensionIds.authorityKey,
						false,
						sequence(der(tags.keyIdentifier, issuer.keyId)),
					),
				]
			: []),
		...(isAuthority && !parts.for
			? []
			: [
					extension(
						extensionIds.extendedKeyUsage,
						false,
						sequence(...(parts.for ?? ["client"]).map((use) => oid(uses[use]))),
					),
				]),
		...(alternatives.length > 0
			? [
					extension(
						extensionIds.alternativeNames,
						false,
						sequence(...alternatives),
					),
				]
			: []),
		...(parts.extensions ?? []),
	];
	const content = sequence(
		der(tags.version, der(tags.integer, Buffer.from([2]))),
		der(tags.integer, serial),
		algorithm,
		issuer?.name ?? name,
		sequence(
			time(new Date(parts.from ?? Date.now() - day)),
			time(new Date(parts.to ?? Date.now() + 365 * day)),
		),
		name,
		keyInfo,
		der(tags.extensions, sequence(...extensions)),
	);
	const certificate = pem(
		"CERTIFICATE",
		signed(content, issuer?.privateKey ?? privateKey),
	);
	const above = issuer?.chain ?? "";
	return {
		...{ name, keyId, privateKey, certificate, serial },
		key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
		// a root is not presented
		chain: issuer ? certificate + above : isAuthority ? "" : certificate,
		fingerprint256: new X509Certificate(certificate).fingerprint256,
	};
}

/** A revocation list, as PEM. */
export function makeRevocationList(parts: {
	issuer: Made;
	revoked?: readonly Made[];
	from?: number;
	/** Milliseconds since 1970; null leaves it out. */
	to?: number | null;
	/** Signs in place of the issuer. */
	signer?: Made;
	extensions?: readonly Buffer[];
	/** Encodes no key identifier. */
	isKeyless?: boolean;
}): string {
	const { issuer, revoked = [], signer = issuer } = parts;
	const from = time(new Date(parts.from ?? Date.now() - day));
	const to = parts.to === undefined ? Date.now() + 30 * day : parts.to;
	const content = sequence(
		der(tags.integer, Buffer.from([1])),
		algorithm,
		issuer.name,
		from,
		...(to === null ? [] : [time(new Date(to))]),
		...(revoked.length > 0
			? [
					sequence(
						...revoked.map(({ serial }) =>
							sequence(der(tags.integer, serial), from),
						),
					),
				]
			: []),
		der(
			0xa0,
			sequence(
				...(parts.isKeyless
					? []
					: [
							extension(
								extensionIds.authorityKey,
								false,
								sequence(der(tags.keyIdentifier, issuer.keyId)),
							),
						]),
				// CRL number
				extension("551d14", false, der(tags.integer, Buffer.from([1]))),
				...(parts.extensions ?? []),
			),
		),
	);
	return pem("X509 CRL", signed(content, signer.privateKey));
}

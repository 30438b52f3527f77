import {
	createHash,
	createPrivateKey,
	createPublicKey,
	generateKeyPairSync,
	randomBytes,
	sign,
} from "node:crypto";
import { isIP } from "node:net";
import { bits, der, extension, oid, sequence, tags, time } from "./der.ts";

/** Encodes an address in 4 or 16 bytes. */
function addressBytes(address: string): Buffer {
	if (isIP(address) === 4) return Buffer.from(address.split(".").map(Number));
	// A URL normalizes every IPv6 address to hexadecimal groups, even with an embedded IPv4 address.
	const [head = "", tail = ""] = new URL(`http://[${address}]/`).hostname
		.slice(1, -1)
		.split("::");
	const left = head.split(":").filter((group) => group !== "");
	const right = tail.split(":").filter((group) => group !== "");
	const zeros = Array<string>(8 - left.length - right.length).fill("0");
	return Buffer.from(
		[...left, ...zeros, ...right].map((g) => g.padStart(4, "0")).join(""),
		"hex",
	);
}

function alternativeName(name: string): Buffer {
	if (isIP(name) !== 0 && !name.includes("%"))
		return der(tags.ipAddress, addressBytes(name));
	if (!/^[\w*.-]+$/.test(name))
		throw new TypeError(`not a host name or address: ${name}`);
	return der(tags.dnsName, Buffer.from(name));
}

function pem(label: string, content: Buffer): string {
	const lines = content.toString("base64").match(/.{1,64}/g) ?? [];
	return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/**
 * Creates an ECDSA P-256 key (PKCS#8) and a self-signed certificate (X.509 v3, RFC 5280), both PEM.
 * `names` are host names and addresses for subjectAltName, the only place where clients look;
 * `commonName` is for people. The certificate is valid from one hour before `now`, for clients
 * whose clocks are slow, until `days` days after it. `privateKey` is the P-256 key to use (PEM), if
 * not a new one. Throws a TypeError for a name that is neither a host name nor an address.
 */
export function createSelfSigned({
	commonName,
	names,
	now,
	days = 3650,
	privateKey: given,
}: {
	commonName: string;
	names: readonly string[];
	now: Date;
	days?: number;
	privateKey?: string;
}): { certificate: string; privateKey: string } {
	const privateKey =
		given === undefined
			? generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey
			: createPrivateKey(given);
	const keyInfo = createPublicKey(privateKey).export({
		type: "spki",
		format: "der",
	});
	// RFC 7093 method 1 over the uncompressed point, which is the last 65 bytes of a P-256 key.
	const keyId = createHash("sha256")
		.update(keyInfo.subarray(-65))
		.digest()
		.subarray(0, 20);
	const serial = randomBytes(16);
	serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40; // positive, and never a leading zero byte
	const signatureAlgorithm = sequence(oid("2a8648ce3d040302")); // ecdsa-with-SHA256
	const commonNameValue = der(
		tags.utf8String,
		Buffer.from(commonName.slice(0, 64)), // RFC 5280 ub-common-name
	);
	const subject = sequence(
		der(tags.set, sequence(oid("550403"), commonNameValue)),
	);
	const notBefore = new Date(now.getTime() - 3_600_000);
	const notAfter = new Date(now.getTime() + days * 86_400_000);
	const alternatives = [...new Set(names)].map(alternativeName);
	const extensions = [
		// Not a CA: trusting this certificate means trusting this agent, not every name that its key
		// might sign.
		extension("551d13", true, sequence()), // basicConstraints
		extension("551d0f", true, bits(7, Buffer.from([0x80]))), // keyUsage: digitalSignature
		extension(
			"551d25", // extKeyUsage: serverAuth, clientAuth
			false,
			sequence(oid("2b06010505070301"), oid("2b06010505070302")),
		),
		extension("551d0e", false, der(tags.octetString, keyId)), // subjectKeyIdentifier
		extension("551d23", false, sequence(der(tags.keyIdentifier, keyId))), // authorityKeyIdentifier
		...(alternatives.length > 0
			? [extension("551d11", false, sequence(...alternatives))]
			: []),
	];
	const toBeSigned = sequence(
		der(tags.version, der(tags.integer, Buffer.from([2]))), // v3
		der(tags.integer, serial),
		signatureAlgorithm,
		subject, // issuer
		sequence(time(notBefore), time(notAfter)),
		subject,
		keyInfo,
		der(tags.extensions, sequence(...extensions)),
	);
	const signature = bits(0, sign("sha256", toBeSigned, privateKey));
	return {
		certificate: pem(
			"CERTIFICATE",
			sequence(toBeSigned, signatureAlgorithm, signature),
		),
		privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
	};
}

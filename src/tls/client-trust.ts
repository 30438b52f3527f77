import { X509Certificate } from "node:crypto";
import { createKeptFiles, type KeptFiles } from "../kept-files.ts";
import { readRegularFile } from "../polled-files.ts";
import { systemReason } from "../system-error.ts";
import {
	type Certificate,
	isSelfSigned,
	pemBlocks,
	readCertificate,
} from "./certificate.ts";
import { DerError } from "./der.ts";
import { type RevocationList, readRevocationList } from "./revocation-list.ts";

/** Whom the agent trusts to certify clients, as read from files. */
export interface ClientTrust {
	/** The CAs' certificates; those that are self-signed are trusted, the others may be on the way. */
	readonly authorities: readonly Certificate[];
	/** Certificates that are trusted by themselves: chains end there. */
	readonly anchors: readonly Certificate[];
	/** undefined if nothing is revoked, as there is no file of lists. */
	readonly lists: readonly RevocationList[] | undefined;
}

/** The files of the settings `client-ca-file` and `client-crl-file`; the latter may be empty. */
export interface ClientTrustFiles {
	caFile: string;
	crlFile: string;
}

/** The files are unusable; one line that names the setting and the file. */
export class ClientTrustError extends Error {
	override name = "ClientTrustError";
}

/** A list of this size has 200,000 entries, and reading it takes a quarter of a second. */
const maxFileBytes = 8 * 1024 * 1024;

async function read(setting: string, file: string): Promise<string> {
	const name = `${setting} ${file}`;
	try {
		const content = await readRegularFile(file);
		if (content.length > maxFileBytes)
			throw new ClientTrustError(`${name}: over ${maxFileBytes} bytes`);
		return content.toString("latin1");
	} catch (cause) {
		if (cause instanceof ClientTrustError) throw cause;
		throw new ClientTrustError(`${name}: ${systemReason(cause)}`, { cause });
	}
}

/**
 * Reads each PEM block of a text.
 * @param parts.hint what to do if there is none
 */
function blocksOf<T>(parts: {
	name: string;
	text: string;
	label: string;
	what: string;
	hint: string;
	readOne: (pem: string) => T;
}): T[] {
	const { name, text, label, what, readOne } = parts;
	const blocks = pemBlocks(text, label);
	if (blocks.length === 0)
		throw new ClientTrustError(`${name}: no PEM ${what} in it${parts.hint}`);
	if (text.split(`-----BEGIN ${label}-----`).length !== blocks.length + 1)
		throw new ClientTrustError(`${name}: a ${what} in it is cut off`);
	return blocks.map((pem, index) => {
		try {
			return readOne(pem);
		} catch (cause) {
			const reason = cause instanceof DerError ? cause.message : "damaged";
			throw new ClientTrustError(`${name}: ${what} ${index + 1}: ${reason}`, {
				cause,
			});
		}
	});
}

async function readAuthorities(caFile: string): Promise<Certificate[]> {
	const name = `client-ca-file ${caFile}`;
	const found = blocksOf({
		name,
		text: await read("client-ca-file", caFile),
		label: "CERTIFICATE",
		what: "certificate",
		hint: "",
		readOne: (pem) => readCertificate(new X509Certificate(pem)),
	});
	if (!found.some(isSelfSigned))
		throw new ClientTrustError(
			`${name}: none of its certificates is self-signed: add the root CA`,
		);
	// bundles often have one twice
	return found.filter(
		({ x509 }, index) =>
			found.findIndex(
				(other) => other.x509.fingerprint256 === x509.fingerprint256,
			) === index,
	);
}

async function readLists(
	crlFile: string,
	authorities: readonly Certificate[],
): Promise<RevocationList[]> {
	const name = `client-crl-file ${crlFile}`;
	const lists = blocksOf({
		name,
		text: await read("client-crl-file", crlFile),
		label: "X509 CRL",
		what: "revocation list",
		hint: " (openssl crl converts: -inform DER -in FILE -out FILE)",
		readOne: (pem) =>
			readRevocationList(
				Buffer.from(pem.replace(/-----[^-]*-----/g, ""), "base64"),
			),
	});
	const seen = new Set<string>();
	for (const [index, list] of lists.entries()) {
		const place = `${name}: revocation list ${index + 1}`;
		const owner = `${list.issuer.toString("hex")} ${list.keyId}`;
		if (seen.has(owner))
			throw new ClientTrustError(`${place}: another one of ${list.title}`);
		seen.add(owner);
		const namesakes = authorities.filter(({ subject }) =>
			subject.equals(list.issuer),
		);
		// of a CA that only clients present, the signature is checked when one does
		if (namesakes.length > 0 && !namesakes.some(list.isIssuedBy))
			throw new ClientTrustError(
				`${place}: not signed by ${list.title}, or that CA may not sign lists`,
			);
	}
	return lists;
}

/**
 * Reads the files: every certificate and every list in them.
 * @throws ClientTrustError
 */
export async function loadClientTrust({
	caFile,
	crlFile,
}: ClientTrustFiles): Promise<ClientTrust> {
	const authorities = await readAuthorities(caFile);
	return {
		authorities,
		anchors: authorities.filter(isSelfSigned),
		lists: crlFile === "" ? undefined : await readLists(crlFile, authorities),
	};
}

const dayMilliseconds = 86_400_000;
const warnedDays = 30;

const dateText = (milliseconds: number) => new Date(milliseconds).toISOString();

/** Lines about CAs and lists that have expired, and about CAs that soon will. */
export function clientTrustWarnings(
	{ authorities, lists = [] }: ClientTrust,
	now: number,
): string[] {
	return [
		...authorities.flatMap(({ title, validTo }) => {
			const days = Math.floor((validTo - now) / dayMilliseconds);
			if (days > warnedDays) return [];
			return [
				days < 0
					? `client CA ${title}: expired on ${dateText(validTo)}`
					: `client CA ${title}: expires in ${days} days, on ${dateText(validTo)}`,
			];
		}),
		...lists
			.filter(({ nextUpdate }) => nextUpdate <= now)
			.map(
				({ title, nextUpdate }) =>
					`revocation list of ${title}: expired on ${dateText(nextUpdate)}; no certificate of this CA counts`,
			),
	];
}

const counted = (count: number, noun: string) =>
	`${count} ${noun}${count === 1 ? "" : "s"}`;

const isSameTrust = (one: ClientTrust, other: ClientTrust) =>
	fingerprints(one) === fingerprints(other);

/** Changes with each certificate and each list. */
const fingerprints = ({ authorities, lists }: ClientTrust) =>
	[
		...authorities.map(({ x509 }) => x509.fingerprint256),
		...(lists ?? []).map(({ digest }) => digest),
	].join();

/**
 * Keeps CAs and revocation lists current, and warns once a day of those that have expired.
 * @param parts see createKeptFiles
 */
export function createClientTrustKeeper(
	parts: {
		files: ClientTrustFiles;
		initial: ClientTrust;
		use: (trust: ClientTrust) => void;
		/** Wall clock in milliseconds. */
		now: () => number;
	} & Pick<
		Parameters<typeof createKeptFiles>[0],
		"look" | "lateMilliseconds" | "log" | "intervalMilliseconds" | "timers"
	>,
): KeptFiles<ClientTrust> {
	const { files, now } = parts;
	const { caFile, crlFile } = files;
	return createKeptFiles({
		...parts,
		files: [caFile, ...(crlFile === "" ? [] : [crlFile])],
		subject: `client-ca-file ${caFile}`,
		load: () => loadClientTrust(files),
		isSame: isSameTrust,
		describe: ({ authorities, lists = [] }) =>
			`${counted(authorities.length, "certificate")}, ${counted(lists.length, "revocation list")}`,
		expiry: { now, warnings: clientTrustWarnings },
	});
}

import { X509Certificate } from "node:crypto";
import { lookup } from "node:dns/promises";
import { hostname } from "node:os";
import { loadTrust, TrustError } from "../../../src/relay/trust.ts";
import {
	ClientTrustError,
	clientTrustWarnings,
	loadClientTrust,
} from "../../../src/tls/client-trust.ts";
import {
	type KeyPair,
	KeyPairError,
	loadKeyPair,
} from "../../../src/tls/key-pair.ts";
import { machineNames } from "../../../src/tls/machine-names.ts";
import { createOwnKeyPair } from "../../../src/tls/own-key-pair.ts";
import { isMissing } from "./files.ts";
import { type Finding, finding, type Level } from "./finding.ts";
import type { Patient } from "./patient.ts";
import { canonical } from "./processes.ts";

const silent = { notice() {}, error() {} };

/** The files of the pair that the agent uses, or would use. */
function filesOf({ settings }: Patient) {
	const given = {
		certificateFile: settings["public-key"],
		privateKeyFile: settings["private-key"],
		passphrase: settings["private-key-passphrase"],
		passphraseFile: settings["private-key-passphrase-file"],
	};
	const directory = settings["own-key-pair"];
	if (
		directory === "" ||
		!isMissing(given.certificateFile) ||
		!isMissing(given.privateKeyFile)
	)
		return { files: given, isOwn: false };
	const own = createOwnKeyPair({ directory, log: silent, now: Date.now });
	const { certificateFile, privateKeyFile } = own;
	return { files: { certificateFile, privateKeyFile }, isOwn: true };
}

/** Names that every machine has. */
const everywhere = new Set(["localhost", "127.0.0.1", "::1"]);

/** The names and addresses in a certificate. */
const namesIn = ({ subjectAltName }: X509Certificate) =>
	(subjectAltName ?? "")
		.split(", ")
		.flatMap((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1] ?? [])
		.map(canonical);

const lookUpMilliseconds = 2_000;

/** Whether a name leads to this machine: without an answer in time, it does not. */
async function leadsHere(
	name: string,
	addresses: readonly string[],
): Promise<boolean> {
	const late = new AbortController();
	try {
		const found = await Promise.race([
			lookup(name, { all: true }),
			new Promise<never[]>((resolve) => {
				const timer = setTimeout(() => resolve([]), lookUpMilliseconds);
				late.signal.addEventListener("abort", () => clearTimeout(timer));
			}),
		]);
		return found.some(({ address }) => addresses.includes(address));
	} catch {
		return false;
	} finally {
		late.abort();
	}
}

const serverAuth = "1.3.6.1.5.5.7.3.1";
const warnedDays = 30;
const day = 86_400_000;

type Add = (level: Level, what: string, why: string, remedy: string) => void;

const replaceIt =
	"Install a new certificate with the same key, or a new pair; the agent loads it by itself.";

function examineDates(
	{ validFrom, validTo }: KeyPair,
	isOwn: boolean,
	add: Add,
): void {
	const now = Date.now();
	const days = Math.floor((validTo.getTime() - now) / day);
	const clients =
		"Clients that verify certificates refuse the agent, and checks give UNKNOWN.";
	if (validTo.getTime() <= now)
		add(
			"problem",
			`The certificate expired on ${validTo.toISOString()}.`,
			clients,
			isOwn
				? "Restart the agent, which renews a certificate of its own. If it does not, its log says why."
				: replaceIt,
		);
	else if (validFrom.getTime() > now)
		add(
			"problem",
			`The certificate is not valid before ${validFrom.toISOString()}.`,
			clients,
			"Look whether the clock of this machine is right (date -u). If it is, wait, or install another certificate.",
		);
	else if (days <= warnedDays && !isOwn)
		add(
			"note",
			`The certificate expires in ${days} days, on ${validTo.toISOString()}.`,
			`After that, ${clients.toLowerCase()}`,
			replaceIt,
		);
}

async function examineNames(x509: X509Certificate, add: Add): Promise<void> {
	const names = namesIn(x509);
	const usages: readonly string[] | undefined = x509.keyUsage;
	if (usages && usages.length > 0 && !usages.includes(serverAuth))
		add(
			"problem",
			"The certificate is not one for servers: its extended key usage lacks serverAuth.",
			"Clients that verify certificates refuse it.",
			"Ask the CA for a certificate for servers.",
		);
	if (names.length === 0)
		return add(
			"problem",
			"The certificate has no alternative names (SAN), neither names nor addresses.",
			"Clients do not look at the common name any more, so none can verify the agent by name. Only a pinned fingerprint works.",
			`Make a certificate with the names of this host: ${machineNames().slice(0, 4).join(", ")} ...`,
		);
	const ofMachine = machineNames().filter((name) => !everywhere.has(name));
	const fits = (name: string) =>
		/^[\d.]+$|:/.test(name)
			? x509.checkIP(name) !== undefined
			: x509.checkHost(name, { subject: "never" }) !== undefined;
	const matching = ofMachine.filter(fits);
	if (matching.length > 0) {
		const others = ofMachine.filter(
			(name) => /^[\d.]+$|:/.test(name) && !fits(name),
		);
		if (others.length > 0 && matching.every((name) => /^[\d.]+$|:/.test(name)))
			add(
				"note",
				`The certificate lacks these addresses of this host: ${others.join(", ")}.`,
				"Clients that reach the agent by one of them cannot verify it.",
				"Nothing, if clients use another address or a name. Otherwise make a certificate that has it.",
			);
		return;
	}
	const foreign = names.filter((name) => !everywhere.has(name));
	for (const name of foreign)
		if (!name.includes("*") && (await leadsHere(name, ofMachine))) return;
	add(
		"problem",
		foreign.length === 0
			? `The certificate is only for ${names.join(", ")}.`
			: `The certificate is for ${foreign.slice(0, 5).join(", ")}; this host is ${hostname()}, and none of these names or addresses leads to it.`,
		"Clients that reach the agent by its name or address cannot verify it. The certificate may come from another host, or from before a change of name.",
		`Make a certificate with the names that clients use, such as ${ofMachine.slice(0, 3).join(", ")}. If clients use a name that this host cannot look up, everything may be right: try happo-ctl status --ca-file CA -H NAME from a client.`,
	);
}

/** The files by which the certificates of others are verified. */
async function examineTrust({ settings }: Patient): Promise<Finding[]> {
	const findings: Finding[] = [];
	const caFile = settings["client-ca-file"];
	const crlFile = settings["client-crl-file"];
	const startFails = "The agent does not start with it.";
	try {
		await loadTrust({
			caFile: settings["proxy-ca-file"],
			certificateFile: settings["proxy-certificate"],
			keyFile: settings["proxy-private-key"],
			pins: settings["proxy-fingerprints"],
		});
	} catch (error) {
		if (!(error instanceof TrustError)) throw error;
		findings.push(
			finding("problem", "certificate", "next hops", [
				`${error.message}.`,
				startFails,
				"Correct the file, or the setting that names it.",
			]),
		);
	}
	if (caFile === "") return findings;
	try {
		const trust = await loadClientTrust({ caFile, crlFile });
		for (const line of clientTrustWarnings(trust, Date.now()))
			findings.push(
				finding(
					/expired on/.test(line) ? "problem" : "note",
					"certificate",
					caFile,
					[
						`${line}.`,
						"Clients with certificates of this CA have only the rights that their address or key gives them.",
						"Put the renewed CA certificate or revocation list into the file; the agent reads it by itself.",
					],
				),
			);
	} catch (error) {
		if (!(error instanceof ClientTrustError)) throw error;
		findings.push(
			finding("problem", "certificate", caFile, [
				`${error.message}.`,
				startFails,
				"Correct the file, or the setting that names it.",
			]),
		);
	}
	return findings;
}

/** Examines the key pair of the agent as its clients will. */
export async function examineCertificate(patient: Patient): Promise<Finding[]> {
	const { files, isOwn } = filesOf(patient);
	const findings: Finding[] = await examineTrust(patient);
	const add: Add = (level, what, why, remedy) =>
		findings.push(
			finding(level, "certificate", files.certificateFile, [what, why, remedy]),
		);
	const running = patient.status?.certificate;
	let pair: KeyPair;
	try {
		pair = await loadKeyPair(files);
	} catch (error) {
		if (!(error instanceof KeyPairError)) throw error;
		const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
		if (code === "ENOENT" && isOwn && patient.pid === undefined) {
			add(
				"note",
				"The agent has no key pair yet.",
				"It makes one when it starts.",
				"Nothing.",
			);
			return findings;
		}
		const isForbidden = code === "EACCES" || code === "EPERM";
		add(
			isForbidden ? "unknown" : "problem",
			`${error.message}.`,
			running
				? "The running agent keeps the pair that it has read before, but the next start will fail."
				: "The agent does not start without a key pair.",
			isForbidden
				? "Run doctor as root."
				: "Install a certificate and the key that belongs to it. happo-agent daemon --quick-start DIRECTORY makes a pair, and so does the setting own-key-pair.",
		);
		return findings;
	}
	const x509 = new X509Certificate(pair.certificate);
	examineDates(pair, isOwn, add);
	await examineNames(x509, add);
	if (running && running.fingerprint_sha256 !== pair.fingerprint256)
		add(
			"problem",
			`The running agent shows another certificate: ${running.subject}, SHA-256 ${running.fingerprint_sha256}.`,
			running.problem ??
				"It has not loaded the files yet, which it does within seconds after a change.",
			"Wait a few seconds and run doctor again. Then have the agent load the files: systemctl reload happo-agent. Its log says what is wrong with them.",
		);
	return findings;
}

import { X509Certificate } from "node:crypto";
import {
	type FileHandle,
	mkdir,
	open,
	readFile,
	rename,
	rm,
	stat,
} from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Log } from "../log.ts";
import { fileError, KeyPairError, validityWarning } from "./key-pair.ts";
import { machineNames, machineNumber } from "./machine-names.ts";
import { createSelfSigned } from "./self-signed.ts";

/** What the agent notes about a pair that it made. */
interface Note {
	/** See machineNumber(); empty if the machine had none. */
	machine: string;
	/** Names and addresses in the certificate. */
	names: readonly string[];
	/** SHA-256 of the certificate, and of the one before: the files are replaced one after the other. */
	fingerprints: readonly string[];
}

/** The key pair that the agent makes for itself. */
export interface OwnKeyPair {
	certificateFile: string;
	privateKeyFile: string;
	/**
	 * Makes the pair if there is none, or if the one there was made on another machine.
	 * @throws KeyPairError
	 */
	prepare(): Promise<void>;
	/**
	 * Writes a new certificate for the same key if this machine has a name or an address that the
	 * certificate lacks, or if it expires soon. Failures are logged once.
	 */
	renew(): Promise<void>;
}

const isMissing = (error: unknown) =>
	(error as NodeJS.ErrnoException).code === "ENOENT";

async function exists(file: string): Promise<boolean> {
	try {
		await stat(file);
		return true;
	} catch (error) {
		if (isMissing(error)) return false;
		throw error;
	}
}

async function synced(handle: FileHandle, work: () => Promise<unknown>) {
	try {
		await work();
		await handle.sync();
	} finally {
		await handle.close();
	}
}

async function write(file: string, text: string, mode: number) {
	const handle = await open(file, "wx", mode);
	await synced(handle, () => handle.writeFile(text));
}

/** Replaces a file in one step. */
async function replace(file: string, text: string, mode: number) {
	const fresh = `${file}.new`;
	await rm(fresh, { force: true });
	await write(fresh, text, mode);
	await rename(fresh, file);
}

const fingerprintOf = (certificate: string) =>
	new X509Certificate(certificate).fingerprint256;

function parseNote(text: string): Note | undefined {
	try {
		const { machine, names, fingerprints } = JSON.parse(text) as Partial<Note>;
		return typeof machine === "string" &&
			Array.isArray(names) &&
			Array.isArray(fingerprints)
			? { machine, names, fingerprints }
			: undefined;
	} catch {
		return undefined;
	}
}

/**
 * The key pair that the agent makes for itself in `directory`: happo-agent.pub and happo-agent.key,
 * and happo-agent.json, by which it recognizes its own work. It never touches a pair that somebody
 * else put there.
 * @param parts.now wall clock in milliseconds
 * @param parts.names what machineNames() returns, for the certificate
 * @param parts.machine what machineNumber() returns
 */
export function createOwnKeyPair({
	directory,
	log,
	now,
	names = machineNames,
	machine = machineNumber,
}: {
	directory: string;
	log: Pick<Log, "notice" | "error">;
	now: () => number;
	names?: () => string[];
	machine?: () => string;
}): OwnKeyPair {
	const place = resolve(directory);
	const inside = (folder: string) => ({
		certificateFile: join(folder, "happo-agent.pub"),
		privateKeyFile: join(folder, "happo-agent.key"),
		noteFile: join(folder, "happo-agent.json"),
	});
	const files = inside(place);
	let problem: string | undefined;

	/** The certificate and its note, if the agent made it. */
	const ownCertificate = async () => {
		const certificate = await readFile(files.certificateFile, "utf8");
		const note = parseNote(await readFile(files.noteFile, "utf8"));
		// who replaces the certificate takes charge of it
		return note?.fingerprints.includes(fingerprintOf(certificate))
			? { certificate, note }
			: undefined;
	};
	const ownOrNone = () =>
		ownCertificate().catch((error) => {
			if (isMissing(error)) return undefined;
			throw error;
		});

	const noted = (given: readonly string[], fingerprints: readonly string[]) =>
		`${JSON.stringify({ machine: machine(), names: given, fingerprints } satisfies Note)}\n`;

	const sign = (given: readonly string[], privateKey?: string) =>
		createSelfSigned({
			// the host name, which comes first
			commonName: given[0] ?? "localhost",
			names: given,
			now: new Date(now()),
			...(privateKey !== undefined && { privateKey }),
		});

	const make = async (why: string) => {
		const given = names();
		const made = sign(given);
		const fingerprint = fingerprintOf(made.certificate);
		// the files appear together, or none of them
		const fresh = `${place}.new`;
		await rm(fresh, { recursive: true, force: true });
		await mkdir(dirname(place), { recursive: true });
		await mkdir(fresh, { mode: 0o700 });
		const to = inside(fresh);
		await write(to.privateKeyFile, made.privateKey, 0o600);
		await write(to.certificateFile, made.certificate, 0o644);
		await write(to.noteFile, noted(given, [fingerprint]), 0o644);
		for (const file of Object.values(files)) await rm(file, { force: true });
		await rename(fresh, place);
		log.notice(
			`certificate ${files.certificateFile}: made ${why}, for ${given.join(", ")}; SHA-256 ${fingerprint}`,
		);
	};

	const prepare = async () => {
		const { certificateFile, privateKeyFile, noteFile } = files;
		const pair = [certificateFile, privateKeyFile];
		const present = await Promise.all(pair.map(exists));
		// a half with a note is what a crash left of ours: make() removes the note last
		if (
			!present.includes(true) ||
			(present.includes(false) && (await exists(noteFile)))
		)
			return make("as there was none");
		const own = await ownOrNone();
		const here = machine();
		// a machine that cannot read its id keeps what it has
		if (own?.note.machine && here && own.note.machine !== here)
			await make("as the one before was made on another machine");
	};

	const renew = async () => {
		const own = await ownOrNone();
		if (!own) return;
		const { certificate, note } = own;
		const given = names();
		// an address that is gone may come back, as with DHCP at boot
		const missing = given.filter((name) => !note.names.includes(name));
		const { subject, validFrom, validTo } = new X509Certificate(certificate);
		const expires = validityWarning(
			{ subject, validFrom: new Date(validFrom), validTo: new Date(validTo) },
			new Date(now()),
		);
		if (missing.length === 0 && expires === undefined) return;
		const privateKey = await readFile(files.privateKeyFile, "utf8");
		const next = sign(given, privateKey).certificate;
		const fingerprint = fingerprintOf(next);
		const known = [fingerprint, fingerprintOf(certificate)];
		await replace(files.noteFile, noted(given, known), 0o644);
		await replace(files.certificateFile, next, 0o644);
		const why =
			missing.length > 0
				? `as this machine is now also ${missing.join(", ")}`
				: "as it expires soon";
		log.notice(
			`certificate ${files.certificateFile}: renewed with the same key, ${why}; SHA-256 ${fingerprint}`,
		);
	};

	return {
		...files,
		async prepare() {
			try {
				await prepare();
			} catch (error) {
				throw error instanceof KeyPairError
					? error
					: fileError("key pair", place, error);
			}
		},
		async renew() {
			try {
				await renew();
				problem = undefined;
			} catch (error) {
				const { message } = fileError("key pair", place, error);
				if (message !== problem) log.error(`${message}; not renewed`);
				problem = message;
			}
		},
	};
}

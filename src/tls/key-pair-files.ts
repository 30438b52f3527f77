import { mkdir, open, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import {
	fileError,
	type KeyPair,
	KeyPairError,
	loadKeyPair,
} from "./key-pair.ts";
import { machineNames } from "./machine-names.ts";
import { createSelfSigned } from "./self-signed.ts";

async function exists(what: string, file: string): Promise<boolean> {
	try {
		await stat(file);
		return true;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
		throw fileError(what, file, error);
	}
}

async function create(what: string, file: string, text: string, mode: number) {
	try {
		await mkdir(dirname(file), { recursive: true });
		const handle = await open(file, "wx", mode);
		try {
			await handle.writeFile(text);
			await handle.sync();
		} catch (error) {
			await rm(file, { force: true });
			throw error;
		} finally {
			await handle.close();
		}
	} catch (error) {
		throw fileError(what, file, error);
	}
}

/**
 * Creates a self-signed pair for this machine and returns it, if neither file exists; returns
 * undefined if both exist. The key gets mode 0600. Never overwrites a file. Throws a KeyPairError
 * if only one exists.
 */
export async function createKeyPairFiles({
	certificateFile,
	privateKeyFile,
	now,
}: {
	certificateFile: string;
	privateKeyFile: string;
	now: Date;
}): Promise<KeyPair | undefined> {
	const hasCertificate = await exists("certificate", certificateFile);
	const hasKey = await exists("private key", privateKeyFile);
	if (hasCertificate && hasKey) return undefined;
	if (hasKey)
		throw new KeyPairError(
			`certificate ${certificateFile}: no such file, but private key ${privateKeyFile} exists`,
		);
	if (hasCertificate)
		throw new KeyPairError(
			`private key ${privateKeyFile}: no such file, but certificate ${certificateFile} exists`,
		);
	const made = createSelfSigned({
		commonName: hostname() || "localhost",
		names: machineNames(),
		now,
	});
	await create("private key", privateKeyFile, made.privateKey, 0o600);
	try {
		await create("certificate", certificateFile, made.certificate, 0o644);
	} catch (error) {
		// a key without a certificate would make every later start fail
		await rm(privateKeyFile, { force: true });
		throw error;
	}
	return loadKeyPair({ certificateFile, privateKeyFile });
}

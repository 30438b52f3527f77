import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { createPair } from "./next-hop.ts";
import { programDirectory } from "./program-directory.ts";

const server = "/usr/sbin/nrpe";
const plugins = "/usr/lib/nagios/plugins";

/** Debian's client of NRPE. */
export const checkNrpe = `${plugins}/check_nrpe`;

/** Why the tests cannot run. */
export const missingNrpe = [server, checkNrpe].every((file) => existsSync(file))
	? undefined
	: "nrpe and check_nrpe are not installed";

/** NRPE does not run as root. */
const nobody = 65_534;

/** A running NRPE. */
export interface Nrpe {
	port: number;
	/** Its configuration. */
	file: string;
	/** Stops it; its port is free then. */
	stop(): Promise<void>;
}

/**
 * Starts NRPE on a free port of 127.0.0.1, with commands by their names.
 * @param more lines of its configuration
 */
export async function startNrpe(
	t: Pick<TestContext, "after">,
	commands: Readonly<Record<string, string>>,
	more: readonly string[] = [],
): Promise<number> {
	const { port } = await startNrpeWith(t, [
		...more,
		...Object.entries(commands).map(
			([name, line]) => `command[${name}]=${line}`,
		),
	]);
	return port;
}

/**
 * Starts NRPE with further lines of nrpe.cfg.
 * @param where a free port of 127.0.0.1 by default
 */
export async function startNrpeWith(
	t: Pick<TestContext, "after">,
	lines: readonly string[],
	where: { address?: string; port?: number } = {},
): Promise<Nrpe> {
	const { address = "127.0.0.1" } = where;
	const port = where.port ?? (await freePort());
	const { directory, owns } = await programDirectory(t);
	const { certificate, privateKey } = createPair();
	const at = (name: string) => join(directory, name);
	// its user reads them
	await chmod(directory, 0o755);
	await writeFile(at("certificate.pem"), certificate);
	await writeFile(at("key.pem"), privateKey);
	const ids = [process.getuid?.() || nobody, process.getgid?.() || nobody];
	await writeFile(
		at("nrpe.cfg"),
		[
			`server_address=${address}`,
			`server_port=${port}`,
			`nrpe_user=${ids[0]}`,
			`nrpe_group=${ids[1]}`,
			"allowed_hosts=127.0.0.1",
			"ssl_version=TLSv1.2+",
			`ssl_cert_file=${at("certificate.pem")}`,
			`ssl_privatekey_file=${at("key.pem")}`,
			...lines,
			"",
		].join("\n"),
	);
	const child = spawn(server, ["-c", at("nrpe.cfg"), "-f"], {
		stdio: "ignore",
	});
	owns(child);
	await eventually("NRPE listens", async () => {
		const socket = connect(port, address);
		return new Promise<boolean>((resolve) => {
			socket.once("connect", () => resolve(true));
			socket.once("error", () => resolve(false));
		}).finally(() => socket.destroy());
	});
	return {
		port,
		file: at("nrpe.cfg"),
		stop: async () => {
			const closed = once(child, "close");
			child.kill("SIGTERM");
			await closed;
		},
	};
}

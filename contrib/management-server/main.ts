/** A management server to try the contract with, and to start your own from. */
import "../../src/no-debugger.ts";
import { isIP } from "node:net";
import { parseArgs } from "node:util";
import { commandHelp } from "../../cli/program/help.ts";
import {
	resolveSettings,
	SettingsError,
	type SettingTable,
} from "../../src/setting-table.ts";
import { systemReason } from "../../src/system-error.ts";
import { KeyPairError, loadKeyPair } from "../../src/tls/key-pair.ts";
import { createManagementHandlers } from "./handlers.ts";
import { openHosts } from "./hosts.ts";
import { startManagementServer } from "./server.ts";

const settingTable = {
	port: {
		kind: "integer",
		minimum: 0,
		maximum: 65_535,
		default: 6780,
		help: "port to listen on; 0 takes a free one",
	},
	"listen-address": {
		kind: "text",
		default: "127.0.0.1",
		placeholder: "ADDRESS",
		check: (text: string) =>
			isIP(text) === 0 ? `not an address: ${text}` : undefined,
		help: "address to listen on; everyone who can reach it can add and remove hosts",
	},
	directory: {
		kind: "text",
		default: "./management-data",
		placeholder: "DIRECTORY",
		check: (text: string) => (text === "" ? "empty" : undefined),
		help: "directory for the hosts",
	},
	certificate: {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "certificate for HTTPS in PEM format, with its chain; if empty, plain HTTP",
	},
	"private-key": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "private key of the certificate, in PEM format",
	},
} as const satisfies SettingTable;

/** An expected error at the start, whose message needs no stack trace. */
class StartError extends Error {}

async function named<T>(what: string, work: Promise<T>): Promise<T> {
	try {
		return await work;
	} catch (error) {
		// LevelDB's reason is in the cause
		const { cause = error } = error as { cause?: NodeJS.ErrnoException };
		const { code = "", message } = cause as NodeJS.ErrnoException;
		// errors of the system have a code, others have a readable message
		const why = /^E[A-Z]+$/.test(code) ? systemReason(cause) : message;
		throw new StartError(`${what}: ${why}`);
	}
}

/** Resolves at the first SIGINT or SIGTERM. */
const stopSignal = () =>
	new Promise<void>((resolve) => {
		for (const signal of ["SIGINT", "SIGTERM"] as const)
			process.once(signal, () => resolve());
	});

const log = (line: string) =>
	process.stdout.write(`${new Date().toISOString()} ${line}\n`);

async function run(
	flags: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
	const settings = resolveSettings(settingTable, flags, {});
	const { port, directory } = settings;
	const { certificate: certificateFile, "private-key": privateKeyFile } =
		settings;
	const address = settings["listen-address"];
	if ((certificateFile === "") !== (privateKeyFile === ""))
		throw new SettingsError(["certificate and private-key go together"]);
	const pair =
		certificateFile === ""
			? undefined
			: await loadKeyPair({ certificateFile, privateKeyFile });
	const stopped = stopSignal();
	const hosts = await named(directory, openHosts(directory));
	const server = await named(
		`port ${port} of ${address}`,
		startManagementServer({
			handlers: createManagementHandlers(hosts),
			...{ port, address, log },
			...(pair && { tls: { cert: pair.certificate, key: pair.privateKey } }),
		}),
	);
	const place = address.includes(":") ? `[${address}]` : address;
	log(
		`listening on ${pair ? "https" : "http"}://${place}:${server.port}, hosts in ${directory}`,
	);
	await stopped;
	await server.close();
	await hosts.close();
	log("stopped");
}

/** Returns the exit status: 2 for a wrong argument, 1 for a failed start. */
async function main(args: readonly string[]): Promise<number> {
	try {
		const names = Object.keys(settingTable).map((name) => [
			name,
			{ type: "string", multiple: true } as const,
		]);
		const { values } = parseArgs({
			args: [...args],
			options: {
				...(Object.fromEntries(names) as Record<
					string,
					{ type: "string"; multiple: true }
				>),
				help: { type: "boolean", short: "h" },
			},
		});
		const { help, ...flags } = values;
		if (!help) await run(flags as Record<string, string[]>);
		else
			process.stdout.write(
				commandHelp("npm run management-server --", {
					usage: "[OPTION...]",
					summary: "a small management server",
					details: "Runs until SIGTERM or SIGINT.",
					examples: ["--port 8080 --directory /srv/hosts"],
					settings: settingTable,
				}),
			);
		return 0;
	} catch (error) {
		const { message, code = "" } = error as NodeJS.ErrnoException;
		const isUsage =
			error instanceof SettingsError || code.startsWith("ERR_PARSE_ARGS");
		const isExpected =
			isUsage || error instanceof StartError || error instanceof KeyPairError;
		if (!isExpected) throw error;
		for (const line of message.split("\n"))
			process.stderr.write(`management-server: ${line}\n`);
		return isUsage ? 2 : 1;
	}
}

process.exitCode = await main(process.argv.slice(2));

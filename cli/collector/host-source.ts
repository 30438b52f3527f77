import { stat } from "node:fs/promises";
import { AgentUnreachable } from "../../src/client/index.ts";
import { createManagementFetch } from "../../src/client/management-client.ts";
import type { Log } from "../../src/log.ts";
import { createLogRepeats } from "../../src/log-repeats.ts";
import { fileVersion, readRegularFile } from "../../src/polled-files.ts";
import { systemReason } from "../../src/system-error.ts";
import { HostListError, type ListedHost, parseHostList } from "./host-list.ts";

/** Where the list of hosts comes from. */
export interface HostSource {
	/** Reads the list for the first time, and then again whenever it has changed. */
	start(): Promise<void>;
	stop(): void;
}

/** The list could not be read. The message names the file or URL. */
export class HostSourceError extends Error {
	override name = "HostSourceError";
}

/** Largest list: ten thousand hosts with labels have about two megabytes. */
const maxBytes = 64 * 1024 * 1024;

/** Entries named in the log each time the list has changed. */
const maxNamed = 20;

/** How often a file is looked at, and a URL asked, in milliseconds. */
const fileMilliseconds = 5_000;
const urlMilliseconds = 60_000;

export const isUrl = (text: string): boolean => /^https?:\/\//i.test(text);

/** The text of a list if it has changed since the last call. */
type Read = () => Promise<string | undefined>;

function fileReader(file: string): Read {
	let last = "";
	return async () => {
		const found = await stat(file, { bigint: true });
		const version = fileVersion(found);
		if (version === last) return undefined;
		if (found.size > maxBytes) throw new Error(`over ${maxBytes} bytes`);
		const content = await readRegularFile(file);
		last = version;
		return content.toString("utf8");
	};
}

/** @throws OptionsError for an invalid URL or CA */
function urlReader(
	text: string,
	options: {
		ca: Buffer | undefined;
		environment: Readonly<Record<string, string | undefined>>;
	},
): Read & { close(): void } {
	const url = new URL(text);
	const { username, password, host, protocol } = url;
	const user = username === "" ? "" : `${username}:${password}@`;
	const { fetch, close } = createManagementFetch({
		endpoint: `${protocol}//${user}${host}`,
		...(options.ca && { ca: options.ca }),
		timeoutMilliseconds: 30_000,
		environment: options.environment,
	});
	// a Request refuses them; they go into a header
	url.username = "";
	url.password = "";
	let last = "";
	const read = async () => {
		const headers = { accept: "application/json" };
		const answer = await fetch(new Request(url, { headers }));
		if (answer.status !== 200)
			throw new Error(`answered with status ${answer.status}`);
		const list = await answer.text();
		if (list === last) return undefined;
		last = list;
		return list;
	};
	return Object.assign(read, { close });
}

/** A URL without what may be a password. */
export function shownSource(text: string): string {
	if (!isUrl(text) || !URL.canParse(text)) return text;
	const url = new URL(text);
	url.username = "";
	url.password = "";
	url.search = url.search === "" ? "" : "?…";
	return url.href;
}

/**
 * Reads the list of hosts from a file or URL, again and again. A list that cannot be read changes
 * nothing.
 * @param parts.take gets each new list, and the number of entries that cannot be used
 * @param parts.failed gets the reason each time that the list cannot be read, and undefined if it can
 * @throws OptionsError for an invalid URL or CA
 */
export function createHostSource(parts: {
	from: string;
	ca: Buffer | undefined;
	environment: Readonly<Record<string, string | undefined>>;
	log: Pick<Log, "info" | "warning" | "error">;
	take: (hosts: readonly ListedHost[], leftOut: number) => void;
	failed: (reason: string | undefined) => void;
	/** Milliseconds between two looks; by default 5,000 for a file and 60,000 for a URL. */
	everyMilliseconds?: number | undefined;
}): HostSource {
	const { from, log } = parts;
	const name = shownSource(from);
	const ofUrl = isUrl(from) ? urlReader(from, parts) : undefined;
	const read = ofUrl ?? fileReader(from);
	const every =
		parts.everyMilliseconds ?? (ofUrl ? urlMilliseconds : fileMilliseconds);
	let timer: NodeJS.Timeout | undefined;
	let isStopped = false;
	const repeats = createLogRepeats({ log });
	/** Why the list that was read last is none. */
	let badList: string | undefined;

	/** Reads once. Returns why it could not. */
	const look = async (): Promise<string | undefined> => {
		try {
			const text = await read();
			if (text === undefined || isStopped) return badList;
			const { hosts, complaints } = parseHostList(text);
			badList = undefined;
			for (const complaint of complaints.slice(0, maxNamed))
				log.warning(`hosts: ${name}: left out: ${complaint}`);
			if (complaints.length > maxNamed)
				log.warning(
					`hosts: ${name}: ${complaints.length - maxNamed} more entries are left out`,
				);
			log.info(`hosts: ${name}: ${hosts.length} hosts`);
			parts.take(hosts, complaints.length);
			return undefined;
		} catch (error) {
			if (error instanceof HostListError) {
				badList = error.message;
				return badList;
			}
			return error instanceof AgentUnreachable
				? error.message
				: systemReason(error);
		}
	};

	const looked = (reason: string | undefined) => {
		if (reason === undefined) repeats.right(name, `hosts: ${name}`);
		else
			repeats.wrong(name, {
				...{ kind: reason, level: "error" },
				lines: [`hosts: ${name}: ${reason}: the last list stays in use`],
			});
		parts.failed(reason);
	};

	const again = () => {
		timer = setTimeout(async () => {
			const reason = await look();
			if (isStopped) return;
			looked(reason);
			again();
		}, every);
	};

	return {
		async start() {
			const reason = await look();
			// a server may come later than the collector
			if (reason !== undefined && !ofUrl)
				throw new HostSourceError(`--hosts ${name}: ${reason}`);
			looked(reason);
			again();
		},
		stop() {
			isStopped = true;
			clearTimeout(timer);
			ofUrl?.close();
		},
	};
}

import { stat } from "node:fs/promises";
import { createKeptFiles, type KeptFiles } from "../../../src/kept-files.ts";
import {
	KnownHosts,
	type KnownHostsContent,
	KnownHostsError,
	servicesFile,
	userFile,
} from "../../../src/known-hosts.ts";
import type { SettingValues } from "../../../src/setting-table.ts";
import { UsageError } from "../../program/arguments.ts";
import type { trustSettings } from "../flags.ts";

/** Where a program has its known hosts unless --known-hosts names a file. */
export const knownHostsPlaces = {
	/** Of the user who runs the program. */
	user: (environment: NodeJS.ProcessEnv) => ({
		file: userFile(environment),
		mode: 0o600,
	}),
	/** Of the services of this machine. */
	services: () => ({ file: servicesFile, mode: 0o640 }),
};

/** Turns the errors of a file of known hosts into those of a command line. */
export function usableFile<T>(use: () => T): T {
	try {
		return use();
	} catch (error) {
		if (error instanceof KnownHostsError) throw new UsageError(error.message);
		throw error;
	}
}

/**
 * Reads the file of known hosts. Without --known-hosts that is the program's own file, if it exists,
 * and none with --insecure or --fingerprint.
 * @param parts.sendsKey the program has a key for the agents
 * @param parts.say gets a line for each host that is added
 * @throws UsageError
 */
export function openKnownHosts(
	settings: SettingValues<typeof trustSettings>,
	{
		place,
		sendsKey,
		say,
	}: {
		place: { file: string; mode: number };
		sendsKey: boolean;
		say: (line: string) => void;
	},
): KnownHosts {
	const named = settings["known-hosts"];
	const { fingerprint, insecure } = settings;
	if (settings["accept-new"]) {
		if (insecure || fingerprint !== "" || settings["ca-file"] !== "")
			throw new UsageError(
				"--accept-new: cannot be used with --ca-file, --fingerprint or --insecure",
			);
		if (sendsKey)
			throw new UsageError(
				"--accept-new: a key is only sent to hosts that are known before: add them first, without a key",
			);
	}
	const hosts = new KnownHosts({
		file: named || place.file,
		isNamed: named !== "",
		mayBeMissing: named === "",
		added: settings["accept-new"] ? say : undefined,
		isUnused: named === "" && (insecure || fingerprint !== ""),
		mode: place.mode,
	});
	usableFile(() => hosts.use(hosts.read()));
	return hosts;
}

/** How often a service looks whether the file has changed; it reads it when the next look agrees. */
const lookMilliseconds = 2_000;

/** Keeps what was read from the file of known hosts current. */
export const keepKnownHosts = (
	known: KnownHosts,
	log: Parameters<typeof createKeptFiles>[0]["log"],
): KeptFiles<KnownHostsContent> =>
	createKeptFiles({
		files: [known.file],
		subject: `known hosts ${known.file}`,
		look: (file) => stat(file).catch(() => {}),
		initial: known.content,
		load: async () => known.read(),
		// the hosts that were added in between are in use already
		isSame: ({ text }) => text === known.content.text,
		describe: () => `${known.content.hosts.size} hosts`,
		use: (content) => known.use(content),
		log,
		intervalMilliseconds: lookMilliseconds,
	});

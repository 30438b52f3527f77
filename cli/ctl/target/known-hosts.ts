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
export interface KnownHostsPlace {
	file: string;
	/** It is that of the user, which happo-ctl changes if no file is named. */
	isOfUser: boolean;
}

export const ofUser = (environment: NodeJS.ProcessEnv): KnownHostsPlace => ({
	file: userFile(environment),
	isOfUser: true,
});

/** For the services of this machine. */
export const ofServices: KnownHostsPlace = {
	file: servicesFile,
	isOfUser: false,
};

/** What KnownHosts needs to know of a file: the one that is named, or else that of the program. */
export function knownHostsFile(named: string, place: KnownHostsPlace) {
	const isOfUser = named === "" && place.isOfUser;
	return {
		file: named || place.file,
		isNamed: !isOfUser,
		// services with users of their own read the others; keys of servers are no secret
		mode: isOfUser ? 0o600 : 0o644,
	};
}

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
		place: KnownHostsPlace;
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
		...knownHostsFile(named, place),
		mayBeMissing: named === "",
		added: settings["accept-new"] ? say : undefined,
		isUnused: named === "" && (insecure || fingerprint !== ""),
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

import type { Socket } from "node:net";
import { basename, join, resolve } from "node:path";
import type { Log } from "../log.ts";
import { type DaemonSettings, daemonSettings } from "../settings.ts";
import { descriptorOf, unsuitable } from "../socket-file.ts";
import type { NativeAddon } from "../spawn/native-addon.ts";

/** The admin socket: where it is, and whether the peer of a connection is an administrator. */
export interface AdminSocket {
	file: string;
	group: string;
	isAdmin: (socket: Socket) => boolean;
}

/**
 * The admin socket; undefined if the settings want none. One whose place nobody has chosen must not
 * abort startup: v1 has none, so its directory may be missing.
 *
 * The agent's own user is no administrator, though it owns the socket: plugins have it, too. Only in
 * a quick start is it the operator's; and root needs no socket to do what it wants.
 * @param parts.own id of the agent's own user
 */
export function adminSocketOf({
	settings,
	addon,
	log,
	own = process.getuid?.() ?? 0,
}: {
	settings: DaemonSettings;
	addon: Pick<NativeAddon, "peerUser"> | { reason: string };
	log: Pick<Log, "info" | "warning">;
	own?: number;
}): AdminSocket | undefined {
	const file = settings["admin-socket"];
	const group = settings["admin-socket-group"];
	if (file === "none") return undefined;
	const quickStart = settings["quick-start"];
	const chosen = quickStart
		? join(resolve(quickStart), basename(file))
		: daemonSettings["admin-socket"].default;
	const why = unsuitable(file);
	if (file === chosen && group === "" && why) {
		log[why.level](`no admin socket: ${file}: ${why.reason}`);
		return undefined;
	}
	const isTrusted = own === 0 || quickStart !== "";
	if ("reason" in addon) {
		if (!isTrusted)
			log.warning(
				`admin-socket: nobody is an administrator there, as the system cannot tell which user a client is (${addon.reason})`,
			);
		return { file, group, isAdmin: () => isTrusted };
	}
	return {
		file,
		group,
		isAdmin: (socket) => {
			const user = addon.peerUser(descriptorOf(socket));
			return user === own ? isTrusted : user !== undefined;
		},
	};
}

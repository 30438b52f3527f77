import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { descriptorOf } from "../../src/socket-file.ts";
import {
	loadNativeAddon,
	type NativeAddon,
} from "../../src/spawn/native-addon.ts";

/** Tells which user a client is. */
export interface Users {
	/** Why users cannot be determined; undefined if they can. */
	readonly missing: string | undefined;
	/** The user id; undefined if it is not known. */
	of(socket: Socket): number | undefined;
}

/** Asks the system through the addon, if it can be loaded. */
export function createUsers(
	addon: Pick<NativeAddon, "peerUser"> | { reason: string } = loadNativeAddon(),
): Users {
	if ("reason" in addon) return { missing: addon.reason, of: () => undefined };
	return {
		missing: undefined,
		of(socket) {
			const fd = descriptorOf(socket);
			return fd < 0 ? undefined : addon.peerUser(fd);
		},
	};
}

/**
 * Converts names and ids of users to ids. Looks names up in a file in the format of
 * /etc/passwd.
 * @throws an Error that names a user who is not in it
 */
export function userIds(
	users: readonly string[],
	file = "/etc/passwd",
): ReadonlySet<number> {
	const lines = users.every((user) => /^\d+$/.test(user))
		? []
		: readFileSync(file, "utf8").split("\n");
	const ids = users.map((user) => {
		if (/^\d{1,10}$/.test(user)) return Number(user);
		const [, , id] =
			lines.find((line) => line.startsWith(`${user}:`))?.split(":") ?? [];
		if (id === undefined) throw new Error(`no such user in ${file}: ${user}`);
		return Number(id);
	});
	return new Set(ids);
}

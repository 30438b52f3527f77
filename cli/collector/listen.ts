import { listenPlace } from "../../src/page-server.ts";
import type { TextSetting } from "../../src/setting-table.ts";

/** Where a collector serves its pages, and where its status is asked for. */
export const defaultListen = "127.0.0.1:6779";

/** The setting `listen` of both commands. */
export const listenSetting = (help: string) =>
	({
		kind: "text",
		default: defaultListen,
		placeholder: "ADDRESS:PORT",
		help,
		check: (text: string) =>
			listenPlace(text) ? undefined : `not an address with a port: ${text}`,
	}) as const satisfies TextSetting;

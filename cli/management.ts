import type { SettingTable } from "../src/setting-table.ts";
import {
	askManagement,
	hostSettings,
	type Operation,
} from "./management-call.ts";
import { settingsCommand } from "./settings-command.ts";

const addSettings = {
	...hostSettings,
	hostname: {
		short: "H",
		kind: "text",
		default: "",
		placeholder: "NAME",
		help: "the host's name",
	},
	proxy: {
		short: "p",
		kind: "list",
		adds: true,
		default: [],
		placeholder: "HOST[:PORT],...",
		help: "bastions in front of the host, nearest to the caller first; can be repeated",
	},
} as const satisfies SettingTable;

const success = { text: "Success.", exitStatus: 0 } as const;
const failed = { text: "Failed!", exitStatus: 1 } as const;

const adding: Operation = {
	path: "/manage/add",
	verdicts: { 200: success, 302: { text: "Conflict!", exitStatus: 1 } },
	otherwise: failed,
};

const finding: Operation = {
	path: "/manage/is_added",
	verdicts: {
		302: { text: "Found.", exitStatus: 0 },
		404: { text: "Not found.", exitStatus: 1 },
	},
	otherwise: { text: "Unknown Status", exitStatus: 2 },
};

const removing: Operation = {
	path: "/manage/remove",
	verdicts: { 200: success },
	otherwise: failed,
};

const statusText = (lines: string) =>
	`${lines} No answer, or no endpoint: 1. A wrong argument: 2. http_proxy, https_proxy and no_proxy are honoured, redirects are not followed, and the certificate of an https endpoint is verified.\nEvery option can be given as an environment variable too: HAPPO_AGENT_ and its name in capitals, with underscores (HAPPO_AGENT_GROUP_NAME). A flag wins over the variable.`;

export const addCommand = settingsCommand({
	name: "add",
	run: (settings, invocation) =>
		askManagement(
			adding,
			settings,
			{ hostname: settings.hostname, proxies: [...settings.proxy] },
			invocation,
		),
	help: {
		usage: "add -g GROUP -i ADDRESS -e URL [OPTION...]",
		summary: "register a host with a management server",
		details: statusText(
			"Exit status 0 and Success. if it is done; 1 and Conflict! if the host is registered already, Failed! for every other answer.",
		),
		examples: [
			"add -e https://management.example.net -g 'WEB!FRONT' -i 192.0.2.5 -H web01 -p 198.51.100.1:6777",
		],
		settings: addSettings,
	},
});

export const isAddedCommand = settingsCommand({
	name: "is_added",
	run: (settings, invocation) =>
		askManagement(
			finding,
			settings,
			{ hostname: "", proxies: null },
			invocation,
		),
	help: {
		usage: "is_added -g GROUP -i ADDRESS -e URL [OPTION...]",
		summary: "ask a management server whether a host is registered",
		details: statusText(
			"Exit status 0 and Found. if it is; 1 and Not found. if it is not; 2 and Unknown Status for every other answer.",
		),
		examples: [
			"is_added -e https://management.example.net -g 'WEB!FRONT' -i 192.0.2.5",
		],
		settings: hostSettings,
	},
});

export const removeCommand = settingsCommand({
	name: "remove",
	run: (settings, invocation) =>
		askManagement(
			removing,
			settings,
			{ hostname: "", proxies: null },
			invocation,
		),
	help: {
		usage: "remove -g GROUP -i ADDRESS -e URL [OPTION...]",
		summary: "unregister a host with a management server",
		details: statusText(
			"Exit status 0 and Success. if it is done; 1 and Failed! for every other answer.",
		),
		examples: [
			"remove -e https://management.example.net -g 'WEB!FRONT' -i 192.0.2.5",
		],
		settings: hostSettings,
	},
});

import { AgentUnreachable } from "../src/client/failures.ts";
import {
	createManagementClient,
	type ManagementClient,
} from "../src/client/management-client.ts";
import { OptionsError } from "../src/client/options.ts";
import {
	SettingsError,
	type SettingTable,
	type SettingValues,
	variableName,
} from "../src/setting-table.ts";
import { CommandError, clientSettings, readCa } from "./client-settings.ts";
import { answerText, withoutPassword } from "./message-text.ts";
import { type Invocation, settingsCommand } from "./settings-command.ts";

/** The original's default, which stands for "none". */
const noEndpoint = "http://YOUR_MANAGEMENT_SERVER_HERE";

/** What says which host is meant. */
const hostSettings = {
	"group-name": {
		short: "g",
		kind: "text",
		default: "",
		placeholder: "GROUP[!SUBGROUP]",
		help: "the group of the host; has to be given",
	},
	ip: {
		short: "i",
		kind: "text",
		default: "",
		placeholder: "ADDRESS",
		help: "the host as its group knows it, any text; has to be given",
	},
	port: {
		inV1: true,
		strictRange: true,
		short: "P",
		kind: "integer",
		minimum: 1,
		maximum: 65_535,
		default: 6777,
		help: "port of the host's agent",
	},
	endpoint: {
		short: "e",
		kind: "text",
		default: noEndpoint,
		placeholder: "URL",
		help: "the management server; has to be given. /manage/... is appended as it is",
	},
	...clientSettings,
} as const satisfies SettingTable;

type HostSettings = SettingValues<typeof hostSettings>;

/** What is said to an answer, where, and the exit status. */
interface Verdict {
	text: string;
	exitStatus: 0 | 1 | 2;
}

/** What is asked, and what its answers mean. */
interface Operation {
	path: "/manage/add" | "/manage/is_added" | "/manage/remove";
	/** By the status of the answer. */
	verdicts: Readonly<Record<number, Verdict>>;
	/** For every other status. */
	otherwise: Verdict;
}

/** Throws a SettingsError that names everything that has to be given and is not. */
function demand(settings: HostSettings): void {
	const missing = (["group-name", "ip"] as const).filter(
		(name) => settings[name] === "",
	);
	if (missing.length > 0)
		throw new SettingsError(
			missing.map(
				(name) => `--${name}: has to be given (or ${variableName(name)})`,
			),
		);
}

async function createClient(
	settings: HostSettings,
	environment: Invocation["environment"],
): Promise<ManagementClient> {
	// the client takes up to two slashes away that the original leaves
	const endpoint = settings.endpoint.replace(/\/+$/, "$&//");
	return createManagementClient({
		endpoint,
		...(await readCa(settings["ca-file"])),
		timeoutMilliseconds: settings["timeout-seconds"] * 1000,
		environment,
	});
}

/** Asks the management server, and says what it answered. */
async function askManagement(
	operation: Operation,
	settings: HostSettings,
	more: { hostname: string; proxies: string[] | null },
	{ stdout, stderr, environment, complain }: Invocation,
): Promise<number> {
	demand(settings);
	const { endpoint, ip, port } = settings;
	if (endpoint === noEndpoint) {
		// the original's words
		stderr.write(
			"ERROR: endpoint must set with args or environment variable\n",
		);
		return 1;
	}
	let client: ManagementClient | undefined;
	try {
		client = await createClient(settings, environment);
		const { hostname, proxies } = more;
		const hostdata = {
			group_name: settings["group-name"],
			ip,
			hostname,
			port,
			proxies,
		};
		const { response, error } = await client.POST(operation.path, {
			body: { apikey: "", hostdata },
			// whatever it is, it does not count
			parseAs: "text",
		});
		const known = operation.verdicts[response.status];
		const { text, exitStatus } = known ?? operation.otherwise;
		(exitStatus === 0 ? stdout : stderr).write(`${text}\n`);
		if (!known)
			complain(
				`${withoutPassword(endpoint)}: answered ${answerText(response.status, error)}`,
			);
		return exitStatus;
	} catch (error) {
		const isExpected =
			error instanceof AgentUnreachable ||
			error instanceof OptionsError ||
			error instanceof CommandError;
		if (!isExpected) throw error;
		complain(error.message);
		return 1;
	} finally {
		client?.close();
	}
}

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

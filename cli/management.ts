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

/** v1's default, which means that there is no endpoint. */
const noEndpoint = "http://YOUR_MANAGEMENT_SERVER_HERE";

/** Settings that identify the host and the management server. */
const hostSettings = {
	"group-name": {
		short: "g",
		kind: "text",
		default: "",
		placeholder: "GROUP[!SUBGROUP]",
		help: "group of the host; required",
	},
	ip: {
		short: "i",
		kind: "text",
		default: "",
		placeholder: "ADDRESS",
		help: "address of the host as registered in its group, any text; required",
	},
	port: {
		inV1: true,
		strictRange: true,
		short: "P",
		kind: "integer",
		minimum: 1,
		maximum: 65_535,
		default: 6777,
		help: "port of the agent on the host",
	},
	endpoint: {
		short: "e",
		kind: "text",
		default: noEndpoint,
		placeholder: "URL",
		help: "URL of the management server; required. /manage/... is appended to it unchanged",
	},
	...clientSettings,
} as const satisfies SettingTable;

type HostSettings = SettingValues<typeof hostSettings>;

/** What an answer means: the text to print and the exit status. */
interface Verdict {
	text: string;
	exitStatus: 0 | 1 | 2;
}

/** A request and what its answers mean. */
interface Operation {
	path: "/manage/add" | "/manage/is_added" | "/manage/remove";
	/** By HTTP status. */
	verdicts: Readonly<Record<number, Verdict>>;
	/** For all other statuses. */
	otherwise: Verdict;
}

/** Throws a SettingsError that names all missing required settings. */
function demand(settings: HostSettings): void {
	const missing = (["group-name", "ip"] as const).filter(
		(name) => settings[name] === "",
	);
	if (missing.length > 0)
		throw new SettingsError(
			missing.map((name) => `--${name}: required (or ${variableName(name)})`),
		);
}

async function createClient(
	settings: HostSettings,
	environment: Invocation["environment"],
): Promise<ManagementClient> {
	// v1 keeps slashes at the end, but the client removes up to two
	const endpoint = settings.endpoint.replace(/\/+$/, "$&//");
	return createManagementClient({
		endpoint,
		...(await readCa(settings["ca-file"])),
		timeoutMilliseconds: settings["timeout-seconds"] * 1000,
		environment,
	});
}

/** Asks the management server and prints what its answer means. Returns the exit status. */
async function askManagement(
	operation: Operation,
	settings: HostSettings,
	more: { hostname: string; proxies: string[] | null },
	{ stdout, stderr, environment, complain }: Invocation,
): Promise<number> {
	demand(settings);
	const { endpoint, ip, port } = settings;
	if (endpoint === noEndpoint) {
		// v1's words
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
			// only the status counts
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
		help: "name of the host",
	},
	proxy: {
		short: "p",
		kind: "list",
		adds: true,
		default: [],
		placeholder: "HOST[:PORT],...",
		help: "bastions in front of the host, nearest to the client first; can be repeated",
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
	`${lines} The exit status is also 1 if there is no endpoint or no answer, and 2 for an invalid argument. The command honours http_proxy, https_proxy and no_proxy, does not follow redirects, and verifies the certificate of an https endpoint.\nEach option also has an environment variable: HAPPO_AGENT_ and the name in capitals, with underscores (HAPPO_AGENT_GROUP_NAME). A flag overrides its variable.`;

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
			"Prints Success. and exits with 0 if the host is now registered; prints Conflict! and exits with 1 if it already was; prints Failed! and exits with 1 for any other answer.",
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
			"Prints Found. and exits with 0 if the host is registered; prints Not found. and exits with 1 if it is not; prints Unknown Status and exits with 2 for any other answer.",
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
		summary: "remove a host from a management server",
		details: statusText(
			"Prints Success. and exits with 0 if the host is removed; prints Failed! and exits with 1 for any other answer.",
		),
		examples: [
			"remove -e https://management.example.net -g 'WEB!FRONT' -i 192.0.2.5",
		],
		settings: hostSettings,
	},
});

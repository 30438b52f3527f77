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
import { answerText } from "./answer-text.ts";
import { CommandError, clientSettings, readCa } from "./client-settings.ts";
import type { Invocation } from "./settings-command.ts";
import { withoutPassword } from "./without-password.ts";

/** The original's default, which stands for "none". */
const noEndpoint = "http://YOUR_MANAGEMENT_SERVER_HERE";

/** What says which host is meant. */
export const hostSettings = {
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
		original: true,
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
export interface Operation {
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
export async function askManagement(
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

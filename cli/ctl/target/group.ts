import {
	AgentUnreachable,
	type createManagementClient,
	OptionsError,
} from "../../../src/client/index.ts";
import { answerText, withoutPassword } from "../../message-text.ts";
import { UsageError } from "../../program/arguments.ts";
import { readFlagFile } from "../input-file.ts";
import type { ListHosts } from "./targets.ts";

/**
 * Creates a function that asks a management server for the hosts of a group. Its failures are
 * UsageErrors: without hosts there is nothing to do.
 */
export function createListHosts(
	createClient: typeof createManagementClient,
	options: {
		endpoint: string;
		caFile: string;
		timeoutMilliseconds: number;
		/** For `https_proxy`, `http_proxy` and `no_proxy`. */
		environment: NodeJS.ProcessEnv;
	},
): ListHosts {
	const { endpoint, caFile, timeoutMilliseconds, environment } = options;
	const place = `--endpoint ${withoutPassword(endpoint)}`;
	return async (group, signal) => {
		if (endpoint === "")
			throw new UsageError(
				"--group: requires --endpoint, the management server",
			);
		const ca = await readFlagFile("endpoint-ca-file", caFile);
		let client: ReturnType<typeof createClient>;
		try {
			client = createClient({
				endpoint,
				timeoutMilliseconds,
				environment,
				checkAnswers: true,
				...(ca && { ca }),
			});
		} catch (error) {
			if (!(error instanceof OptionsError)) throw error;
			const { option, reason } = error;
			const flag = option === "ca" ? `endpoint-ca-file ${caFile}` : option;
			throw new UsageError(`--${flag}: ${reason}`);
		}
		try {
			const { data, error, response } = await client.GET("/manage/hosts", {
				params: { query: { group } },
				...(signal && { signal }),
			});
			if (data) return data.hosts;
			throw new UsageError(
				`${place}: answered ${answerText(response.status, error)}${response.status === 404 ? ", it cannot list hosts" : ""}`,
			);
		} catch (error) {
			if (error instanceof AgentUnreachable)
				throw new UsageError(`${place}: ${error.message}`);
			throw error;
		} finally {
			client.close();
		}
	};
}

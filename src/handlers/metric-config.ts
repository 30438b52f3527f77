import type { Handlers } from "../../generated/handlers.ts";
import { AgentError } from "../agent-error.ts";
import type { MetricConfigFile } from "../metrics/metric-config-file.ts";
import type { Body } from "../operation.ts";
import {
	type MetricConfig,
	MetricConfigError,
} from "../protocol/metric-config.ts";
import { systemReason } from "../system-error.ts";

type Sent = Body<"updateMetricConfig">["config"];

/** Converts a configuration from the clients' spelling to that of the file. */
const fromClient = ({ Metrics }: Sent): MetricConfig => ({
	metrics: (Metrics ?? []).map(({ Hostname, Plugins }) => ({
		hostname: Hostname,
		plugins: (Plugins ?? []).map(({ Plugin_Name, Plugin_Option }) => ({
			plugin_name: Plugin_Name,
			plugin_option: Plugin_Option ?? "",
		})),
	})),
});

/** GET /metric/config and POST /metric/config/update. */
export function createMetricConfig(parts: {
	file: Pick<MetricConfigFile, "status" | "refresh" | "replace">;
	/** Setting `config-update`. */
	allowUpdate: boolean;
}): Pick<Handlers, "getMetricConfig" | "updateMetricConfig"> {
	const { file, allowUpdate } = parts;
	return {
		getMetricConfig: async () => {
			await file.refresh();
			return { status: 200, body: file.status() };
		},
		updateMetricConfig: async (_params, body) => {
			if (!allowUpdate)
				throw new AgentError(
					"forbidden",
					"/metric/config/update: turned off (config-update)",
				);
			try {
				await file.replace(fromClient(body.config));
				return { status: 200, body: { status: "OK", message: "" } };
			} catch (error) {
				if (error instanceof MetricConfigError)
					throw new AgentError("bad-request", `config.${error.message}`);
				const message = `${file.status().file}: ${systemReason(error)}`;
				return { status: 200, body: { status: "NG", message } };
			}
		},
	};
}

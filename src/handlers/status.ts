import type { Handlers } from "../../generated/handlers.ts";
import type { components } from "../../generated/schema.ts";
import { AgentError } from "../agent-error.ts";
import {
	expose,
	type Family,
	formatFor,
	openMetricsType,
	textType,
} from "../protocol/exposition.ts";

/** GET /: shows that the agent answers. */
export const checkAvailability: Handlers["checkAvailability"] = () => ({
	status: 200,
	body: "OK",
});

type Schemas = components["schemas"];

/** GET /status, GET /status/memory and GET /status/request. */
export function createStatus(parts: {
	report: () => Promise<Schemas["Status"]>;
	memory: { read(): Schemas["MemoryStatus"] };
	/** undefined if counting is turned off. */
	requestCounts:
		| { last(seconds: 60 | 300): Schemas["RequestCounts"] }
		| undefined;
}): Pick<Handlers, "getStatus" | "getMemoryStatus" | "getRequestStatus"> {
	const { report, memory, requestCounts } = parts;
	return {
		getStatus: async () => ({ status: 200, body: await report() }),
		getMemoryStatus: () => ({ status: 200, body: memory.read() }),
		getRequestStatus: () => {
			if (!requestCounts)
				throw new AgentError(
					"turned-off",
					"/status/request: turned off (enable-requeststatus-middleware)",
				);
			const body = {
				last1: requestCounts.last(60),
				last5: requestCounts.last(300),
			};
			return { status: 200, body };
		},
	};
}

/** GET /metrics. */
export function createMetrics(
	families: () => Promise<Family[]>,
): Handlers["exposeMetrics"] {
	return async (_params, _body, call) => {
		const format = formatFor(call.accept);
		const body = expose(await families(), format);
		// scrapers read the format's version from the header
		return format === "text"
			? {
					status: 200,
					type: "text/plain",
					headers: { "content-type": textType },
					body,
				}
			: {
					status: 200,
					type: "application/openmetrics-text",
					headers: { "content-type": openMetricsType },
					body,
				};
	};
}

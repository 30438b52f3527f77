import type { Handlers } from "../../generated/handlers.ts";
import type { components } from "../../generated/schema.ts";
import { AgentError } from "../agent-error.ts";

type Schemas = components["schemas"];

/** GET /status, GET /status/memory and GET /status/request. */
export function createStatus(parts: {
	report: () => Promise<Schemas["Status"]>;
	memory: { read(): Schemas["MemoryStatus"] };
	/** undefined: counting is off. */
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

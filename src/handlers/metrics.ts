import type { Handlers } from "../../generated/handlers.ts";
import {
	expose,
	type Family,
	formatFor,
	openMetricsType,
	textType,
} from "../protocol/exposition.ts";

/** GET /metrics. */
export function createMetrics(
	families: () => Promise<Family[]>,
): Handlers["exposeMetrics"] {
	return async (_params, _body, call) => {
		const format = formatFor(call.accept);
		const body = expose(await families(), format);
		// scrapers read the version of the format from the header
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

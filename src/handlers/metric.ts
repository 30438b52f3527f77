import type { Handlers } from "../../generated/handlers.ts";

/** GET /metric/status: moved to /status, in the original already. */
export const getMetricStatus: Handlers["getMetricStatus"] = () => ({
	status: 301,
	headers: { Location: "/status" },
	body: '<a href="/status">Moved Permanently</a>.\n\n',
});

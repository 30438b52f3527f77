import type { Handlers } from "../../generated/handlers.ts";

/** GET /: the agent answers, that is all. */
export const checkAvailability: Handlers["checkAvailability"] = () => ({
	status: 200,
	body: "OK",
});

import type { Handlers } from "../../generated/handlers.ts";
import type { Plugins } from "../commands/plugin.ts";
import type { RunCommand } from "../commands/runner.ts";
import { createInventory, type InventoryRules } from "./inventory.ts";
import { getMetricStatus } from "./metric.ts";
import { createMonitor } from "./monitor.ts";
import { notBuilt } from "./not-built.ts";
import { checkAvailability } from "./root.ts";

/** Every operation of the agent with the parts it works with. */
export function createHandlers(parts: {
	plugins: Pick<Plugins, "prepare">;
	runCommand: RunCommand;
	inventoryRules: InventoryRules;
}): Handlers {
	return {
		checkAvailability,
		relayRequest: notBuilt("POST /proxy"),
		runCheck: createMonitor(parts),
		runInventoryCommand: createInventory({
			rules: parts.inventoryRules,
			runCommand: parts.runCommand,
		}),
		drainMetrics: notBuilt("POST /metric"),
		appendMetrics: notBuilt("POST /metric/append"),
		leaseMetrics: notBuilt("POST /metric/lease"),
		acknowledgeMetrics: notBuilt("POST /metric/ack"),
		peekMetrics: notBuilt("POST /metric/peek"),
		getMetricConfig: notBuilt("GET /metric/config"),
		updateMetricConfig: notBuilt("POST /metric/config/update"),
		getMetricStatus,
		getStatus: notBuilt("GET /status"),
		getMemoryStatus: notBuilt("GET /status/memory"),
		getRequestStatus: notBuilt("GET /status/request"),
		listMachineStates: notBuilt("GET /machine-state"),
		getMachineState: notBuilt("GET /machine-state/{key}"),
		exposeMetrics: notBuilt("GET /metrics"),
	};
}

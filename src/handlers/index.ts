import type { Handlers } from "../../generated/handlers.ts";
import type { components } from "../../generated/schema.ts";
import type { RunCommand } from "../commands/runner.ts";
import type { MetricConfigFile } from "../metrics/metric-config-file.ts";
import type { MachineStates } from "../store/machine-states.ts";
import type { MetricBuffer } from "../store/metric-buffer.ts";
import { createCommandList } from "./commands.ts";
import { createInventory, type InventoryRules } from "./inventory.ts";
import { createMetric } from "./metric.ts";
import { createMetricConfig } from "./metric-config.ts";
import { createMonitor, type RunCheck } from "./monitor.ts";
import { createProxy } from "./proxy.ts";
import { createResultList } from "./results.ts";
import { checkAvailability, createMetrics, createStatus } from "./status.ts";

/** Creates the handlers of all operations. */
export function createHandlers(parts: {
	runCheck: RunCheck;
	runCommand: RunCommand;
	onFailure: () => void;
	inventoryRules: InventoryRules;
	buffer: MetricBuffer;
	consumers: readonly string[];
	maxLeaseSeconds: number;
	metricConfigFile: MetricConfigFile;
	allowConfigUpdate: boolean;
	machineStates: MachineStates;
	relay: Parameters<typeof createProxy>[0];
	status: Parameters<typeof createStatus>[0];
	families: Parameters<typeof createMetrics>[0];
	results: Parameters<typeof createResultList>[0];
	pluginList: Parameters<typeof createCommandList>[0];
	/** The last refusals of the policy. */
	refusals: () => Promise<components["schemas"]["RefusalList"]["refusals"]>;
}): Handlers {
	const { runCommand } = parts;
	return {
		checkAvailability,
		relayRequest: createProxy(parts.relay),
		runCheck: createMonitor(parts),
		runInventoryCommand: createInventory({
			rules: parts.inventoryRules,
			runCommand,
		}),
		...createMetric(parts),
		...createMetricConfig({
			file: parts.metricConfigFile,
			allowUpdate: parts.allowConfigUpdate,
		}),
		...createStatus(parts.status),
		...createMachineState(parts.machineStates),
		exposeMetrics: createMetrics(parts.families),
		listCommands: createCommandList(parts.pluginList),
		listResults: createResultList(parts.results),
		listRefusals: async (_params, _body, call) => {
			await call.reserve(refusalsBytes);
			return { status: 200, body: { refusals: await parts.refusals() } };
		},
	};
}

/** Memory reserved before the refusals are listed; most are fewer and shorter. */
const refusalsBytes = 512 * 1024;

/** Memory reserved before a snapshot is read; most are smaller, and give the rest back. */
const snapshotBytes = 8 * 1024 * 1024;

/** GET /machine-state and GET /machine-state/{key}. */
function createMachineState(
	states: MachineStates,
): Pick<Handlers, "listMachineStates" | "getMachineState"> {
	return {
		listMachineStates: async () => {
			const keys = await states.list();
			return { status: keys.length > 0 ? 200 : 404, body: { keys } };
		},
		getMachineState: async ({ key }, _body, call) => {
			await call.reserve(snapshotBytes);
			const machineState = await states.read(key);
			return machineState === undefined
				? { status: 404, body: { error: "leveldb: not found" } }
				: { status: 200, body: { machineState } };
		},
	};
}

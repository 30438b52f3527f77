// Written by `npm run generate` from openapi.yaml. Do not edit.
/** What a policy may permit. */
export const permissions = [
	"acknowledge",
	"append",
	"check",
	"configure",
	"drain",
	"inventory",
	"lease",
	"peek",
	"ping",
	"read-commands",
	"read-config",
	"read-leases",
	"read-metrics",
	"read-refusals",
	"read-results",
	"read-states",
	"read-status",
	"relay",
	"release",
] as const;

/** A right that a policy grants. */
export type Permission = (typeof permissions)[number];

/** The permission that each operation needs, by operationId. */
export const permissionOf = {
	checkAvailability: "ping",
	relayRequest: "relay",
	runCheck: "check",
	runInventoryCommand: "inventory",
	drainMetrics: "drain",
	appendMetrics: "append",
	leaseMetrics: "lease",
	acknowledgeMetrics: "acknowledge",
	listLeases: "read-leases",
	releaseLease: "release",
	peekMetrics: "peek",
	getMetricConfig: "read-config",
	updateMetricConfig: "configure",
	getMetricStatus: "read-status",
	getStatus: "read-status",
	getMemoryStatus: "read-status",
	getRequestStatus: "read-status",
	listMachineStates: "read-states",
	getMachineState: "read-states",
	exposeMetrics: "read-metrics",
	listCommands: "read-commands",
	listResults: "read-results",
	listRefusals: "read-refusals",
} as const;

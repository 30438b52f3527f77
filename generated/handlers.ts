// Written by `npm run generate` from openapi.yaml. Do not edit.
import type { Handler } from "../src/operation.ts";

/** A handler for every operation of an agent. */
export interface Handlers {
	/** Check that the agent answers: `GET /`. */
	checkAvailability: Handler<"checkAvailability">;
	/** Relay a request to the next hop: `POST /proxy`. */
	relayRequest: Handler<"relayRequest">;
	/** Run a Nagios plugin: `POST /monitor`. */
	runCheck: Handler<"runCheck">;
	/** Run a command and return its output: `POST /inventory`. */
	runInventoryCommand: Handler<"runInventoryCommand">;
	/** Take the oldest metrics: `POST /metric`. */
	drainMetrics: Handler<"drainMetrics">;
	/** Store metrics: `POST /metric/append`. */
	appendMetrics: Handler<"appendMetrics">;
	/** Lease the oldest metrics for a time: `POST /metric/lease`. */
	leaseMetrics: Handler<"leaseMetrics">;
	/** Acknowledge a leased batch: `POST /metric/ack`. */
	acknowledgeMetrics: Handler<"acknowledgeMetrics">;
	/** List the leases: `GET /metric/leases`. */
	listLeases: Handler<"listLeases">;
	/** End a lease: `POST /metric/release`. */
	releaseLease: Handler<"releaseLease">;
	/** Show the oldest metrics: `POST /metric/peek`. */
	peekMetrics: Handler<"peekMetrics">;
	/** Show the collection's active configuration: `GET /metric/config`. */
	getMetricConfig: Handler<"getMetricConfig">;
	/** Replace the collection's configuration: `POST /metric/config/update`. */
	updateMetricConfig: Handler<"updateMetricConfig">;
	/** Redirect to /status: `GET /metric/status`. */
	getMetricStatus: Handler<"getMetricStatus">;
	/** Report the agent's state: `GET /status`. */
	getStatus: Handler<"getStatus">;
	/** Report memory use: `GET /status/memory`. */
	getMemoryStatus: Handler<"getMemoryStatus">;
	/** Count answered requests: `GET /status/request`. */
	getRequestStatus: Handler<"getRequestStatus">;
	/** List the snapshots: `GET /machine-state`. */
	listMachineStates: Handler<"listMachineStates">;
	/** Show one snapshot: `GET /machine-state/{key}`. */
	getMachineState: Handler<"getMachineState">;
	/** Expose metrics to Prometheus: `GET /metrics`. */
	exposeMetrics: Handler<"exposeMetrics">;
	/** List the commands that the caller may run: `POST /commands`. */
	listCommands: Handler<"listCommands">;
	/** Show the last result of each check: `POST /results`. */
	listResults: Handler<"listResults">;
	/** Show the last requests that the policy refused: `POST /refusals`. */
	listRefusals: Handler<"listRefusals">;
}

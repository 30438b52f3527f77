/** The SDK for monitoring backends: `happo-agent/client`. */
import type { components } from "../../generated/schema.ts";

export type { ManagementPaths } from "../../generated/client.ts";
export type { components, operations, paths } from "../../generated/schema.ts";
export type { ShownCertificate } from "../protocol/pin.ts";
export {
	type AgentClient,
	type AgentPaths,
	createAgentClient,
} from "./agent-client.ts";
export { type ProblemType, problemType } from "./answer-check.ts";
export type { DrainOptions, MetricBatch } from "./drain.ts";
export {
	AgentRefused,
	AgentUnreachable,
	UnexpectedAnswer,
} from "./failures.ts";
export {
	createManagementClient,
	type ManagementClient,
} from "./management-client.ts";
export {
	type AgentOptions,
	type ManagementOptions,
	OptionsError,
	type Pem,
	type Trust,
} from "./options.ts";

type Schemas = components["schemas"];

/** Metrics of one host at one time, to be stored. */
export type Sample = Schemas["Sample"];
/** Metrics as stored by the agent. */
export type StoredSample = Schemas["StoredSample"];
/** The exit status of a plugin and what it printed. */
export type CheckResult = Schemas["CheckResult"];
/** The exit status of a command and what it printed. */
export type InventoryResult = Schemas["InventoryResult"];
/** Answer of `/status`. */
export type Status = Schemas["Status"];
/** Why a request was refused. */
export type Problem = Schemas["Problem"];
/** The collection's configuration, as in metrics.yaml. */
export type MetricConfig = Schemas["MetricConfig"];

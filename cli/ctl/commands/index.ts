import type { ProgramCommand } from "../../program/command.ts";
import type { Program } from "../../program/program.ts";
import { connections } from "../flags.ts";
import { auditVerifyCommand } from "./audit.ts";
import { brokerCommand } from "./broker.ts";
import { brokerStatusCommand } from "./broker-status.ts";
import { commandsCommand } from "./commands.ts";
import { completionCommand, createCompleteCommand } from "./completion.ts";
import { contextCommands } from "./context.ts";
import { doctorCommand } from "./doctor.ts";
import { inventoryCommand } from "./inventory.ts";
import { knownHostsCommands } from "./known-hosts.ts";
import { machineStateCommand } from "./machine-state.ts";
import { metricCommand } from "./metric.ts";
import { metricAppendCommand } from "./metric-append.ts";
import {
	metricConfigCheckCommand,
	metricConfigShowCommand,
	metricConfigUpdateCommand,
} from "./metric-config.ts";
import { metricLeasesCommand } from "./metric-leases.ts";
import { monitorCommand } from "./monitor.ts";
import { policyCheckCommand, policyKeyCommand } from "./policy.ts";
import { policyDiffCommand } from "./policy-diff.ts";
import { policyExplainCommand } from "./policy-explain.ts";
import { policyImportNrpeCommand } from "./policy-import.ts";
import { policyLearnCommand } from "./policy-learn.ts";
import { policyTestCommand } from "./policy-test.ts";
import { refusalsCommand } from "./refusals.ts";
import { resultsCommand } from "./results.ts";
import { statusCommand } from "./status.ts";
import { statusMemoryCommand } from "./status-memory.ts";
import { statusRequestCommand } from "./status-request.ts";
import { webCommand } from "./web.ts";

const visible: readonly ProgramCommand[] = [
	statusCommand,
	statusMemoryCommand,
	statusRequestCommand,
	metricCommand,
	metricAppendCommand,
	metricLeasesCommand,
	metricConfigShowCommand,
	metricConfigCheckCommand,
	metricConfigUpdateCommand,
	machineStateCommand,
	monitorCommand,
	commandsCommand,
	resultsCommand,
	refusalsCommand,
	inventoryCommand,
	webCommand,
	brokerCommand,
	brokerStatusCommand,
	policyCheckCommand,
	policyTestCommand,
	policyExplainCommand,
	policyKeyCommand,
	policyLearnCommand,
	policyDiffCommand,
	policyImportNrpeCommand,
	auditVerifyCommand,
	doctorCommand,
	...contextCommands,
	...knownHostsCommands,
	completionCommand,
];

/** Commands of happo-ctl, in the order of its help. */
export const commands: readonly ProgramCommand[] = [
	...visible,
	createCompleteCommand(visible),
];

export const families: NonNullable<Program["families"]> = {
	"metric config": "show, check or replace the metric configuration of agents",
	policy: "check, test, explain, learn, compare, import; make keys",
	"known-hosts": "add or remove hosts whose keys are known",
	context: "list, show or choose contexts of the configuration file",
};

export const topics: NonNullable<Program["topics"]> = [connections];

export const epilogue = `
--host (-H), --hosts-file and --group say which agents to ask; the default is
the agent on this machine ('happo-ctl help connections'). The exit status is 1
if an agent failed, 2 if the command line is invalid, otherwise 0. monitor,
inventory, doctor, audit verify, known-hosts remove and the policy commands have
other exit statuses, see their help.

Examples:
  happo-ctl status -H web01,web02
  happo-ctl monitor -H web01 check_load -w 5,4,3 -c 10,8,6
  happo-ctl metric -H 192.0.2.7 --via bastion1
`;

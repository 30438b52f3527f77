import type { Program, ProgramCommand } from "../program.ts";
import {
	completionCommand,
	createCompleteCommand,
} from "./completion-commands.ts";
import { contextCommands } from "./context-commands.ts";
import { inventoryCommand } from "./inventory-command.ts";
import { machineStateCommand } from "./machine-state-command.ts";
import { metricAppendCommand } from "./metric-append-command.ts";
import { metricCommand } from "./metric-command.ts";
import { metricConfigCheckCommand } from "./metric-config-check-command.ts";
import { metricConfigShowCommand } from "./metric-config-show-command.ts";
import { metricConfigUpdateCommand } from "./metric-config-update-command.ts";
import { metricLeasesCommand } from "./metric-leases-command.ts";
import { monitorCommand } from "./monitor-command.ts";
import { statusCommand } from "./status-command.ts";
import { statusMemoryCommand } from "./status-memory-command.ts";
import { statusRequestCommand } from "./status-request-command.ts";

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
	inventoryCommand,
	...contextCommands,
	completionCommand,
];

/** Commands of happo-ctl, in the order of its help. */
export const commands: readonly ProgramCommand[] = [
	...visible,
	createCompleteCommand(visible),
];

export const families: NonNullable<Program["families"]> = {
	"metric config": "which metrics agents collect",
	context: "named agents and settings of the configuration file",
};

export const epilogue = `
Agents are named by --host (-H), --hosts-file or --group; without any it is the
agent of this machine. Commands with agents exit with 0, with 1 if one has
failed, and with 2 if the command line is wrong; monitor and inventory have a
status of their own, see their help.

Examples:
  happo-ctl status -H web01,web02
  happo-ctl monitor -H web01 check_load -w 5,4,3 -c 10,8,6
  happo-ctl metric -H 192.0.2.7 --via bastion1
`;

#!/usr/bin/env node
import "../src/no-debugger.ts";
import { version } from "../generated/version.ts";
import { appendMetricCommand } from "./append-metric/command.ts";
import { daemonCommand } from "./daemon.ts";
import { exportOriginalCommand } from "./export-original.ts";
import { addCommand, isAddedCommand, removeCommand } from "./management.ts";
import { main } from "./program/program.ts";
import { setupCommand } from "./setup/command.ts";

await main({
	name: "happo-agent",
	version,
	commands: [
		daemonCommand,
		addCommand,
		isAddedCommand,
		removeCommand,
		appendMetricCommand,
		exportOriginalCommand,
		setupCommand,
	],
});

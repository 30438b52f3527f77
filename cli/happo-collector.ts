#!/usr/bin/env node
import "../src/no-debugger.ts";
import { version } from "../generated/version.ts";
import { runCommand } from "./collector/run-command.ts";
import { statusCommand } from "./collector/status-command.ts";
import { main } from "./program/program.ts";

await main({
	name: "happo-collector",
	version,
	commands: [runCommand, statusCommand],
});

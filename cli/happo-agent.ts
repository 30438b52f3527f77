#!/usr/bin/env node
import { version } from "../generated/version.ts";
import { appendMetricCommand } from "./append-metric.ts";
import { daemonCommand } from "./daemon.ts";
import { addCommand, isAddedCommand, removeCommand } from "./management.ts";
import { runProgram } from "./program.ts";

// a reader that stops reading, such as head, is no error
process.stdout.on("error", () => {});

process.exitCode = await runProgram(
	{
		name: "happo-agent",
		version,
		commands: [
			daemonCommand,
			addCommand,
			isAddedCommand,
			removeCommand,
			appendMetricCommand,
		],
	},
	process.argv.slice(2),
	{
		stdin: process.stdin,
		stdout: process.stdout,
		stderr: process.stderr,
		colour: Boolean(process.stdout.isTTY) && !process.env.NO_COLOR,
	},
);

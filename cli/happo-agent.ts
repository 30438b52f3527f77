#!/usr/bin/env node
import { version } from "../src/agent.ts";
import { daemonCommand } from "./daemon.ts";
import { runProgram } from "./program.ts";

// a reader that stops reading, such as head, is no error
process.stdout.on("error", () => {});

process.exitCode = await runProgram(
	{ name: "happo-agent", version, commands: [daemonCommand] },
	process.argv.slice(2),
	{
		stdin: process.stdin,
		stdout: process.stdout,
		stderr: process.stderr,
		colour: Boolean(process.stdout.isTTY) && !process.env.NO_COLOR,
	},
);

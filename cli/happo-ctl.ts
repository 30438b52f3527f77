#!/usr/bin/env node
import { version } from "../generated/version.ts";
import { commands, epilogue, families } from "./ctl/commands.ts";
import { runProgram } from "./program.ts";

// whoever writes hears of it; a reader that stops reading, such as head, is no error
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});

process.exitCode = await runProgram(
	{ name: "happo-ctl", version, commands, families, epilogue },
	process.argv.slice(2),
	{
		stdin: process.stdin,
		stdout: process.stdout,
		stderr: process.stderr,
		colour: Boolean(process.stdout.isTTY) && !process.env.NO_COLOR,
	},
);

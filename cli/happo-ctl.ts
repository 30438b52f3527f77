#!/usr/bin/env node
import "../src/no-debugger.ts";
import { version } from "../generated/version.ts";
import { commands, epilogue, families, topics } from "./ctl/commands/index.ts";
import { main } from "./program/program.ts";

await main({
	name: "happo-ctl",
	version,
	commands,
	families,
	topics,
	epilogue,
});

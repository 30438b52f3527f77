import { type Program, runProgram } from "./program.ts";

/** Runs a program as the process it is, and leaves its exit status. */
export async function main(program: Program): Promise<void> {
	// whoever writes hears of it; a reader that stops reading, such as head, must
	// not change the exit status
	process.stdout.on("error", () => {});
	process.stderr.on("error", () => {});
	process.exitCode = await runProgram(program, process.argv.slice(2), process);
}

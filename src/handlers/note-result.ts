import type { Call } from "../../generated/handlers.ts";
import { exitCode } from "../commands/answer.ts";
import type { CommandResult } from "../commands/command.ts";

/** Notes how a plugin or command ended. */
export function noteResult(result: CommandResult, call: Call): void {
	const { timedOut, durationMilliseconds } = result;
	call.note({
		timedOut,
		ranMilliseconds: durationMilliseconds,
		...(timedOut
			? { reason: "stopped at the time limit" }
			: { exitStatus: exitCode(result) }),
	});
}

import type { OutputFormat } from "../flags.ts";
import { answered, exitStatus, type HostAnswer } from "../target/answer.ts";
import { jsonText, yamlText } from "./formats.ts";

type Answered<T> = Extract<HostAnswer<T>, { ok: true }>;

/** How the answers of hosts that have data are written, by format. */
export type Writers<T> = Partial<
	Record<
		Exclude<OutputFormat, "json" | "yaml">,
		(answers: readonly Answered<T>[]) => string
	>
>;

/** The answers in the format of the call: JSON and YAML hold the failures too, the others leave them to standard error. */
export function reportText<T>(
	output: OutputFormat,
	answers: readonly HostAnswer<T>[],
	writers: Writers<T>,
): string {
	if (output === "json") return `${jsonText(answers, 2)}\n`;
	if (output === "yaml") return yamlText(answers);
	return writers[output]?.(answered(answers)) ?? "";
}

/** What a report needs of the command that is running. */
interface Reporting {
	output: OutputFormat;
	write(text: string): Promise<void>;
	sayFailures(answers: readonly HostAnswer<unknown>[]): void;
}

/** Writes the answers and gives the exit status: 1 if a host has failed. */
export async function report<T>(
	call: Reporting,
	answers: readonly HostAnswer<T>[],
	writers: Writers<T>,
): Promise<number> {
	const text = reportText(call.output, answers, writers);
	try {
		if (text !== "") await call.write(text);
	} catch (error) {
		// head has seen enough; what became of the hosts is the same
		if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
	}
	if (call.output !== "json" && call.output !== "yaml")
		call.sayFailures(answers);
	return exitStatus(answers);
}

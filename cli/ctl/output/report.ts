import type { OutputFormat } from "../flags.ts";
import { answered, exitStatus, type HostAnswer } from "../target/answer.ts";
import { jsonText, yamlText } from "./formats.ts";

type Answered<T> = Extract<HostAnswer<T>, { ok: true }>;

/** How to write answers with data, by format. */
export type Writers<T> = Partial<
	Record<
		Exclude<OutputFormat, "json" | "yaml">,
		(answers: readonly Answered<T>[]) => string
	>
>;

/**
 * The answers in one format. JSON and YAML include failures; with other formats, standard error has
 * them.
 */
export function reportText<T>(
	output: OutputFormat,
	answers: readonly HostAnswer<T>[],
	writers: Writers<T>,
): string {
	if (output === "json") return `${jsonText(answers, 2)}\n`;
	if (output === "yaml") return yamlText(answers);
	return writers[output]?.(answered(answers)) ?? "";
}

/** What a report needs from the running command. */
interface Reporting {
	output: OutputFormat;
	write(text: string): Promise<void>;
	sayFailures(answers: readonly HostAnswer<unknown>[]): void;
}

/** Writes the answers. Returns the exit status: 1 if a host failed, otherwise 0. */
export async function report<T>(
	call: Reporting,
	answers: readonly HostAnswer<T>[],
	writers: Writers<T>,
): Promise<number> {
	const text = reportText(call.output, answers, writers);
	try {
		if (text !== "") await call.write(text);
	} catch (error) {
		// a reader such as head has stopped; the results of the hosts still count
		if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
	}
	if (call.output !== "json" && call.output !== "yaml")
		call.sayFailures(answers);
	return exitStatus(answers);
}

import {
	parseVariables,
	splitAssignments,
} from "../ctl/doctor/environment-file.ts";
import type { Unit } from "../ctl/doctor/unit.ts";
import { type Machine, textAt } from "./machine.ts";

/** Replaces variables as systemd does in ExecStart=: `${NAME}`, and `$NAME` as a whole word. */
export const expanded = (
	words: readonly string[],
	variables: Readonly<Record<string, string>>,
) =>
	words.flatMap((word) => {
		const [, whole] = /^\$(\w+)$/.exec(word) ?? [];
		if (whole !== undefined) return splitAssignments(variables[whole] ?? "");
		return [word.replace(/\$\{(\w+)\}/g, (_, name) => variables[name] ?? "")];
	});

/** The variables of environment files that are there, the last wins. */
export async function variablesIn(
	machine: Pick<Machine, "root">,
	files: readonly string[],
): Promise<Record<string, string>> {
	const texts = await Promise.all(files.map((file) => textAt(machine, file)));
	return Object.assign({}, ...texts.map((text) => parseVariables(text ?? "")));
}

/** The command line of a unit and its variables, as systemd makes them. */
export async function startOf(
	machine: Pick<Machine, "root">,
	unit: Pick<Unit, "program" | "variables" | "environmentFiles">,
): Promise<{ words: string[]; variables: Record<string, string> }> {
	const variables = {
		...unit.variables,
		...(await variablesIn(machine, unit.environmentFiles)),
	};
	return { words: expanded(unit.program, variables), variables };
}

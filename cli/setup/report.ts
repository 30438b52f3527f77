import { jsonText } from "../ctl/output/formats.ts";
import { type Screen, safeLine } from "../ctl/output/terminal.ts";
import type { Source } from "./journal.ts";
import type { ShownChange } from "./plan.ts";

/** How a call of setup ended, and its exit status. */
export const results = {
	"nothing to do": 0,
	done: 0,
	returned: 0,
	/** A step failed, and the machine is as before. */
	failed: 1,
	/** Without --yes. */
	shown: 3,
	/** Somebody must change something first; nothing was done. */
	refused: 4,
	/** A step failed, and so did going back: --back has to be called again. */
	"in between": 5,
} as const;

export type Result = keyof typeof results;

/** What a call of setup found and did. */
export interface Report {
	from: Source | null;
	result: Result;
	/** The name of the service manager. */
	manager: string;
	found: { what: string; value: string }[];
	/** What must be changed first. */
	obstacles: string[];
	/** Checks that would not be answered as before. */
	losses: string[];
	notes: string[];
	changes: ShownChange[];
	/** All steps in words; without --yes those that it would take. */
	steps: string[];
	/** What to do by hand, as setup cannot use the service manager. */
	by_hand: string[];
	/** What was verified after the last step. */
	verified: string[];
	/** The folder with what was replaced. */
	kept_in: string | null;
	/** Why it failed. */
	error: string | null;
}

export const emptyReport = (
	from: Source | null,
	manager: string,
): Omit<Report, "result"> => ({
	...{ from, manager, found: [], obstacles: [], losses: [], notes: [] },
	changes: [],
	...{ steps: [], by_hand: [], verified: [], kept_in: null, error: null },
});

export const reportJson = (report: Report): string =>
	`${jsonText({ ok: results[report.result] === 0, ...report }, 2)}\n`;

/** The last lines, which say how it stands. */
function conclusion({ result, from, kept_in, error }: Report): string[] {
	const kept =
		kept_in === null ? [] : [`What was replaced is kept in ${kept_in}.`];
	switch (result) {
		case "nothing to do":
			return ["There is nothing to do."];
		case "done":
			return ["Done.", ...kept, "Undo it with: happo-agent setup --back"];
		case "returned":
			return ["The machine is as it was before the setup.", ...kept];
		case "failed":
			return [`Failed: ${error}`, "The machine is as it was before.", ...kept];
		case "shown":
			return [
				"Nothing was changed.",
				...(from === null
					? []
					: [`Do it with: happo-agent setup --from ${from} --yes`]),
			];
		case "refused":
			return [...(error === null ? [] : [error]), "Nothing was changed."];
		case "in between":
			return [
				`Failed: ${error}`,
				"The machine is between the two states. Mend the reason, then call: happo-agent setup --back",
				...kept,
			];
	}
}

/** The report for people. */
export function reportText(report: Report, { paint }: Screen): string {
	const { found, obstacles, losses, notes, changes, steps, verified } = report;
	const width = Math.max(0, ...found.map(({ what }) => what.length)) + 2;
	const section = (title: string, lines: readonly string[]) =>
		lines.length === 0
			? []
			: [
					paint(title, "bold"),
					...lines.map((line) => `  ${safeLine(line)}`),
					"",
				];
	const isPlanned = report.result === "shown" || report.result === "refused";
	const shownChanges = changes.flatMap(({ path, action, diff }) => [
		`${action} ${safeLine(path)}${diff.length > 0 || action === "remove" ? "" : " (content not shown)"}`,
		...diff.map((line) => {
			const colour = line.startsWith("+")
				? "green"
				: line.startsWith("-")
					? "red"
					: undefined;
			return `  ${paint(safeLine(line), colour)}`;
		}),
	]);
	return [
		...section("Found", [
			...found.map(({ what, value }) => `${what.padEnd(width)}${value}`),
			...(found.length > 0
				? [`${"services".padEnd(width)}${report.manager}`]
				: []),
		]),
		...section("To be changed first, by you", obstacles),
		...section("Not answered as before", losses),
		...section("Worth knowing", notes),
		...(shownChanges.length === 0
			? []
			: [
					paint(isPlanned ? "Files that would change" : "Files", "bold"),
					...shownChanges.map((line) => `  ${line}`),
					"",
				]),
		...section(
			isPlanned ? "Steps it would take" : "Steps",
			steps.map((step, index) => `${index + 1}. ${step}`),
		),
		...section("To do by hand", report.by_hand),
		...section("Verified", verified),
		...conclusion(report).map((line) => safeLine(line)),
		"",
	].join("\n");
}

import type { Scope } from "../../../test/support/scope.ts";

/** The parameters of a campaign. */
export interface CampaignRun {
	/** Stops everything that the campaign starts. */
	scope: Scope;
	/** Words after the campaign's name, not more than it has parameters. */
	args: readonly string[];
	/** Aborted by SIGINT, SIGTERM and SIGHUP. */
	signal: AbortSignal;
	/** Shows progress on the terminal; the outcome does not contain it. */
	progress(line: string): void;
}

/** The result of a campaign. */
export interface Outcome {
	/** All parameters that were used, including random ones: the same parameters repeat the run. */
	parameters: Readonly<Record<string, string | number>>;
	/** Results, one line each. */
	figures: readonly string[];
	/** True if every criterion was met. */
	passed: boolean;
}

/** A test that takes minutes to hours and that people run by hand. */
export interface Campaign {
	/** One line for the list of campaigns. */
	summary: string;
	/** The parameters after its name, such as `[MINUTES]`. */
	usage: string;
	/** Throws if an argument is invalid. */
	run(given: CampaignRun): Promise<Outcome>;
}

/** Parses a positive number among a campaign's arguments. */
export function positive(name: string, value: string | number): number {
	const number = Number(value);
	if (!(number > 0) || !Number.isFinite(number))
		throw new Error(`${name}: not a positive number: ${value}`);
	return number;
}

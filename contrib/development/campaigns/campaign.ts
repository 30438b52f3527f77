import type { Scope } from "../../../test/support/scope.ts";

/** What a campaign was given. */
export interface CampaignRun {
	/** Ends what the campaign starts. */
	scope: Scope;
	/** Words behind the campaign's name, at most as many as it has parameters. */
	args: readonly string[];
	/** Aborted by SIGINT, SIGTERM and SIGHUP. */
	signal: AbortSignal;
	/** Shows how far it is; nothing of it is kept. */
	progress(line: string): void;
}

/** What came of a campaign. */
export interface Outcome {
	/** As they were in force, chosen ones included: who gives them again gets the same run. */
	parameters: Readonly<Record<string, string | number>>;
	/** Figures, one line each. */
	figures: readonly string[];
	/** Whether everything held that must hold. */
	passed: boolean;
}

/** A test that takes minutes to hours and is run by hand. */
export interface Campaign {
	/** One line for the list of campaigns. */
	summary: string;
	/** `[MINUTES]`: what may stand behind its name. */
	usage: string;
	/** Throws when an argument is no good. */
	run(given: CampaignRun): Promise<Outcome>;
}

/** A positive number among a campaign's arguments. */
export function positive(name: string, value: string | number): number {
	const number = Number(value);
	if (!(number > 0) || !Number.isFinite(number))
		throw new Error(`${name}: not a positive number: ${value}`);
	return number;
}

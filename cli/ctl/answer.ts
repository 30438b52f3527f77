/** Why a host has no data. */
export interface Failure {
	/**
	 * - `unreachable`: no answer, of the agent or of a bastion
	 * - `untrusted`: its certificate could not be verified
	 * - `unsupported`: the agent does not know the operation (404), as an original one
	 * - `refused`: the agent answered that it will not
	 * - `failed`: it tried, or its answer makes no sense
	 */
	reason: "unreachable" | "untrusted" | "unsupported" | "refused" | "failed";
	/** The HTTP status, if there was an answer. */
	status?: number;
	/** One line. */
	message: string;
}

/** What became of one host; `--output json` is an array of these. */
export type HostAnswer<T> =
	| { host: string; ok: true; data: T }
	| { host: string; ok: false; error: Failure };

/** Thrown by the work on one host, so that the others go on. */
export class HostFailure extends Error {
	override name = "HostFailure";
	readonly failure: Failure;

	constructor(failure: Failure) {
		super(failure.message);
		this.failure = failure;
	}
}

/** Those that have data. */
export const answered = <T>(answers: readonly HostAnswer<T>[]) =>
	answers.filter((answer) => answer.ok);

/** 0 if every host did what it was asked, 1 if one did not. */
export const exitStatus = (answers: readonly HostAnswer<unknown>[]) =>
	answers.every(({ ok }) => ok) ? 0 : 1;

import { Problem } from "../problem.ts";

/** An operation that this version does not have: Problem 501, nothing is done. */
export const notBuilt = (operation: string) => (): never => {
	throw new Problem(501, `${operation}: not in this version of the agent`);
};

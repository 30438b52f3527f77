import type { TestContext } from "node:test";
import type { Tools } from "./compile.ts";
import type { Plan } from "./plan.ts";

/** Something that is ended with the run. */
export type Scope = Pick<TestContext, "after">;

/** What every benchmark works with. */
export interface Scene {
	t: Scope;
	plan: Plan;
	tools: Tools;
	/** Temporary, for all files of the run. */
	directory: string;
	keyPair: { "public-key": string; "private-key": string };
	/** The program of another build, `happo-agent.js`, for the benchmark of two builds. */
	against?: string | undefined;
	/** Setting `command-engine` of the agents. */
	engine: string;
	/** Aborted when the run is to end. */
	signal: AbortSignal;
	progress: (line: string) => void;
}

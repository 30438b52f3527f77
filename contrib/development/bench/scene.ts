import type { TestContext } from "node:test";
import type { Tools } from "./compile.ts";
import type { Plan } from "./plan.ts";

/** Runs clean-up functions at the end of the run. */
export type Scope = Pick<TestContext, "after">;

/** Shared context of all benchmarks. */
export interface Scene {
	t: Scope;
	plan: Plan;
	tools: Tools;
	/** Temporary directory for all files of the run. */
	directory: string;
	keyPair: { "public-key": string; "private-key": string };
	/** The program of another build, `happo-agent.js`, for the benchmark of two builds. */
	against?: string | undefined;
	/** The folder into which npm has installed prom-client, for the benchmark of scrapes. */
	promClient?: string | undefined;
	/** Setting `command-engine` of the agents. */
	engine: string;
	/** Aborted to stop the run. */
	signal: AbortSignal;
	progress: (line: string) => void;
}

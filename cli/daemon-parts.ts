import { startAgent } from "../src/agent.ts";
import { startCpuProfile } from "../src/cpu-profile.ts";
import { KeyPairError } from "../src/http/key-pair.ts";
import { openLog } from "../src/log.ts";
import { greeting } from "./greeting.ts";
import { returnMemory } from "./memory-return.ts";
import { prepareQuickStart, quickStartDefaults } from "./quick-start.ts";

/**
 * What only the daemon needs: other commands of the program do not load it. In
 * the built program `compiled-parts.ts` stands in the place of this file.
 */
export const parts = {
	startAgent,
	startCpuProfile,
	KeyPairError,
	openLog,
	greeting,
	returnMemory,
	prepareQuickStart,
	quickStartDefaults,
};

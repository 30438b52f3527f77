import { startAgent } from "../src/agent.ts";
import { startCpuProfile } from "../src/cpu-profile.ts";
import { openLog } from "../src/log.ts";
import { disarmSignals } from "../src/spawn/native-addon.ts";
import { ExportError, exportOriginal } from "../src/store/original-export.ts";
import { KeyPairError } from "../src/tls/key-pair.ts";
import { returnMemory } from "./memory-return.ts";
import {
	greeting,
	prepareQuickStart,
	quickStartDefaults,
} from "./quick-start.ts";

/**
 * What only the daemon needs, and what works on its store: other commands do not load it. In
 * the built program `compiled-parts.ts` stands in the place of this file.
 */
export const parts = {
	exportOriginal,
	ExportError,
	startAgent,
	disarmSignals,
	startCpuProfile,
	KeyPairError,
	openLog,
	greeting,
	returnMemory,
	prepareQuickStart,
	quickStartDefaults,
};

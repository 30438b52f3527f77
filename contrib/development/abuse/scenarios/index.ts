import type { Scenario } from "../scenario.ts";
import { answerScenarios } from "./answers.ts";
import { chunkScenarios } from "./chunks.ts";
import { commandScenarios } from "./commands.ts";
import { documentScenarios } from "./documents.ts";
import { placeScenarios } from "./places.ts";
import { unreadScenarios } from "./unread.ts";

/** Every scenario, in the order of play. */
export const scenarios: readonly Scenario[] = [
	...answerScenarios,
	...chunkScenarios,
	...unreadScenarios,
	...documentScenarios,
	...placeScenarios,
	...commandScenarios,
];

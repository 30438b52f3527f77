import type { Handlers } from "../../generated/handlers.ts";
import type { components } from "../../generated/schema.ts";
import type { Command } from "../policy/policy.ts";
import type { Slot, WordType } from "../policy/slot-types.ts";
import type { ValueFacts } from "../policy/value-facts.ts";
import { quotedWord } from "../protocol/words.ts";

type Schemas = components["schemas"];

const factsOf = ({ atMost, ...facts }: ValueFacts) =>
	({
		...facts,
		...(atMost !== undefined && { at_most: atMost }),
	}) as Omit<Schemas["SlotType"], "secret">;

const typeOf = ({ isSecret, facts }: WordType): Schemas["SlotType"] =>
	isSecret
		? { type: facts.type, secret: true }
		: { ...factsOf(facts), secret: false };

/** What a slot tells about itself; of a secret one, nothing that may help to guess a value. */
function slotOf(slot: Slot): Schemas["Slot"] {
	const { name, description, type } = slot;
	const several = slot.kind === "words";
	const told = {
		name,
		...(description !== undefined && { description }),
		type: type.facts.type,
		required: !several && slot.initial === undefined,
		secret: type.isSecret,
		several,
	};
	if (type.isSecret) return told;
	const initial = several
		? slot.initial?.map(quotedWord).join(" ")
		: slot.initial;
	const { options, others } = several
		? slot.type
		: { options: undefined, others: undefined };
	return {
		...told,
		...factsOf(type.facts),
		...(initial !== undefined && { default: initial }),
		...(options && {
			options: [...options].map(([name, value]) =>
				value === true ? { name } : { name, value: typeOf(value) },
			),
		}),
		...(others && { others: typeOf(others) }),
	};
}

const commandOf = ({
	name,
	description,
	permission,
	program,
	timeoutSeconds,
	slots,
}: Command): Schemas["CommandList"]["commands"][number] => ({
	name,
	...(description !== undefined && { description }),
	for: permission,
	plugin: program,
	timeout_seconds: timeoutSeconds ?? null,
	slots: slots.map(slotOf),
});

/** Bytes of most commands in the answer. */
const commandBytes = 1024;

/**
 * POST /commands: what the caller may run.
 * @param plugins names of the plugins that exist
 */
export function createCommandList(
	plugins: () => Promise<readonly string[]>,
): Handlers["listCommands"] {
	return async (_params, _body, call) => {
		const { mode, commands } = call.permit?.permitted?.() ?? {
			mode: "none" as const,
			commands: [],
		};
		await call.reserve(commands.length * commandBytes);
		return {
			status: 200,
			body: {
				mode,
				commands: commands.map(commandOf),
				plugins: mode === "enforce" ? [] : [...(await plugins())],
			},
		};
	};
}

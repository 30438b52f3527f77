import {
	type Command,
	PolicyError,
	parsePolicy,
} from "../../../src/policy/policy.ts";
import {
	type PolicyValue,
	policyText,
} from "../../../src/policy/policy-text.ts";
import { runnersIn, runnersLook } from "../../../src/policy/proposal.ts";
import { shown } from "../../../src/policy/shown.ts";
import type { SeenCall, Sightings } from "./tally.ts";
import { type SeenValues, valuesText } from "./values.ts";

/** A slot of a draft's command. */
export interface DraftSlot {
	readonly name: string;
	readonly type: PolicyValue;
	readonly values: SeenValues;
	/** Why it permits more than what was seen. */
	readonly look?: string | undefined;
}

/** A command of a draft. */
export interface DraftCommand {
	readonly name: string;
	readonly permission: "check" | "inventory";
	/** As in a policy. */
	readonly run: readonly string[];
	readonly slots: readonly DraftSlot[];
	/** Further keys, such as `timeout`. */
	readonly more: Readonly<Record<string, PolicyValue>>;
	readonly calls: readonly SeenCall[];
	/** Whether it was seen too seldom. */
	readonly isRare: boolean;
	/** Whether it is one of the agent's policy. */
	readonly isKnown: boolean;
	/** What somebody has to look at. */
	readonly looks: readonly string[];
}

/** How many calls there were. */
export const countOf = (calls: readonly Sightings[]): number =>
	calls.reduce((sum, { count }) => sum + count, 0);

/** What was seen of a caller only. */
export const sightingsBy = (
	name: string,
	calls: readonly SeenCall[],
): Sightings[] => calls.flatMap(({ by }) => by.get(name) ?? []);

/** `1 call`, `2 calls` */
export const callsText = (count: number): string =>
	`${count} call${count === 1 ? "" : "s"}`;

const timeText = (time: number) =>
	new Date(time).toISOString().replace(/\.\d+Z$/, "Z");

/** `288 calls, 2026-11-29T10:00:00Z to 2026-11-30T09:55:00Z, from 192.0.2.10` */
export function evidenceText(calls: readonly Sightings[]): string {
	const first = Math.min(...calls.map(({ first }) => first.time));
	const last = Math.max(...calls.map(({ last }) => last.time));
	const count = countOf(calls);
	const addresses = new Set(calls.flatMap(({ origins }) => [...origins]));
	const some = [...addresses].slice(0, 3).map(shown);
	const more = addresses.size - some.length;
	const when =
		count === 1 ? timeText(first) : `${timeText(first)} to ${timeText(last)}`;
	const id = count === 1 ? `, id ${shown(calls[0]?.first.id ?? "")}` : "";
	return `${callsText(count)}, ${when}, from ${some.join(", ")}${more > 0 ? ` and ${more} more` : ""}${id}`;
}

/** What somebody has to look at, one sentence each. */
export function looksOf(command: DraftCommand): string[] {
	const others = command.isKnown ? [] : runnersIn(command.run);
	return [
		...(command.isRare
			? ["seen too seldom to be sure that it belongs here"]
			: []),
		...(others.length > 0 ? [runnersLook(others)] : []),
		...command.looks,
		...command.slots.flatMap(({ name, look }) =>
			look === undefined ? [] : [`slot ${name} ${look}`],
		),
	];
}

/** The entry of a command, as lines of YAML with their evidence. */
export function commandText(command: DraftCommand): string {
	const { name, run, slots, more, permission, calls } = command;
	const lines = [
		`# ${evidenceText(calls)}`,
		...looksOf(command).map((look) => `# look: ${look}`),
		`run: ${policyText(run)}`,
		...(permission === "inventory" ? ["for: inventory"] : []),
		...Object.entries(more).map(
			([key, value]) => `${key}: ${policyText(value)}`,
		),
		...(slots.length > 0 ? ["slots:"] : []),
		...slots.flatMap(({ name, type, values }) => [
			...(values.size > 0 ? [`  # ${valuesText(values)}`] : []),
			`  ${policyText(name)}: ${policyText(type)}`,
		]),
	];
	return `  ${policyText(name)}:\n${lines.map((line) => `    ${line}\n`).join("")}`;
}

/** A command as a policy has it; undefined if no policy can. */
export function parsedCommand(command: DraftCommand): Command | undefined {
	try {
		const { policy } = parsePolicy(
			`version: 1\ncommands:\n${commandText(command)}`,
		);
		return policy.commands.get(command.name);
	} catch (error) {
		if (error instanceof PolicyError) return undefined;
		throw error;
	}
}

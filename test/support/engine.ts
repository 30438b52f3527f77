import assert from "node:assert/strict";
import { chooseEngine, type WantedEngine } from "../../src/spawn/engine.ts";
import { loadNativeAddon } from "../../src/spawn/native-addon.ts";
import type { Engine } from "../../src/spawn/started.ts";

/** Why the native engine cannot be tested; undefined if it can. */
export function nativeMissing(): string | undefined {
	const addon = loadNativeAddon();
	return "reason" in addon ? addon.reason : undefined;
}

/** Every engine, and the reason if it cannot be tested. */
export const engines: readonly {
	name: Engine["name"];
	skip: string | undefined;
}[] = [
	{ name: "native", skip: nativeMissing() },
	{ name: "child_process", skip: undefined },
];

/** The engine for tests about something else: HAPPO_TEST_ENGINE, or the agent's choice. */
export const testEngineName = (process.env.HAPPO_TEST_ENGINE ??
	"auto") as WantedEngine;

export function testEngine(
	name = testEngineName,
	environment: Record<string, string> = { PATH: process.env.PATH ?? "" },
): Engine {
	return chooseEngine(name, {
		environment,
		log: {
			warning: (message) =>
				assert.match(message, /node:child_process, which takes longer/),
		},
	});
}

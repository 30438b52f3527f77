import assert from "node:assert/strict";
import { test } from "node:test";
import { createExecution } from "../../../src/agent/commands.ts";
import { systemAsking } from "../../../src/commands/lookups.ts";
import { resolveSettings } from "../../../src/setting-table.ts";
import { type DaemonSettings, daemonSettings } from "../../../src/settings.ts";
import { recordingLog } from "../../support/agent.ts";
import { testEngineName } from "../../support/engine.ts";

const ownPlugins = "/nowhere/contrib/plugins";

/** Where a plugin would have to be that does not exist, by the policy of that moment. */
async function missingAt(given: Partial<DaemonSettings>) {
	let isEnforced = false;
	const defaults = (name: "nagios-plugin-paths" | "sensu-plugin-paths") => [
		...daemonSettings[name].default,
		ownPlugins,
	];
	const execution = createExecution({
		settings: resolveSettings(
			daemonSettings,
			{},
			{},
			{
				"command-engine": testEngineName,
				"nagios-plugin-paths": defaults("nagios-plugin-paths"),
				"sensu-plugin-paths": defaults("sensu-plugin-paths"),
				...given,
			},
		),
		environment: {},
		asking: systemAsking(),
		ownPlugins,
		isEnforced: () => isEnforced,
		log: recordingLog().log,
	});
	const plugins = [
		execution.pluginsIn("nagios-plugin-paths"),
		execution.pluginsIn("sensu-plugin-paths"),
	];
	const files = async () =>
		Promise.all(
			plugins.map(async ({ locate }) => (await locate("no_such")).file),
		);
	const before = await files();
	isEnforced = true;
	return { before, after: await files() };
}

test("/usr/local/bin is a default plugin path only while no policy is in force", async () => {
	assert.deepEqual(await missingAt({}), {
		before: ["/usr/local/bin/no_such", "/usr/local/bin/no_such"],
		after: [
			"/usr/local/nagios/libexec/no_such",
			"/usr/local/hb-agent/bin/no_such",
		],
	});
});

test("a setting that names /usr/local/bin is obeyed under a policy, too", async () => {
	const named = ["/usr/lib/nagios/plugins", "/usr/local/bin"];
	const { after } = await missingAt({
		"nagios-plugin-paths": named,
		"sensu-plugin-paths": named,
	});
	assert.deepEqual(after, ["/usr/local/bin/no_such", "/usr/local/bin/no_such"]);
});

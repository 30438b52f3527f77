import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { createCommands } from "../../src/commands/command.ts";
import { childEnvironment } from "../../src/commands/environment.ts";
import { testEngine } from "../support/engine.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const file = "/usr/lib/nagios/plugins/check_tcp";
const german = "/usr/share/i18n/locales/de_DE";
const missing = [file, german].find((path) => !existsSync(path));

test("a real plugin reads -w 0.5 the same in a German locale", {
	skip: missing ? `${missing} is not there` : false,
}, async (t) => {
	const LOCPATH = await temporaryDirectory(t);
	execFileSync("localedef", [
		...["-i", "de_DE", "-f", "UTF-8", join(LOCPATH, "de_DE.UTF-8")],
	]);
	const server = createServer((socket) => socket.end());
	await new Promise<void>((resolve) => {
		server.listen(0, "127.0.0.1", resolve);
	});
	t.after(() => server.close());
	const address = server.address();
	assert.ok(typeof address === "object" && address);
	const thresholds = async (language: NodeJS.ProcessEnv, locale: string) => {
		const commands = createCommands({
			engine: testEngine(),
			outputLimitBytes: 1 << 20,
			environment: childEnvironment(
				{ PATH: process.env.PATH, LOCPATH, ...language },
				{ passed: ["*"], locale },
			).variables,
			log: { error: assert.fail, warning: assert.fail },
		});
		t.after(() => commands.close());
		const args = ["-H", "127.0.0.1", "-p", String(address.port)];
		const { exitStatus, stdout } = await commands.run(
			{ file, args: [...args, "-w", "5.5", "-c", "9.5"] },
			{ timeoutMilliseconds: 60_000 },
		);
		const [, warning, critical] =
			/\|time=[^;]*;([^;]*);([^;]*);/.exec(stdout.text) ?? [];
		return { exitStatus, warning, critical };
	};
	const read = { exitStatus: 0, warning: "5.500000", critical: "9.500000" };
	for (const language of [
		{ LANG: "de_DE.UTF-8" },
		{ LC_ALL: "de_DE.UTF-8" },
		{ LC_NUMERIC: "de_DE.UTF-8" },
	])
		assert.deepEqual(await thresholds(language, ""), read);
	// the locale is installed, and does have this effect
	assert.deepEqual(await thresholds({ LC_ALL: "de_DE.UTF-8" }, "inherit"), {
		exitStatus: 0,
		warning: "5,000000",
		critical: "9,000000",
	});
});

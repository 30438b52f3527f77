import assert from "node:assert/strict";
import { test } from "node:test";
import { childEnvironment } from "../../../src/commands/environment.ts";

test("keeps back the daemon's settings, Node's and npm's variables and the supervisor's handles", () => {
	assert.deepEqual(
		childEnvironment({
			PATH: "/bin",
			LANG: "",
			HAPPO_AGENT_PORT: "1",
			HAPPO_AGENT_PASSPHRASE: "secret",
			NODE_OPTIONS: "--inspect",
			NODE_ENV: "production",
			npm_config_registry: "x",
			NOTIFY_SOCKET: "/run/systemd/notify",
			WATCHDOG_USEC: "1",
			WATCHDOG_PID: "1",
			UNSET: undefined,
		}),
		{ PATH: "/bin", LANG: "" },
	);
});

test("keeps names that only look alike", () => {
	const alike = {
		HAPPO: "1",
		MY_HAPPO_AGENT_X: "1",
		NODE: "1",
		NPM_TOKEN: "1",
		NOTIFY_SOCKET_2: "1",
		WATCHDOG: "1",
	};
	assert.deepEqual(childEnvironment(alike), alike);
});

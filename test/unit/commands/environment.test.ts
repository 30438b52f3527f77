import assert from "node:assert/strict";
import { test } from "node:test";
import {
	badVariableNames,
	childEnvironment,
	type EnvironmentRules,
} from "../../../src/commands/environment.ts";

const byDefault: EnvironmentRules = { passed: ["*"], locale: "" };
/** The locale in tests about something else. */
const asIs: EnvironmentRules = { passed: ["*"], locale: "inherit" };

test("the agent's settings, Node's and npm's variables and the supervisor's handles stay in the agent", () => {
	assert.deepEqual(
		childEnvironment(
			{
				PATH: "/bin",
				LANG: "",
				HAPPO_AGENT_PORT: "1",
				HAPPO_AGENT_PRIVATE_KEY_PASSPHRASE: "secret",
				NODE_OPTIONS: "--inspect",
				NODE_ENV: "production",
				npm_config_registry: "x",
				UV_THREADPOOL_SIZE: "8",
				NOTIFY_SOCKET: "/run/systemd/notify",
				WATCHDOG_USEC: "1",
				WATCHDOG_PID: "1",
				LISTEN_FDS: "1",
				LISTEN_PID: "1",
				CREDENTIALS_DIRECTORY: "/run/credentials/x",
				UNSET: undefined,
			},
			asIs,
		),
		{ variables: { PATH: "/bin", LANG: "" }, heldBack: [] },
	);
});

test("withholds variables that look like secrets, and names them", () => {
	const secrets = {
		API_KEY: "1",
		AWS_ACCESS_KEY_ID: "1",
		AWS_REGION: "1",
		CI_TOKEN: "1",
		DATABASE_URL: "postgres://shop:pa@db/shop",
		DB_PASSWORD: "1",
		GOOGLE_APPLICATION_CREDENTIALS: "/x",
		HTTPS_PROXY: "user:pa@proxy:3128",
		MYSQL_PWD: "1",
		PGPASSWORD: "1",
		SSHPASS: "1",
		client_secret: "1",
		http_proxy: "http://user:pa@proxy:3128/",
	};
	const harmless = {
		HOME: "/",
		KEYBOARD: "de",
		OLDPWD: "/",
		ORACLE_HOME: "/opt/oracle",
		PWD: "/",
		SITE: "http://web01:8080/a@b",
		TNS_ADMIN: "/etc/tns",
		https_proxy: "http://proxy:3128/",
		no_proxy: "localhost",
	};
	assert.deepEqual(childEnvironment({ ...secrets, ...harmless }, asIs), {
		variables: harmless,
		heldBack: Object.keys(secrets).sort(),
	});
});

test("plugin-environment passes the variables it names, even secrets, and nothing else without *", () => {
	const environment = {
		PATH: "/bin",
		MYSQL_PWD: "1",
		ORACLE_HOME: "/o",
		ORACLE_SID: "x",
		NODE_PATH: "/n",
		HAPPO_AGENT_PORT: "1",
		OTHER: "1",
	};
	const given = (...passed: string[]) =>
		Object.keys(
			childEnvironment(environment, { passed, locale: "inherit" }).variables,
		).sort();
	assert.deepEqual(given("PATH", "ORACLE_*"), [
		"ORACLE_HOME",
		"ORACLE_SID",
		"PATH",
	]);
	assert.deepEqual(given("*", "MYSQL_PWD", "NODE_PATH"), [
		"MYSQL_PWD",
		"NODE_PATH",
		"ORACLE_HOME",
		"ORACLE_SID",
		"OTHER",
		"PATH",
	]);
	assert.deepEqual(given(), []);
	// no pattern matches the agent's own variables
	assert.ok(!given("H*").includes("HAPPO_AGENT_PORT"));
	assert.equal(badVariableNames(["*", "ORACLE_*", "PATH"]), undefined);
	assert.match(badVariableNames(["A=B"]) ?? "", /A=B/);
	assert.match(
		badVariableNames(["HAPPO_AGENT_PORT"]) ?? "",
		/never passed to plugins: HAPPO_AGENT_PORT/,
	);
});

test("LC_NUMERIC and LC_MESSAGES become C; LC_CTYPE stays", () => {
	const locale = (environment: NodeJS.ProcessEnv, wanted = "") =>
		childEnvironment(environment, { ...byDefault, locale: wanted }).variables;
	assert.deepEqual(locale({}), {
		LC_CTYPE: "C.UTF-8",
		LC_MESSAGES: "C",
		LC_NUMERIC: "C",
	});
	assert.deepEqual(locale({ LANG: "de_DE.UTF-8", LANGUAGE: "de:en" }), {
		LANG: "de_DE.UTF-8",
		LC_CTYPE: "de_DE.UTF-8",
		LC_MESSAGES: "C",
		LC_NUMERIC: "C",
	});
	assert.deepEqual(
		locale({ LANG: "C", LC_CTYPE: "ja_JP.eucJP", LC_TIME: "ja_JP.eucJP" }),
		{
			LANG: "C",
			LC_CTYPE: "ja_JP.eucJP",
			LC_TIME: "ja_JP.eucJP",
			LC_MESSAGES: "C",
			LC_NUMERIC: "C",
		},
	);
	assert.equal(
		locale({ LC_ALL: "ja_JP.UTF-8", LANG: "C" }).LC_CTYPE,
		"ja_JP.UTF-8",
	);
	assert.equal(locale({ LC_ALL: "ja_JP.UTF-8" }).LC_ALL, undefined);
	const german = { LC_ALL: "de_DE.UTF-8", LC_NUMERIC: "de_DE.UTF-8" };
	assert.deepEqual(locale(german, "inherit"), german);
	assert.deepEqual(locale(german, "C"), { LC_ALL: "C" });
});

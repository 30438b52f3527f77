import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Agent, startAgent } from "../../src/agent.ts";
import type { DeliveryTimes } from "../../src/http/connection.ts";
import { type Fields, fieldText, type Log } from "../../src/log.ts";
import { resolveSettings } from "../../src/setting-table.ts";
import { type DaemonSettings, daemonSettings } from "../../src/settings.ts";
import { createSelfSigned } from "../../src/tls/self-signed.ts";
import { testEngineName } from "./engine.ts";
import { checkReply } from "./reply-check.ts";
import { temporaryDirectory } from "./temporary.ts";

/** Plugins and commands of the recorded cases. */
export const fixtures = join(process.cwd(), "test/fixtures/conformance");

/** Files of a key pair, by the names of their settings. */
export async function writeTestKeyPair(directory: string) {
	await mkdir(directory, { recursive: true });
	const pair = createSelfSigned({
		commonName: "test",
		names: ["localhost", "127.0.0.1", "::1"],
		now: new Date(),
	});
	const files = {
		"public-key": join(directory, "agent.pub"),
		"private-key": join(directory, "agent.key"),
	};
	await writeFile(files["public-key"], pair.certificate);
	await writeFile(files["private-key"], pair.privateKey, { mode: 0o600 });
	return files;
}

/** A log that keeps its lines: `<level> <message> <key>=<value>,...`. */
export function recordingLog() {
	const lines: string[] = [];
	const write =
		(level: string) =>
		(message: string, fields: Fields | (() => Fields) = {}) => {
			const told = typeof fields === "function" ? fields() : fields;
			lines.push(`${level} ${message}${fieldText(told)}`);
		};
	const log: Log = {
		debug: write("debug"),
		info: write("info"),
		warning: write("warning"),
		error: write("error"),
		notice: write("info"),
		reopen: () => {},
		close: () => {},
	};
	return { log, lines };
}

export interface TestAgent extends Agent {
	/** Its log lines. */
	lines: string[];
	directory: string;
}

/**
 * A real agent in this process, on a free port of 127.0.0.1, over TLS, with the plugins of the
 * recorded cases. Checks every reply against the contract, unless a test wants to see a violation.
 */
export async function startTestAgent(
	t: Pick<TestContext, "after">,
	overrides: Partial<DaemonSettings> = {},
	check = checkReply,
	deliveryTimes?: DeliveryTimes,
): Promise<TestAgent> {
	const directory = await temporaryDirectory(t);
	const { log, lines } = recordingLog();
	const settings = resolveSettings(
		daemonSettings,
		{},
		{},
		{
			port: 0,
			"listen-address": "127.0.0.1",
			...(await writeTestKeyPair(directory)),
			dbfile: join(directory, "db"),
			"metric-config": join(directory, "metrics.yaml"),
			"sensu-plugin-paths": [join(fixtures, "sensu")],
			"nagios-plugin-paths": [
				join(fixtures, "plugins"),
				join(fixtures, "plugins2"),
			],
			// tests must not reach other machines
			"command-engine": testEngineName,
			"proxy-destinations": ["127.0.0.0/8", "::1", "localhost"],
			// the default may be that of an agent of this machine
			"admin-socket": "none",
			...overrides,
		},
	);
	const agent = await startAgent({
		settings,
		environment: process.env,
		log,
		checkReply: check,
		...(deliveryTimes && { deliveryTimes }),
	});
	t.after(() => agent.close());
	return { ...agent, lines, directory };
}

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { checkLines } from "../../cli/ctl/web/lines.ts";
import { startDaemon } from "../support/daemon.ts";
import { missingIcinga, resultsOfIcinga } from "../support/icinga.ts";
import { missingNagios, startNagios } from "../support/nagios.ts";
import { lacksPeer } from "../support/peer.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { webTarget } from "../support/web.ts";

/** Prints its arguments in hexadecimal, as no program on the way changes those. */
const hexPlugin = `#!/bin/sh
for word; do printf 'x%s ' "$(printf %s "$word" | od -An -v -tx1 | tr -d ' \\n')"; done
`;

/** What Nagios, Icinga or a shell would take for something else. */
const words = [
	...["-w", "10%", "a b", "", "'", '"', "$HOME", "$", "$$", "$HOSTADDRESS$"],
	...["$address$", "`id`", "$(id)", "\\", "\\\\n", ";", "a;b", "\\;", "!"],
	...["*", "~", "#", "&&", "|", "}", "{{{", "é", "\t", "%s", "x=5;6"],
];

const asHex = words
	.map((word) => `x${Buffer.from(word).toString("hex")}`)
	.join(" ");

const way = {
	reach: { "key-file": "" },
	verification: { "ca-file": "", fingerprint: "", "known-hosts": "" },
};

/** An agent with the plugin, the definitions of a call of it, and how to call the environment. */
async function definitions(t: TestContext) {
	const directory = await temporaryDirectory(t);
	await writeFile(join(directory, "check_hex"), hexPlugin, { mode: 0o755 });
	const agent = await startDaemon(t, ["--nagios-plugin-paths", directory]);
	const lines = checkLines(
		{ ...webTarget(`127.0.0.1:${agent.port}`), label: "web01" },
		{ plugin: "check_hex", words, command: "odd words" },
		way,
	);
	// the machine may have a broker and known hosts
	return { lines, environment: { HAPPO_BROKER: "", HOME: directory } };
}

test("Nagios passes on every word of a definition from the page", async (t) => {
	if (lacksPeer(t, missingNagios)) return;
	const { lines, environment } = await definitions(t);
	const template = `define service {
	name generic-service
	register 0
	check_period always
	check_interval 2
	retry_interval 2
	max_check_attempts 1
	contacts nobody
	notifications_enabled 0
}
`;
	const nagios = await startNagios(t, [], {
		...{ definitions: template + lines.nagios, environment },
	});
	const [result, ...others] = await nagios.checked(1);
	assert.deepEqual(others, []);
	assert.equal(result?.description, "odd words");
	assert.equal(result?.output.trim(), asHex);
	await nagios.stop();
});

test("Icinga passes on every word of a definition from the page", async (t) => {
	if (lacksPeer(t, missingIcinga)) return;
	const { lines, environment } = await definitions(t);
	const [result, ...others] = await resultsOfIcinga(t, [], environment, {
		rules: lines.icinga.replace(
			"  check_command",
			"  check_interval = 2s\n  check_command",
		),
	});
	assert.deepEqual(others, []);
	assert.equal(result?.name, "odd words");
	assert.equal(result?.output.trim(), asHex);
});

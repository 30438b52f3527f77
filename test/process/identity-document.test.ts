import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { Agent } from "node:https";
import { join } from "node:path";
import { test } from "node:test";
import { startTestAgent } from "../support/agent.ts";
import { send } from "../support/https.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import {
	bashSession,
	indentedBlocks,
	stepsOf,
} from "../support/walkthrough.ts";

const text = readFileSync("contrib/doc/identity.md", "utf8");

const policy = `version: 1
who: { icinga: { certificate: { uri: "spiffe://example.net/icinga" } } }
rules: [{ who: icinga, may: read-status }]
`;

test("the small CA lets a client in until its certificate is revoked", async (t) => {
	const directory = await temporaryDirectory(t);
	const blocks = indentedBlocks(text)
		.filter(({ heading }) => heading === "A small CA")
		.map((block) => stepsOf(block, "$ ") ?? assert.fail(String(block.line)));
	assert.equal(blocks.length, 4);
	const type = async (steps: readonly { command: string }[]) => {
		const commands = steps.map(({ command }) => command);
		const environment = { PATH: process.env.PATH ?? "", HOME: directory };
		const done = await bashSession(t, commands, { directory, environment });
		for (const [index, { output, status }] of done.entries())
			assert.equal(status, 0, `${commands[index]}: ${output}`);
	};
	const revoking = blocks.pop() ?? [];
	for (const steps of blocks) await type(steps);

	const file = (name: string) => join(directory, name);
	await writeFile(file("policy.yaml"), policy);
	const { port, reload } = await startTestAgent(t, {
		policy: file("policy.yaml"),
		"client-ca-file": file("ca.pem"),
		"client-crl-file": file("ca.crl"),
	});
	const statusFor = async (agent?: Agent) =>
		(await send({ port, path: "/status", ...(agent && { agent }) })).status;
	const icinga = new Agent({
		key: readFileSync(file("icinga.key")),
		cert: readFileSync(file("icinga.pem")),
		...{ keepAlive: true, maxSockets: 1 },
	});
	t.after(() => icinga.destroy());
	assert.equal(await statusFor(), 403);
	assert.equal(await statusFor(icinga), 200);
	// on the same connection
	await type(revoking);
	await reload();
	assert.equal(await statusFor(icinga), 403);
});

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { Agent } from "node:https";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { AgentUnreachable, createAgentClient } from "../../src/client/index.ts";
import { startTestAgent, writeTestKeyPair } from "../support/agent.ts";
import { send } from "../support/https.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import {
	bashSession,
	indentedBlocks,
	stepsOf,
} from "../support/walkthrough.ts";

/** The commands under a heading of the document, by block. */
const commandsUnder = (title: string) =>
	indentedBlocks(readFileSync("contrib/doc/identity.md", "utf8"))
		.filter(({ heading }) => heading === title)
		.flatMap((block) => {
			const steps = stepsOf(block, "$ ");
			return steps ? [steps.map(({ command }) => command)] : [];
		});

/** Runs commands in a directory, which must all succeed. */
async function type(
	t: TestContext,
	directory: string,
	commands: readonly string[],
) {
	const environment = { PATH: process.env.PATH ?? "", HOME: directory };
	const done = await bashSession(t, commands, { directory, environment });
	for (const [index, { output, status }] of done.entries())
		assert.equal(status, 0, `${commands[index]}: ${output}`);
}

const policy = `version: 1
who: { icinga: { certificate: { uri: "spiffe://example.net/icinga" } } }
rules: [{ who: icinga, may: read-status }]
`;

test("the small CA lets a client in until its certificate is revoked", async (t) => {
	const directory = await temporaryDirectory(t);
	const blocks = commandsUnder("A small CA");
	assert.equal(blocks.length, 4);
	const revoking = blocks.pop() ?? [];
	for (const commands of blocks) await type(t, directory, commands);

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
	await type(t, directory, revoking);
	await reload();
	assert.equal(await statusFor(icinga), 403);
});

test("clients verify an agent whose certificate is from the document's CA", async (t) => {
	const directory = await temporaryDirectory(t);
	const blocks = commandsUnder("Certificates of agents");
	assert.equal(blocks.length, 2);
	for (const commands of blocks) await type(t, directory, commands);

	const file = (name: string) => join(directory, name);
	const { port } = await startTestAgent(t, {
		"public-key": file("web01.pem"),
		"private-key": file("web01.key"),
	});
	const ping = async (ca: Buffer) => {
		const client = createAgentClient({
			agent: `127.0.0.1:${port}`,
			trust: { ca },
			retries: 0,
		});
		t.after(() => client.close());
		return (await client.GET("/", { parseAs: "text" })).data;
	};
	assert.equal(await ping(readFileSync(file("agents-ca.pem"))), "OK");
	const { "public-key": other } = await writeTestKeyPair(file("other"));
	await assert.rejects(ping(readFileSync(other)), AgentUnreachable);
	const certificate = new X509Certificate(readFileSync(file("web01.pem")));
	assert.ok(certificate.checkHost("web01.example.net"));
	assert.ok(certificate.checkIP("192.0.2.1"));
});

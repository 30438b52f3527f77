import assert from "node:assert/strict";
import { cp, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { assertRefused, run } from "../support/command-line.ts";
import { ownNode, program, startProgram } from "../support/daemon.ts";
import { send } from "../support/https.ts";
import { testEngines } from "../support/node-cases.ts";
import { temporaryDirectory } from "../support/temporary.ts";

testEngines(ownNode);

/** A copy of the built program with the files it needs, except those that are left out. */
async function copyProgram(
	t: Pick<TestContext, "after">,
	isLeftOut: (file: string) => boolean,
) {
	const directory = await temporaryDirectory(t);
	await cp(dirname(program), join(directory, "dist"), {
		recursive: true,
		filter: (file) => !isLeftOut(file),
	});
	await writeFile(join(directory, "package.json"), '{"type":"module"}');
	await symlink(
		join(process.cwd(), "node_modules"),
		join(directory, "node_modules"),
	);
	return { directory, program: join(directory, "dist/happo-agent.js") };
}

test("a required native engine that cannot be loaded aborts startup", async (t) => {
	// only the program, without the files beside it
	const { directory, ...elsewhere } = await copyProgram(t, (file) =>
		file.includes("/dist/native"),
	);
	const quick = [
		...["daemon", "--log-level", "info"],
		"--quick-start",
		join(directory, "data"),
		"-P",
		"0",
		"--listen-address",
		"127.0.0.1",
	];
	const { stderr, code } = await run(
		t,
		[...quick, "--command-engine", "native"],
		elsewhere,
	);
	assert.match(
		stderr,
		/^happo-agent: command-engine native: \S+spawn\.node does not exist\n$/,
	);
	assert.equal(code, 1);
	// by default it falls back
	const daemon = startProgram(t, quick, {
		...elsewhere,
		environment: { HAPPO_AGENT_COMMAND_ENGINE: "auto" },
	});
	await daemon.printed(
		/\[warning\] starting commands through node:child_process, which is slower: \S+ does not exist\n/,
	);
	const [, port] = await daemon.printed(/listening on \S+ port (\d+)/);
	const status = JSON.parse(
		(await send({ port: Number(port), path: "/status" })).text,
	);
	assert.equal(status.commands.engine, "child_process");
});

test("an unknown engine is refused", async (t) => {
	const exited = await run(t, ["daemon", "--command-engine", "fork"]);
	assertRefused(
		exited,
		2,
		/^happo-agent: --command-engine: must be one of auto, native, child_process: fork$/,
	);
});

import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createHostSource } from "../../../../cli/collector/host-source.ts";
import { recordingLog } from "../../../support/agent.ts";
import { eventually } from "../../../support/eventually.ts";
import { temporaryDirectory } from "../../../support/temporary.ts";

test("each reason why a list cannot be read is logged once, and its end", async (t) => {
	const file = join(await temporaryDirectory(t), "hosts.json");
	const { log, lines } = recordingLog();
	let problem: string | undefined;
	const write = async (text: string) => {
		await writeFile(`${file}.new`, text);
		await rename(`${file}.new`, file);
	};
	await write("[]");
	const source = createHostSource({
		...{ from: file, ca: undefined, environment: {}, log },
		take: () => {},
		failed: (reason) => {
			problem = reason;
		},
		everyMilliseconds: 10,
	});
	t.after(() => source.stop());
	await source.start();
	for (const [text, reason] of [
		["{}", /^not a JSON array$/],
		["[", /^not JSON: /],
		["{}", /^not a JSON array$/],
	] as const) {
		await write(text);
		await eventually(text, () => reason.test(problem ?? ""));
	}
	await write("[]");
	await eventually("the end", () => problem === undefined);
	const shown = lines.map((line) =>
		line.replace(file, "FILE").replace(/not JSON: .*: the/, "not JSON: the"),
	);
	assert.match(
		shown.at(-1) ?? "",
		/^warning hosts: FILE: works again after \d+ failures$/,
	);
	assert.deepEqual(shown.slice(0, -1), [
		"info hosts: FILE: 0 hosts",
		"error hosts: FILE: not a JSON array: the last list stays in use",
		"error hosts: FILE: not JSON: the last list stays in use",
		"info hosts: FILE: 0 hosts",
	]);
});

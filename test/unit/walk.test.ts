import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { test } from "node:test";
import { startTestAgent } from "../support/agent.ts";
import { eventually } from "../support/eventually.ts";
import { post } from "../support/https.ts";

/** The rest is wiring, and what timers run: the store, renewed files, the status. */
const onTheWay =
	/^src\/(http|handlers|commands|spawn|protocol)\/|^src\/(collect|fair-limit|status\/(?:figures|check-results|sightings))\.ts$/;

/** The files of src in which a function ran since coverage was started. */
async function ranSince(session: Session): Promise<string[]> {
	const { result } = await session.post("Profiler.takePreciseCoverage");
	return result
		.filter(({ functions }) =>
			functions.some(
				({ ranges: [range] }) => range && range.startOffset > 0 && range.count,
			),
		)
		.flatMap(({ url }) => /\/build\/(src\/.*)\.js$/.exec(url)?.[1] ?? [])
		.map((path) => `${path}.ts`);
}

test("the walk of a check in the contributor's README names the files that really run", async (t) => {
	const text = readFileSync("contrib/development/README.md", "utf8");
	const part = text.slice(
		text.indexOf("A check over HTTPS"),
		text.indexOf("A sample, from"),
	);
	const named = [...part.matchAll(/`(src\/[^`]+)`/g)].map(([, path]) => path);

	const agent = await startTestAgent(t, { "disable-collect-metrics": true });
	const check = { plugin_name: "check_exit", plugin_option: "0" };
	assert.equal((await post(agent.port, "/monitor", check)).status, 200);
	if (agent.lines.some((line) => line.includes("node:child_process")))
		return t.skip("the walk is that of the native engine");
	const session = new Session();
	session.connect();
	t.after(() => session.disconnect());
	await session.post("Profiler.enable");
	await session.post("Profiler.startPreciseCoverage", {
		callCount: true,
		detailed: false,
	});
	assert.equal((await post(agent.port, "/monitor", check)).status, 200);
	const ran = new Set<string>();
	await eventually("the answer is recorded", async () => {
		for (const path of await ranSince(session)) ran.add(path);
		return ran.has("src/status/figures.ts");
	});
	assert.deepEqual(
		[...ran].filter((path) => onTheWay.test(path)).sort(),
		named.toSorted(),
	);
});

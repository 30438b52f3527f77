import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { startTestAgent } from "../../support/agent.ts";
import { eventually } from "../../support/eventually.ts";
import { post } from "../../support/https.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { openWire, requestText } from "../../support/wire.ts";

const check = (name: string, option: string, pad = "") =>
	JSON.stringify({ plugin_name: name, plugin_option: option, pad });

const isGone = (pid: number) => {
	try {
		process.kill(pid, 0);
		return false;
	} catch {
		return true;
	}
};

describe("requests queued on a connection that closes", () => {
	it("give back the memory of their bodies", async (t) => {
		const { port } = await startTestAgent(t, {
			// one client gets half of it
			"max-buffered-bytes": 16_384,
			"connection-wait-seconds": 1,
		});
		const small = { plugin_name: "check_exit", plugin_option: "0" };
		const wire = openWire(t, { port });
		wire.socket.write(
			requestText(
				"POST /monitor",
				check("check_sleep", "30", "x".repeat(7800)),
			) + requestText("POST /monitor", check("check_sleep", "30")),
		);
		await eventually(
			"the budget is in use",
			async () =>
				(await post(port, "/monitor", { ...small, pad: "x".repeat(400) }))
					.status === 503,
		);
		wire.reset();
		await eventually(
			"the budget is given back",
			async () =>
				(await post(port, "/monitor", { ...small, pad: "x".repeat(7000) }))
					.status === 200,
		);
	});

	it("stop the running plugin, and the others do not run", async (t) => {
		const directory = await temporaryDirectory(t);
		const plugin = join(directory, "check_pid");
		await writeFile(
			plugin,
			`#!/bin/sh\necho $$ > ${directory}/pid$1\nexec sleep 60\n`,
			{ mode: 0o755 },
		);
		const { port } = await startTestAgent(t, {
			"nagios-plugin-paths": [directory],
		});
		const wire = openWire(t, { port });
		const numbers = ["1", "2", "3"];
		wire.socket.write(
			numbers
				.map((n) => requestText("POST /monitor", check("check_pid", n)))
				.join(""),
		);
		const pidOf = (n: string) =>
			readFile(join(directory, `pid${n}`), "utf8").catch(() => "");
		await eventually("the first runs", async () =>
			(await pidOf("1")).endsWith("\n"),
		);
		const pid = Number(await pidOf("1"));
		wire.reset();
		await eventually("it is ended", async () => isGone(pid));
		assert.equal((await post(port, "/metric/peek", {})).status, 200);
		assert.deepEqual([await pidOf("2"), await pidOf("3")], ["", ""]);
	});
});

it("a client that does not read loses its place", async (t) => {
	const { port } = await startTestAgent(t, {
		"max-connections": 1,
		"idle-timeout-seconds": 1,
	});
	const slow = openWire(t, { port });
	await slow.opened;
	slow.socket.pause();
	const large = requestText("POST /monitor", check("check_1mb", ""));
	slow.socket.write(large.repeat(12));
	// waits for the place, at most connection-wait-seconds
	await eventually("the place is free again", async () => {
		const answer = await post(port, "/monitor", {
			plugin_name: "check_exit",
			plugin_option: "0",
		}).catch(() => undefined);
		return answer?.status === 200;
	});
	assert.ok(slow.socket.readableLength >= 0);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { startTestAgent } from "../../support/agent.ts";
import { post, send } from "../../support/https.ts";

test("requests as v1's clients write them", async (t) => {
	const { port, lines } = await startTestAgent(t);
	const raw = (path: string, body: string | Buffer) =>
		send({ port, path, method: "POST", body });

	await t.test(
		"field names in any letter case, of every operation",
		async () => {
			const check = await post(port, "/monitor", {
				PLUGIN_NAME: "check_exit",
				Plugin_Option: "1",
			});
			assert.equal(JSON.parse(check.text).return_value, 1);
			const inventory = await post(port, "/inventory", {
				Command: "echo",
				COMMAND_OPTION: "x",
			});
			assert.equal(JSON.parse(inventory.text).return_value, "x\n");
			const append = await post(port, "/metric/append", {
				Metric_Data: [
					{ HostName: "h", TimeStamp: 5, METRICS: { "A.b": 1, "a.B": 2 } },
				],
			});
			assert.equal(append.status, 200);
			const { metric_data } = JSON.parse(
				(await post(port, "/metric", {})).text,
			);
			assert.deepEqual(metric_data, [
				{ hostname: "h", timestamp: 5, metrics: { "A.b": 1, "a.B": 2 } },
			]);
			const relayed = await post(port, "/proxy", {
				PROXY_HOSTPORT: [`127.0.0.1:${port}`],
				Request_Type: "monitor",
				request_JSON: Buffer.from(
					'{"PLUGIN_NAME":"check_exit","plugin_name":"check_exit","Plugin_Option":"3"}',
				).toString("base64"),
			});
			assert.equal(JSON.parse(relayed.text).return_value, 3);
		},
	);

	await t.test(
		"hops and types with blanks, slashes and empty ports",
		async () => {
			for (const [hop, type] of [
				[` 127.0.0.1:${port} `, "/monitor"],
				[`127.0.0.1:+${port}`, "monitor/"],
				[`127.0.0.1:0${port}`, "/monitor/"],
				[`127.0.0.1:${port}`, "/get/"],
				[`127.0.0.1:${port}`, "get/status/"],
			]) {
				const { status, text } = await post(port, "/proxy", {
					proxy_hostport: [hop],
					request_type: type,
					request_json: '{"plugin_name":"check_exit","plugin_option":"0"}',
				});
				assert.equal(status, 200, `${hop} ${type}: ${text}`);
			}
		},
	);

	await t.test(
		"Latin-1 is read, with one warning for an operation",
		async () => {
			const body = Buffer.from(
				'{"plugin_name":"check_args","plugin_option":"M\xe9","x":"\xff"}',
				"latin1",
			);
			for (const _ of [1, 2]) {
				const { text } = await raw("/monitor", body);
				assert.equal(JSON.parse(text).message, "[M\u{fffd}]\n");
			}
			const { text } = await post(port, "/proxy", {
				proxy_hostport: [`127.0.0.1:${port}`],
				request_type: "monitor",
				request_json: body.toString("base64"),
			});
			assert.equal(JSON.parse(text).message, "[M\u{fffd}]\n");
			const metrics = Buffer.from(
				'{"metric_data":[{"hostname":"\xe9","timestamp":1,"metrics":{}}]}',
				"latin1",
			);
			assert.equal((await raw("/metric/append", metrics)).status, 200);
			const bom = await raw("/monitor", '\u{feff}{"plugin_name":"check_exit"}');
			assert.equal(bom.status, 400, "Go refuses it, too");
			const told = lines.filter((line) => line.includes("not UTF-8"));
			assert.deepEqual(
				told.map((line) => line.split(":", 1)[0]),
				[
					"warning runCheck from 127.0.0.1",
					"warning appendMetrics from 127.0.0.1",
				],
			);
		},
	);

	await t.test("an escaped or extra slash is a 404", async () => {
		for (const path of ["/status%2F", "/status%2f", "/%2Fstatus"]) {
			const { status, text } = await send({ port, path });
			assert.equal(status, 404);
			assert.equal(JSON.parse(text).detail, `${path}: no such path`);
		}
		for (const path of ["/status//", "/monitor//", "//status", "///"])
			assert.match((await send({ port, path })).text, /no such path/, path);
	});

	await t.test("the store's properties are numbers", async () => {
		const { text } = await send({ port, path: "/status" });
		const { leveldb_properties: figures } = JSON.parse(text);
		for (const [name, value] of Object.entries(figures))
			if (!/blockpool|sstables|stats|writedelay/.test(name))
				assert.match(String(value), /^\d+$/, name);
		assert.equal(
			figures["leveldb.writedelay"],
			"DelayN:0 Delay:0s Paused:false",
		);
	});
});

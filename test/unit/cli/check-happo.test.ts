import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { help, parseCheckOptions } from "../../../cli/check-happo/arguments.ts";
import { agentError, resultOf } from "../../../cli/check-happo/result.ts";
import { UsageError } from "../../../cli/program/arguments.ts";

describe("the options of check_happo", () => {
	it("have the defaults of v1", () =>
		assert.deepEqual(parseCheckOptions(["-H", "Web01", "-p", "check_x"]), {
			target: { host: "web01", port: 6777, text: "Web01:6777" },
			proxies: [],
			plugin: "check_x",
			option: "",
			timeoutMilliseconds: 60_000,
			isVerbose: false,
			caFile: undefined,
			fingerprint: undefined,
		}));

	it("may be written in every form of v1, and the last one counts", () => {
		const { option, isVerbose, timeoutMilliseconds, target, plugin } =
			parseCheckOptions([
				...["-H=a", "-host", "b", "--plugin_name=x", "-plugin-name=y"],
				...["-o", "-w 5 --timeout=1", "--timeout", "9", "-v", "-P=7"],
			]);
		assert.deepEqual(
			[option, isVerbose, timeoutMilliseconds, target.text, plugin],
			["-w 5 --timeout=1", true, 9_000, "b:7", "y"],
		);
	});

	for (const [host, text] of [
		["192.0.2.1", "192.0.2.1:6777"],
		["192.0.2.1:1", "192.0.2.1:1"],
		["a_b.example.", "a_b.example.:6777"],
		["2001:DB8:0::1", "[2001:db8::1]:6777"],
		["[2001:db8::1]", "[2001:db8::1]:6777"],
		["[2001:db8::1]:99", "[2001:db8::1]:99"],
		["::ffff:192.0.2.1", "192.0.2.1:6777"],
	] as const)
		it(`${host} becomes ${text}, as host and as proxy`, () => {
			const { target, proxies } = parseCheckOptions([
				"-H",
				host,
				"-p",
				"x",
				"-X",
				host,
			]);
			assert.equal(target.text, text);
			assert.deepEqual(proxies, [target]);
		});

	it("--port applies to an address without a port", () => {
		for (const host of ["::1", "[::1]"]) {
			const { target } = parseCheckOptions([
				"-H",
				host,
				"-p",
				"x",
				"-P",
				"65535",
			]);
			assert.deepEqual(target, {
				host: "::1",
				port: 65_535,
				text: "[::1]:65535",
			});
		}
	});

	for (const bad of [
		"-P=0",
		"-P=65536",
		"-P=0x1",
		"-P=",
		"-t=-1",
		"-t=2147484",
		"-X=",
		"-X=a/b",
		"-X=a:0",
		"-X=a\r\nb",
		"-H=user@a",
		"-H=a:1 -P=1",
		"--fingerprint=",
		"--ca-file=",
		"--",
		"-",
	])
		it(`${JSON.stringify(bad)} is an invalid command line`, () => {
			const args = ["-H", "a", "-p", "x", ...bad.split(/ /)];
			assert.throws(() => parseCheckOptions(args), UsageError);
		});
});

describe("what check_happo prints", () => {
	it("is the unchanged message, except that invalid UTF-8 is replaced", () => {
		const body = Buffer.from(
			'{"message":"\\u00e4\\u0000|\xff","return_value":1}',
			"latin1",
		);
		assert.deepEqual(resultOf({ status: 200, body }), {
			output: "ä\0|\ufffd",
			status: 1,
		});
	});

	it("adds a note if an OK plugin printed nothing, and only then", () => {
		const printed = (return_value: number, message: string) =>
			resultOf({
				status: 200,
				body: Buffer.from(JSON.stringify({ return_value, message })),
			});
		assert.deepEqual(printed(0, "stdout=, stderr="), {
			output: "stdout=, stderr= (the plugin printed nothing)\n",
			status: 0,
		});
		for (const [status, message] of [
			[2, "stdout=, stderr="],
			[0, "stdout=, stderr=x\n"],
			[0, "OK\n"],
			[0, ""],
		] as const)
			assert.deepEqual(printed(status, message), { output: message, status });
	});

	it("is one line for an error, whatever the reason contains", () =>
		assert.deepEqual(agentError("a\r\nOK\x1b[2J\u0085b\n"), {
			output: "ERROR(happo-agent): a OK [2J b\n",
			status: 2,
		}));

	it("has at most 80 columns in its help", () => {
		for (const line of help.split("\n")) assert.ok(line.length <= 80, line);
	});
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { help, parseCheckOptions } from "../../../cli/check-happo/arguments.ts";
import { printed } from "../../../cli/check-happo/perfdata.ts";
import { agentError, resultOf } from "../../../cli/check-happo/result.ts";
import { runCheckHappo } from "../../../cli/check-happo/run.ts";
import { UsageError } from "../../../cli/program/arguments.ts";

describe("the options of check_happo", () => {
	it("have the defaults of v1", () =>
		assert.deepEqual(parseCheckOptions(["-H", "Web01", "-p", "check_x"]), {
			target: { host: "web01", port: 6777, text: "Web01:6777" },
			proxies: [],
			plugin: "check_x",
			option: "",
			timeoutMilliseconds: 60_000,
			isPerfdataFirst: false,
			isVerbose: false,
			caFile: undefined,
			fingerprint: undefined,
			knownHosts: undefined,
			acceptsNew: false,
			keyFile: undefined,
		}));

	it("say that only the native program is a worker of Nagios", async () => {
		for (const word of ["--nagios-worker", "--nagios-worker=/run/nagios.qh"])
			assert.deepEqual(await runCheckHappo([word, "x"], () => {}), {
				output:
					"check_happo: --nagios-worker: only the native check_happo can do this, and it could not be compiled\n",
				status: 3,
			});
		assert.match(help, /^ +check_happo --nagios-worker QUERY_SOCKET /m);
	});

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

	for (const [what, output, expected] of [
		[
			"as the guidelines show it",
			"OK | a=1\nlong | b=2\nc=3\n",
			"OK | a=1 b=2 c=3\nlong\n",
		],
		[
			"with a bar in several lines, as Icinga reads them",
			"OK|a=1\nlong | b=2\nc=3\nmore | d=4\n",
			"OK|a=1 b=2 c=3 d=4\nlong\nmore\n",
		],
		["behind a first line without any", "OK\n| b=2", "OK | b=2"],
		[
			"with line ends of Windows",
			"OK | a=1\r\nx | b=2\r\n",
			"OK | a=1 b=2\nx\n",
		],
		[
			"with labels in quotes",
			"OK | 'a b'=1\nit's | 'c|d'=2\n'e|f'=3%;4\n",
			"OK | 'a b'=1 'c|d'=2 'e|f'=3%;4\nit's\n",
		],
		[
			"with text between them",
			"OK\na | b=U\n\nsee also\nc=.5\n",
			"OK | b=U c=.5\na\n\nsee also\n",
		],
		[
			"in front of what went to standard error",
			"OK\na | b=1\n, stderr=c=2 | d=3\ne=4\n",
			"OK | b=1\na\n, stderr=c=2 | d=3\ne=4\n",
		],
		[
			"with nothing else there",
			"OK\n| b=1, stderr=c\n",
			"OK | b=1\n, stderr=c\n",
		],
		["on the first line only", "OK | a=1 \r\nlong\nc=3\n", undefined],
		["that is none", "OK\nps | grep x\ny=1\n", undefined],
		["that is missing", "", undefined],
	] as const)
		it(`has performance data ${what} on the first line if asked for`, () => {
			const result = { output, status: 1 };
			assert.deepEqual(printed(result, { isPerfdataFirst: true }), {
				output: expected ?? output,
				status: 1,
			});
			assert.deepEqual(printed(result, { isPerfdataFirst: false }), result);
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

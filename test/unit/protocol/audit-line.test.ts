import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
	auditId,
	auditText,
	lineHash,
	maskedOptions,
	maskedSlots,
	noLine,
	parseAuditLine,
	recordText,
} from "../../../src/protocol/audit-line.ts";
import { testDecision } from "../../support/audit.ts";

test("words after -p, --password, -a and -C are masked, also in one word", () => {
	const masked = (line: string) => maskedOptions(line.split(" ")).join(" ");
	for (const [line, expected] of [
		["-H db1 -p secret -w 5", "-H db1 -p *** -w 5"],
		["--password secret --password=secret", "--password *** --password=***"],
		["-a user:secret -C public", "-a *** -C ***"],
		["-psecret -Cpublic -auser:x", "-p*** -C*** -a***"],
		["-p -w 5", "-p *** 5"],
		["-w 5 -c 10 -P 80 --port 80", "-w 5 -c 10 -P 80 --port 80"],
		[
			"--passwd x --authpassword=y --token z",
			"--passwd *** --authpassword=*** --token ***",
		],
		["--community=x --url http://x/", "--community=*** --url http://x/"],
		["-p", "-p"],
	])
		assert.equal(masked(line ?? ""), expected);
	fc.assert(
		fc.property(
			fc.array(fc.string()),
			fc.constantFrom("-p", "--password", "-a", "-C"),
			(before, option) => {
				const words = [...before, "--", option, "s3cret-word"];
				assert.ok(!maskedOptions(words).includes("s3cret-word"));
				const one = option.startsWith("--")
					? `${option}=s3cret`
					: `${option}s3cret`;
				assert.doesNotMatch(maskedOptions(["x", one]).join(), /s3cret/);
			},
		),
	);
});

test("what plugins use these options for is masked or shown by the plugin", () => {
	const masked = (line: string) => {
		const [plugin = "", ...words] = line.split(" ");
		return [plugin, ...maskedOptions(words, plugin)].join(" ");
	};
	for (const line of [
		"check_disk -w 20% -c 10% -p /var -p/srv -C -p /home",
		"check_tcp -H db1 -p 5432",
		"check_http -H www -p 8080 -C 30,14",
		"check_procs -C cron -a --daemon -p 1",
		"constructor -w 5",
		"__proto__ -w 5",
	])
		assert.equal(masked(line), line);
	for (const [line, expected] of [
		["check_disk -p secret", "check_disk -p ***"],
		["check_tcp -p 5432a", "check_tcp -p ***"],
		["check_tcp -pa5432", "check_tcp -p***"],
		["check_http -a u:p -b u:p", "check_http -a *** -b ***"],
		["check_snmp -C public -A x -X y", "check_snmp -C *** -A *** -X ***"],
		["check_smtp -U u -P pw -p 25", "check_smtp -U u -P *** -p 25"],
		["check_mysql -p 3306", "check_mysql -p ***"],
		["constructor -p x", "constructor -p ***"],
		[
			"x -u https://u:p@h/ --url=http://a:b@c",
			"x -u https://***@h/ --url=http://***@c",
		],
	])
		assert.equal(masked(line ?? ""), expected);
});

test("values of secret slots are masked, lists as well", () => {
	assert.deepEqual(
		maskedSlots({ path: "/var", key: "x", words: ["a", "b"] }, [
			"key",
			"words",
		]),
		{ path: "/var", key: "***", words: "***" },
	);
	assert.deepEqual(
		maskedSlots({ more: ["-p", "x", "-w", "5"], path: ["-p", "/var"] }, []),
		{ more: ["-p", "***", "-w", "5"], path: ["-p", "***"] },
	);
	assert.deepEqual(maskedSlots({ a: ["-p", "/var"] }, [], "check_disk"), {
		a: ["-p", "/var"],
	});
});

test("ids are short, different, and never look like an option", () => {
	const ids = Array.from({ length: 20_000 }, auditId);
	assert.equal(new Set(ids).size, ids.length);
	for (const id of ids) assert.match(id, /^[A-Za-z0-9_][A-Za-z0-9_-]{11}$/);
});

test("a line is one line of JSON, whatever the request holds", () => {
	fc.assert(
		fc.property(fc.string({ unit: "binary" }), fc.string(), (text, other) => {
			const record = testDecision("id", { reason: text, options: [other] });
			const body = recordText({ event: "decision", ...record }, 0);
			const line = auditText(body, 7, lineHash(text));
			assert.doesNotMatch(line, /[\n\r]/);
			const read = parseAuditLine(line);
			assert.equal(read?.n, 7);
			assert.equal(read?.time, "1970-01-01T00:00:00.000Z");
			assert.equal(read?.reason, text);
			assert.deepEqual(read?.options, [other]);
			assert.equal(read?.prev, lineHash(text));
		}),
	);
	const fields = Object.keys(
		JSON.parse(
			auditText(
				recordText({ event: "decision", ...testDecision("x") }, 0),
				1,
				noLine,
			),
		),
	);
	assert.deepEqual(fields.slice(0, 4), ["n", "time", "id", "event"]);
	assert.equal(fields.at(-1), "prev");
});

test("a request of megabytes makes a short line", () => {
	const options = Array.from({ length: 100_000 }, () => "x".repeat(10_000));
	const body = recordText(
		{
			event: "decision",
			...testDecision("id", { options, reason: options[0] ?? "" }),
		},
		0,
	);
	assert.ok(body.length < 200_000);
	assert.match(body, /\.\.\. \(10000 characters\)/);
	assert.match(body, /\.\.\. \(100000 words\)/);
});

test("what is no line of the log is not taken for one", () => {
	const good = auditText(recordText({ event: "stop" }, 0), 1, noLine);
	assert.ok(parseAuditLine(good));
	for (const bad of [
		...["", "null", "1", "[]", "{}", good.slice(0, -1), `${good}}`],
		good.replace('"n":1', '"n":"1"'),
		good.replace('"prev":"0', '"prev":"g'),
		good.replace('"event"', '"evnt"'),
	])
		assert.equal(parseAuditLine(bad), undefined, bad);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decide } from "../../../src/policy/decide.ts";
import { compilePattern } from "../../../src/policy/pattern.ts";
import { parsePolicy } from "../../../src/policy/policy.ts";

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

/** Compares values with a slot's type; returns the reason, or undefined if the value fits. */
function refusalsOf(type: string, run = '"{it}"') {
	const { policy } = parsePolicy(`
version: 1
who: { me: { address: 192.0.2.1 } }
commands: { check: { run: [check_it, ${run}], slots: { it: ${type} } } }
rules: [{ who: me, may: check, commands: "*" }]
`);
	return (...words: string[]) => {
		const decision = decide(policy, {
			caller: {
				...{ isAdmin: false, address: "192.0.2.1" },
				...{ certificate: undefined, keyDigest: undefined },
			},
			permission: "check",
			command: { name: "check_it", options: words.map(quoted).join(" ") },
		});
		if (!decision.allowed)
			return decision.reason.replace(" (command check, rule 1)", "");
		assert.deepEqual(decision.run?.argv, ["check_it", ...words]);
		return undefined;
	};
}

const rows: [type: string, fits: string[], refused: [string, string][]][] = [
	[
		"integer",
		["0", "7", "123456789012345"],
		[
			["", "is empty"],
			["-1", "is less than 0"],
			["+1", "is not a whole number"],
			["010", "is not a whole number"],
			["1.0", "is not a whole number"],
			["1e3", "is not a whole number"],
			["0x1", "is not a whole number"],
			["1 ", "is not a whole number"],
			["1234567890123456", "is not a whole number"],
			["١", "is not a whole number"],
		],
	],
	[
		"{ is: integer, min: -5, max: 5 }",
		["-5", "0", "5"],
		[
			["-6", "is less than -5"],
			["6", "is more than 5"],
			["-", "is not a whole number"],
			["--5", "is not a whole number"],
		],
	],
	[
		"number",
		["0", "1.5", "007"],
		[
			["-1", "is less than 0"],
			["-0", "is not a number"],
			[".5", "is not a number"],
			["1.", "is not a number"],
			["NaN", "is not a number"],
		],
	],
	[
		"percent",
		["0%", "12.5%", "100%"],
		[
			["20", "is not a percentage"],
			["101%", "is more than 100"],
			["%", "is not a percentage"],
		],
	],
	["{ is: percent, max: 400 }", ["400%"], [["401%", "is more than 400"]]],
	[
		"threshold",
		[
			...["10", "10:", ":10", "~:10", "10:20", "@10:20", "0.5", "20%", "5,4,3"],
			...["100.0,20%", "10:,@5:6", "5s", "500ms", "1GiB", "20%:30%", "0:-5"],
		],
		[
			["", "is empty"],
			["-5", "begins with -"],
			["5,", "is not a threshold or a list of thresholds"],
			["5;6", "is not a threshold or a list of thresholds"],
			["10:20:30", "is not a threshold or a list of thresholds"],
			[":", "is not a threshold or a list of thresholds"],
			["x", "is not a threshold or a list of thresholds"],
			["5 6", "is not a threshold or a list of thresholds"],
		],
	],
	[
		"{ is: threshold, negative: true }",
		["-5", "-5:5", "@-5:5"],
		[["-x", "is not a threshold or a list of thresholds"]],
	],
	[
		"duration",
		["30", "30s", "1.5h", "1h30m", "500ms", "2w"],
		[
			["1.5", "is not a duration"],
			["s", "is not a duration"],
			["-1s", "is not a duration"],
			["1y", "is not a duration"],
		],
	],
	[
		"word",
		["eth0", "a-b", "/dev/sda1", "Größe", "a=b", "50%", "user@host"],
		[
			["-x", "begins with -"],
			["a b", "is not a plain word"],
			["a;b", "is not a plain word"],
			["a$b", "is not a plain word"],
			["a*", "is not a plain word"],
			["~root", "is not a plain word"],
		],
	],
	[
		'{ is: text, without: "\'?é" }',
		["a b", '"', "", "*"],
		[
			["it's", 'has "\'"'],
			["a?", 'has "?"'],
			["é", "has é"],
		],
	],
	[
		'{ is: path, without: " *" }',
		["/var/a"],
		[
			["/var/a b", 'has " "'],
			["/var/*", "has *"],
		],
	],
	[
		"{ is: text, at-most: 10 }",
		["a b", "$(x);*'\"", "é😀", ""],
		[
			["-x", "begins with -"],
			["a\nb", "has a control character"],
			["a\tb", "has a control character"],
			["a\u0085b", "has a control character"],
			["a\u2028b", "has a control character"],
			["12345678901", "is longer than 10 characters"],
		],
	],
	[
		"{ is: one-of, values: [tcp, udp, -4] }",
		["tcp", "-4"],
		[
			["TCP", "is not tcp, udp or -4"],
			["-6", "is not tcp, udp or -4"],
		],
	],
	[
		"{ is: path, below: [/var, /srv/data] }",
		["/var", "/var/lib/a b", "/srv/data/x", "/var/..x/y", "/var/-x"],
		[
			["var", "is not an absolute path"],
			["/", "is not below /var, /srv/data"],
			["/srv", "is not below /var, /srv/data"],
			["/variable", "is not below /var, /srv/data"],
			["/var/../etc", "has the path segment .."],
			["/var/..", "has the path segment .."],
			["/var/./x", "is a path with . or an empty segment"],
			["/var//x", "is a path with . or an empty segment"],
			["//var", "is a path with . or an empty segment"],
			["/var/", "is a path with . or an empty segment"],
		],
	],
	["path", ["/", "/etc/shadow"], [["etc", "is not an absolute path"]]],
	[
		"host",
		[
			"web01",
			"a.example.net",
			"a.example.net.",
			"192.0.2.1",
			"2001:db8::1",
			"_x",
		],
		[
			["-x", "is not a host name or address"],
			["a..b", "is not a host name or address"],
			["127.1", "is not a host name or address"],
			["0x7f.1", "is not a host name or address"],
			["fe80::1%eth0", "is not a host name or address"],
			["web01:80", "is not a host name or address"],
		],
	],
	[
		"port",
		["1", "65535"],
		[
			["0", "is not a port"],
			["65536", "is not a port"],
			["080", "is not a port"],
		],
	],
	[
		"url",
		["http://a.example.net/x?y=1#z", "https://[2001:db8::1]:8443/", "HTTP://a"],
		[
			["ftp://a/", "is not a URL with http or https"],
			["//a/", "is not a URL with http or https"],
			["http:///x", "is not a URL with a host"],
			["http://user@a/", "is a URL with a user name"],
			["http://a b/", "has a character that no URL has"],
			["http://a\\@b/", "has a character that no URL has"],
			["http://a:99999/", "is not a URL with a host"],
			["http://127.1/", "is not a URL with a host"],
		],
	],
	[
		"{ is: url, schemes: [ldap] }",
		["ldap://a"],
		[["http://a", "is not a URL with ldap"]],
	],
	[
		"{ is: match, pattern: 'web\\d{2}|db', at-most: 5 }",
		["web01", "db"],
		[
			["web1", "does not match web\\d{2}|db"],
			["xdb", "does not match web\\d{2}|db"],
			["dbx", "does not match web\\d{2}|db"],
			["web012", "is longer than 5 characters"],
		],
	],
	["{ is: match, pattern: '.*' }", ["a b"], [["-x", "begins with -"]]],
];

test("each type takes its values, and says why it refuses others", () => {
	for (const [type, fits, refused] of rows) {
		const refusal = refusalsOf(type);
		for (const value of fits) assert.equal(refusal(value), undefined, type);
		for (const [value, reason] of refused) {
			const given = refusal(value);
			assert.ok(given?.endsWith(` ${reason}`), `${type}: ${value}: ${given}`);
			assert.ok(given?.startsWith("it: "), given);
		}
	}
});

test("several slots may share a word", () => {
	const refusal = refusalsOf(
		"integer, port: port, host: host",
		'"--at={host}:{port}", "{it}-"',
	);
	assert.equal(refusal("--at=web01:80", "5-"), undefined);
	assert.equal(refusal("--at=2001:db8::1:80", "5-"), undefined);
	assert.equal(refusal("--at=web01:x", "5-"), "port: x is not a port");
	assert.equal(
		refusal("--at=web01", "5-"),
		"word 1 is --at=web01, command check has --at={host}:{port} (rule 1)",
	);
	assert.equal(refusal("--at=web01:80", "-5-"), "it: -5 is less than 0");
	assert.equal(
		refusal("--at=web01:80", "5"),
		"word 2 is 5, command check has {it}- (rule 1)",
	);
});

test("a slot that comes twice has one value", () => {
	const refusal = refusalsOf("word", '"{it}", "--again={it}"');
	assert.equal(refusal("a", "--again=a"), undefined);
	assert.equal(refusal("a", "--again=b"), "it: b is not its value before");
});

test("an empty text at the beginning of a word makes no option", () => {
	const refusal = refusalsOf("text", '"{it}-x"');
	assert.equal(refusal("a-x"), undefined);
	assert.equal(
		refusal("-x"),
		"word 1 is -x, command check has {it}-x (rule 1)",
	);
});

test("an empty text makes no option that takes the next word as its value", () => {
	const refusal = refusalsOf("text", '"-p{it}"');
	assert.equal(refusal("-pa"), undefined);
	assert.equal(
		refusal("-p"),
		"word 1 is -p, command check has -p{it} (rule 1)",
	);
	const long = refusalsOf("text", '"--password={it}"');
	assert.equal(long("--password="), undefined);
});

test("words takes the listed options only, each with its type", () => {
	const refusal = refusalsOf(
		"{ is: words, options: { -w: threshold, --warning: threshold, -r: true, -p: { is: path, below: /var } }, at-most: 5 }",
		'"{it...}"',
	);
	assert.equal(refusal(), undefined);
	assert.equal(refusal("-r", "-w", "5", "-p", "/var"), undefined);
	assert.equal(refusal("--warning=5"), undefined);
	for (const [words, reason] of [
		[["-x"], "-x is not one of its options"],
		[["-w"], "-w has no value"],
		[["-w", "-r"], "-w: -r begins with -"],
		[["-w5"], "-w5 is not one of its options"],
		[["-rw", "5"], "-rw is not one of its options"],
		[["--warn=5"], "--warn is not one of its options"],
		[
			["--warning=x"],
			"--warning: x is not a threshold or a list of thresholds",
		],
		[["--r=1"], "--r is not one of its options"],
		[["-p", "/etc"], "-p: /etc is not below /var"],
		[["5"], "5 is not an option"],
		[["--"], "-- is not one of its options"],
		[["-"], "- is not one of its options"],
		[["-r", "-r", "-r", "-r", "-r", "-r"], "more than 5 words"],
	] as const)
		assert.equal(refusal(...words), `it: ${reason}`);
});

test("words may take others than options, between fixed words", () => {
	const refusal = refusalsOf(
		"{ is: words, options: { -v: true }, others: { is: path, below: /var } }",
		'-x, "{it...}", --, end',
	);
	assert.equal(refusal("-x", "--", "end"), undefined);
	assert.equal(refusal("-x", "/var/a", "-v", "/var/b", "--", "end"), undefined);
	assert.equal(
		refusal("-x", "/etc", "--", "end"),
		"it: /etc is not below /var",
	);
	assert.equal(
		refusal("-x", "--"),
		"word 3 is missing, command check has end (rule 1)",
	);
});

test("loose-words takes any words without control characters", () => {
	const refusal = refusalsOf("loose-words", '"{it...}"');
	assert.equal(refusal("-C", "rm -rf", "$(x)"), undefined);
	assert.equal(refusal("a\nb"), 'it: "a\\nb" has a control character');
	const some = refusalsOf('{ is: loose-words, without: "|&" }', '"{it...}"');
	assert.equal(some("-x", "a;b"), undefined);
	assert.equal(some("-x", "a&b"), 'it: "a&b" has "&"');
});

test("a pattern decides as JavaScript's own expression does", () => {
	const atom = fc.constantFrom(
		"a",
		"b",
		".",
		"[ab]",
		"[^a]",
		"\\d",
		"\\w",
		"\\.",
		"(?:ab|c)",
		"(b)",
	);
	const counted = fc
		.tuple(
			atom,
			fc.constantFrom("", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?"),
		)
		.map(([text, count]) => text + count);
	const pattern = fc
		.array(fc.oneof({ weight: 6, arbitrary: counted }, fc.constant("|")), {
			maxLength: 6,
		})
		.map((parts) => parts.join(""));
	const texts = fc.array(
		fc.string({ unit: fc.constantFrom(..."abc1.|_é"), maxLength: 8 }),
		{ minLength: 10, maxLength: 10 },
	);
	fc.assert(
		fc.property(pattern, texts, (text, values) => {
			const matches = compilePattern(text);
			const expression = new RegExp(`^(?:${text})$`, "su");
			for (const value of values)
				assert.equal(
					matches(value),
					expression.test(value),
					`${text} ${value}`,
				);
		}),
		{ numRuns: 3000 },
	);
});

test("patterns without a meaning of their own are refused", () => {
	for (const [text, reason] of [
		["(a*)*", "has a quantifier inside a repeated group"],
		["(a?){2}", "has a quantifier inside a repeated group"],
		["a**", "has a quantifier after a quantifier"],
		["(a)\\1", "has a back-reference"],
		["\\k<a>", "has a back-reference"],
		["(?=a)", "has a group (?=; only ( and (?: are allowed"],
		["(?<a>b)", "has a group (?<; only ( and (?: are allowed"],
		["a\\b", "has unknown \\b"],
		["a^b", "has ^ inside; it is compared with the whole value in any case"],
		["a$b", "has $ inside; it is compared with the whole value in any case"],
		["(a", "has ( without )"],
		["a)", "has ) without ( before it"],
		["[a", "has [ without ]"],
		["[]", "has empty []"],
		["[[:alpha:]]", "has [ inside []; write \\["],
		["[b-a]", "has a range in [] that is the wrong way round"],
		["a{", "has { that is not {n}, {n,} or {n,m}"],
		["a{3,2}", "has {3,2}, which no text can fulfil"],
		["*a", "has * with nothing to repeat before it"],
		["a\\", "ends with a backslash"],
		["a{9999}", "is too large"],
		["((((){999}){999}){999}){999}", "is too large"],
		["a".repeat(1001), "has more than 1000 characters"],
	] as const)
		assert.throws(
			() => compilePattern(text),
			{ name: "PatternError", message: reason },
			text,
		);
	assert.equal(compilePattern("^a$")("a"), true);
	assert.equal(compilePattern("[\\]\\-a-c.]+")("]-b."), true);
});

test("no value makes a pattern slow", () => {
	// exponential and cubic in an engine that tries one way after the other
	for (const text of ["(?:a|a)*b", "a*a*a*a*c", ".*.*.*x"]) {
		const matches = compilePattern(text);
		const before = process.cpuUsage().user;
		assert.equal(matches("a".repeat(2000)), false);
		assert.ok(process.cpuUsage().user - before < 1_000_000, text);
	}
});

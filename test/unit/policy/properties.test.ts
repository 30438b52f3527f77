import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { permissions } from "../../../generated/permissions.ts";
import type { Caller, Decision, PolicyCall } from "../../../src/policy/call.ts";
import {
	decide,
	mayReach,
	pathsToResolve,
} from "../../../src/policy/decide.ts";
import { keyDigest } from "../../../src/policy/key.ts";
import { PolicyError, parsePolicy } from "../../../src/policy/policy.ts";

type Json = string | number | boolean | Json[] | { [key: string]: Json };

interface CommandModel {
	[key: string]: Json;
	run: string[];
	slots: { [name: string]: Json };
}

interface Model {
	[key: string]: Json;
	who: { [name: string]: Json };
	commands: { [name: string]: CommandModel };
	rules: { [key: string]: Json }[];
}

/** Types of slots, with values that fit and a test of their own. */
const types: readonly {
	type: Json;
	values: readonly string[];
	isRight: (value: string) => boolean;
}[] = [
	{
		type: { is: "integer", min: -3, max: 9 },
		values: ["0", "5", "-2"],
		isRight: (value) => ["-3", "-2", "-1", ..."0123456789"].includes(value),
	},
	{
		type: "word",
		values: ["a", "b.c", "x=y"],
		isRight: (value) =>
			/^[^-\s'"$`\\;|&<>()*?[\]{}~#!][^\s'"$`\\;|&<>()*?[\]{}~#!]*$/.test(
				value,
			),
	},
	{
		type: { is: "text", "at-most": 20 },
		values: ["a b", "x;y", ""],
		isRight: (value) => value.length <= 20 && !value.startsWith("-"),
	},
	{
		type: { is: "one-of", values: ["tcp", "udp"] },
		values: ["tcp", "udp"],
		isRight: (value) => value === "tcp" || value === "udp",
	},
	{
		type: { is: "path", below: ["/var", "/srv"] },
		values: ["/var", "/srv/x"],
		isRight: (value) =>
			/^\/(?:var|srv)(?:\/.*)?$/s.test(value) &&
			!value.split("/").includes(".."),
	},
	{
		type: { is: "threshold" },
		values: ["5", "5:10,3", "20%"],
		isRight: (value) => /^[@~:\d][\d:,.%~@a-zA-Z-]*$/.test(value),
	},
	{
		type: { is: "match", pattern: "(?:web|db)\\d+" },
		values: ["web1", "db22"],
		isRight: (value) => /^(?:web|db)\d+$/.test(value),
	},
];

/** The words slot of the models: its options, whose values are in `types`, and other words. */
const wordsType = {
	is: "words",
	options: { "-w": "threshold", "-r": true, "--mode": "word" },
	others: "word",
};

const programs = ["check_a", "check_b", "uname"];
const commandNames = ["check_a", "disk", "load", "uname", "web.x"];
const whoNames = ["alice", "bob", "carol"];
const fixedWords = ["-w", "-c", "--all", "end", "5"];

const kindOf = fc.nat(types.length - 1);

/** A command: fixed words, slots, slots within words, at most one slot for several words. */
const command: fc.Arbitrary<CommandModel> = fc
	.record({
		program: fc.constantFrom(...programs),
		words: fc.array(
			fc.oneof(
				fc.constantFrom(...fixedWords).map((text) => ({ text })),
				kindOf.map((kind) => ({ kind, before: "", after: "" })),
				fc.record({
					kind: kindOf,
					before: fc.constantFrom("--opt=", "a:", "-x", ""),
					after: fc.constantFrom("", "/end"),
				}),
			),
			{ maxLength: 5 },
		),
		severalAt: fc.option(fc.nat(4), { nil: undefined }),
		isInventory: fc.boolean(),
		isSecret: fc.boolean(),
	})
	.map(({ program, words, severalAt, isInventory, isSecret }) => {
		const slots: CommandModel["slots"] = {};
		const run = [
			program,
			...words.map((word, index) => {
				if ("text" in word) return word.text;
				const type = types[word.kind]?.type as Json;
				slots[`s${index}`] =
					isSecret && typeof type === "object"
						? { ...type, secret: true }
						: type;
				return `${word.before}{s${index}}${word.after}`;
			}),
		];
		if (severalAt !== undefined && severalAt <= words.length) {
			run.splice(severalAt + 1, 0, "{more...}");
			slots.more = wordsType;
		}
		return { run, slots, ...(isInventory && { for: "inventory" }) };
	});

const someOf = (names: readonly string[]) =>
	fc.subarray([...names], { minLength: 1 });

const rule = fc
	.record({
		who: someOf([...whoNames, "admin"]),
		may: fc.oneof(
			someOf([...permissions]),
			fc.constantFrom(["*"], ["check"], ["inventory", "check"], ["relay"]),
		),
		commands: someOf([...commandNames, "*", "check_*", "?isk"]),
		to: someOf(["10.0.0.0/8", "127.0.0.1:80", "*.example.net", "web01"]),
		rate: fc.option(fc.constantFrom("1/s", "100/m"), { nil: undefined }),
		atOnce: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
	})
	.map(({ who, may, commands, to, rate, atOnce }) => {
		const has = (permission: string) =>
			[...may].some((given: string) => given === "*" || given === permission);
		const given: Model["rules"][number] = {
			who,
			may: [...may],
			...((has("check") || has("inventory")) && { commands }),
			...(has("relay") && { to }),
			...(rate !== undefined && { rate }),
			...(atOnce !== undefined && { "at-once": atOnce }),
		};
		return given;
	});

const addresses = ["192.0.2.1", "192.0.2.130", "2001:db8::1"];

const model: fc.Arbitrary<Model> = fc.record({
	version: fc.constant(1),
	ping: fc.constantFrom("everyone", "rules"),
	who: fc.record({
		alice: fc.constant({ address: ["192.0.2.1", "2001:db8::/32"] }),
		bob: fc.constant({ address: "192.0.2.0/25", key: "k" }),
		carol: fc.constant({
			certificate: {
				dns: ["*.example.net", "x"],
				uri: "spiffe://example.net/c",
			},
		}),
	}),
	keys: fc.constant({ k: [keyDigest("k"), keyDigest("l")] }),
	commands: fc.dictionary(fc.constantFrom(...commandNames), command, {
		minKeys: 1,
		noNullPrototype: true,
	}),
	rules: fc.array(rule, { minLength: 1, maxLength: 5 }),
});

const caller: fc.Arbitrary<Caller> = fc.record({
	isAdmin: fc.boolean(),
	address: fc.constantFrom(undefined, ...addresses),
	certificate: fc.constantFrom(undefined, {
		...{ uris: ["spiffe://example.net/c"], dns: ["a.example.net"], emails: [] },
		...{ commonName: "a", fingerprint256: "AA" },
	}),
	keyDigest: fc.constantFrom(undefined, keyDigest("k"), keyDigest("other")),
});

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

const hostile = fc.oneof(
	fc.constantFrom(
		...["-x", "--", "-", "--opt=-x", "-w5", "''", "'a b'", "\\-x", '"-x"'],
		...["$(id)", ";id", "|sh", "/var/../etc", "/etc/shadow", "'a\nb'", "\0"],
		...["--mode=x", "--mode", "-r", "~root", "'-x'", "''-x", "{s0}", "5:-3"],
	),
	fc.string({ unit: "binary", maxLength: 6 }),
);

/** A line that a command's template was meant for, with some words of another kind. */
const lineFor = (given: CommandModel) =>
	fc
		.tuple(
			fc.array(
				fc.oneof(
					{ weight: 12, arbitrary: fc.constant(undefined) },
					{ weight: 1, arbitrary: hostile },
				),
				{ minLength: 12, maxLength: 12 },
			),
			fc.infiniteStream(fc.nat(2)),
			fc.boolean(),
			fc.array(fc.constantFrom("-r", "-w 5", "a", "--mode=b", "--mode b"), {
				maxLength: 2,
			}),
		)
		.map(([hostiles, choices, isByName, more]) => {
			const valueFor = (name: string) => {
				const type = JSON.stringify(given.slots[name]).replace(
					',"secret":true',
					"",
				);
				const { values = [] } =
					types.find((each) => JSON.stringify(each.type) === type) ?? {};
				return values[choices.next().value % (values.length || 1)] ?? "";
			};
			const words = isByName
				? Object.keys(given.slots).map((name) =>
						name === "more" ? more.join(" ") : quoted(valueFor(name)),
					)
				: given.run
						.slice(1)
						.map((word) =>
							word === "{more...}"
								? more.join(" ")
								: quoted(
										word.replace(/\{(s\d)\}/, (_all, name: string) =>
											valueFor(name),
										),
									),
						);
			return {
				isByName,
				line: words
					.map((word, at) => hostiles[at] ?? word)
					.concat(hostiles[11] ?? [])
					.join(" "),
			};
		});

const callOf = ({ commands }: Model): fc.Arbitrary<PolicyCall> =>
	fc
		.tuple(
			caller,
			fc.constantFrom(...Object.entries(commands)),
			fc.constantFrom(...permissions, "check", "inventory", "check"),
		)
		.chain(([caller, [name, command], permission]) =>
			fc.record({
				caller: fc.constant(caller),
				permission: fc.constant(
					permission === "check" || permission === "inventory"
						? command.for === "inventory"
							? ("inventory" as const)
							: ("check" as const)
						: permission,
				),
				command: lineFor(command).map(({ isByName, line }) => ({
					name: isByName ? name : (command.run[0] ?? ""),
					options: line,
				})),
				hop: fc.record({
					host: fc.constantFrom("10.1.2.3", "127.0.0.1", "a.example.net", "x"),
					port: fc.constantFrom(6777, 80),
				}),
			}),
		) as fc.Arbitrary<PolicyCall>;

const policyOf = (model: Json) => parsePolicy(JSON.stringify(model)).policy;

/** Keys whose lists are in an order that matters. */
const ordered = new Set(["run", "default"]);

/** The same file with its mappings and lists in another order. */
function shuffled(value: Json, random: () => number, key = ""): Json {
	const mixed = <T>(list: T[]) =>
		list
			.map((each) => [random(), each] as const)
			.toSorted(([a], [b]) => a - b)
			.map(([, each]) => each);
	if (Array.isArray(value))
		return ordered.has(key)
			? value
			: mixed(value.map((each) => shuffled(each, random)));
	if (typeof value !== "object") return value;
	return Object.fromEntries(
		mixed(
			Object.entries(value).map(
				([name, each]) => [name, shuffled(each, random, name)] as const,
			),
		),
	);
}

/** What a decision says, without what depends on the order of the rules: their numbers. */
const said = (decision: Decision) => ({
	who: decision.who,
	allowed: decision.allowed,
	...(decision.allowed && {
		run: decision.run,
		limits: decision.limits,
		counts: decision.limitKey !== "",
	}),
});

const modelAndCalls = model.chain((model) =>
	fc.record({
		model: fc.constant(model),
		calls: fc.array(callOf(model), { minLength: 8, maxLength: 8 }),
	}),
);

/** Words that a slot for several words may give. */
function isRightSeveral(words: readonly string[]): boolean {
	for (let at = 0; at < words.length; at++) {
		const word = words[at] ?? "";
		if (word === "-r") continue;
		if (word === "-w") {
			if (!types[5]?.isRight(words[++at] ?? "")) return false;
		} else if (word === "--mode") {
			if (!types[1]?.isRight(words[++at] ?? "")) return false;
		} else if (!types[1]?.isRight(word.replace(/^--mode=/, ""))) return false;
	}
	return true;
}

/** Checks a command line against the template that it is said to come from. */
function checkArgv(
	{ run, slots }: CommandModel,
	{ argv, slots: values }: NonNullable<(Decision & { allowed: true })["run"]>,
) {
	const wanted: string[] = [];
	for (const word of run) {
		if (word === "{more...}") {
			const several = values.more as readonly string[];
			assert.ok(isRightSeveral(several), several.join(" "));
			wanted.push(...several);
			continue;
		}
		wanted.push(
			word.replace(/\{(s\d)\}/, (_all, name: string) => {
				const value = values[name] as string;
				const type = JSON.stringify(slots[name]).replace(',"secret":true', "");
				const found = types.find((each) => JSON.stringify(each.type) === type);
				assert.ok(found?.isRight(value), `${name}: ${value}`);
				return value;
			}),
		);
		const made = wanted.at(-1) ?? "";
		assert.ok(
			!made.startsWith("-") ||
				word.startsWith("-") ||
				/^-[123](?:$|\/)/.test(made),
			`${word} became ${made}`,
		);
	}
	assert.deepEqual(argv, wanted);
	// biome-ignore lint/suspicious/noControlCharactersInRegex: none may come through
	for (const word of argv) assert.doesNotMatch(word, /[\x00-\x1f\x7f]/);
}

const runs = { numRuns: 300 };

test("what is allowed runs exactly its template, and no byte of the request adds to it", () => {
	let allowed = 0;
	fc.assert(
		fc.property(modelAndCalls, ({ model, calls }) => {
			const policy = policyOf(model);
			for (const call of calls) {
				const decision = decide(policy, call);
				if (!decision.allowed || !decision.run) continue;
				allowed++;
				checkArgv(
					model.commands[decision.run.command] as CommandModel,
					decision.run,
				);
			}
		}),
		runs,
	);
	// the calls are not all refused
	assert.ok(allowed > 100, `${allowed}`);
});

test("the order of a file changes neither decisions nor what runs", () => {
	fc.assert(
		fc.property(
			modelAndCalls,
			fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
			({ model, calls }, stream) => {
				const one = policyOf(model);
				const other = policyOf(shuffled(model, () => stream.next().value));
				for (const call of calls)
					assert.deepEqual(said(decide(other, call)), said(decide(one, call)));
			},
		),
		runs,
	);
});

test("another rule takes nothing away, and changes nothing that runs", () => {
	fc.assert(
		fc.property(
			modelAndCalls,
			rule,
			fc.nat(5),
			({ model, calls }, more, at) => {
				const before = policyOf(model);
				const after = policyOf({
					...model,
					rules: model.rules.toSpliced(at, 0, more),
				});
				for (const call of calls) {
					const one = decide(before, call);
					const other = decide(after, call);
					if (!one.allowed) continue;
					assert.ok(other.allowed);
					assert.deepEqual(other.run?.argv, one.run?.argv);
					if (call.hop && call.permission === "relay")
						for (const port of [80, 6777])
							assert.ok(
								other.namesOwn?.("127.0.0.1", port) ||
									!one.namesOwn?.("127.0.0.1", port),
							);
					// several commands that fit have the smallest limits of all
					if (other.run?.command !== one.run?.command) continue;
					if (Object.keys(model.commands).length > 1) continue;
					for (const limit of ["rate", "atOnce"] as const)
						assert.ok(
							(other.limits[limit] ?? Number.POSITIVE_INFINITY) >=
								(one.limits[limit] ?? Number.POSITIVE_INFINITY),
						);
				}
			},
		),
		runs,
	);
});

test("whoever is allowed with a key may reach the operation before it is known", () => {
	fc.assert(
		fc.property(modelAndCalls, ({ model, calls }) => {
			const policy = policyOf(model);
			for (const call of calls)
				if (decide(policy, call).allowed)
					assert.ok(
						mayReach(
							policy,
							{ ...call.caller, keyDigest: undefined },
							call.permission,
						),
					);
		}),
		runs,
	);
});

test("no call makes a decision throw", () => {
	const text = fc.oneof(
		fc.string({ unit: "binary" }),
		fc.string({ unit: fc.constantFrom(..."-/.' \"\\a5{}:=\ud800\0\n") }),
		fc.constantFrom(
			"x".repeat(200_000),
			"' ".repeat(50_000),
			"a ".repeat(9000),
		),
	);
	const call = fc.record(
		{
			caller: fc.record({
				isAdmin: fc.boolean(),
				address: fc.option(text, { nil: undefined }),
				certificate: fc.option(
					fc.record({
						uris: fc.array(text),
						dns: fc.array(text),
						emails: fc.array(text),
						commonName: fc.option(text, { nil: undefined }),
						fingerprint256: text,
					}),
					{ nil: undefined },
				),
				keyDigest: fc.option(text, { nil: undefined }),
			}),
			permission: fc.constantFrom(...permissions),
			command: fc.record({
				name: fc.oneof(text, fc.constantFrom(...programs, ...commandNames)),
				options: text,
			}),
			hop: fc.record({ host: text, port: fc.integer() }),
		},
		{ requiredKeys: ["caller", "permission"] },
	) as fc.Arbitrary<PolicyCall>;
	fc.assert(
		fc.property(model, fc.array(call, { maxLength: 5 }), (model, calls) => {
			const policy = policyOf(model);
			for (const call of calls)
				for (const caller of [
					call.caller,
					{ ...call.caller, isAdmin: true },
					{ ...call.caller, address: "192.0.2.1" },
				]) {
					const decision = decide(policy, { ...call, caller });
					assert.equal(typeof decision.reason, "string");
					// a reason is one line
					assert.doesNotMatch(decision.reason, /[\n\r\0]/);
					pathsToResolve(policy, { ...call, caller });
				}
		}),
		{ numRuns: 100 },
	);
});

test("no text makes the parser throw anything else than a PolicyError", () => {
	const parse = (text: string) => {
		try {
			parsePolicy(text);
		} catch (error) {
			assert.ok(error instanceof PolicyError, String(error));
			assert.ok(error.problems.length > 0);
		}
	};
	const piece = fc.constantFrom(
		...["{", "}", "[", "]", ":", ",", "-", "*a", "&a ", "<<: ", "\n", '"', "'"],
		...[
			"null",
			"~",
			"!!binary",
			"is",
			"run",
			"#",
			"|",
			"? ",
			"__proto__",
			"\0",
		],
	);
	fc.assert(
		fc.property(
			model,
			fc.array(fc.tuple(fc.nat(2000), fc.nat(6), piece), { maxLength: 3 }),
			(model, edits) => {
				let text = JSON.stringify(model);
				for (const [at, count, piece] of edits)
					text =
						text.slice(0, at % text.length) +
						piece +
						text.slice((at % text.length) + count);
				parse(text);
			},
		),
		runs,
	);
	fc.assert(fc.property(fc.string({ unit: "binary" }), parse), runs);
	fc.assert(
		fc.property(
			fc.constantFrom("who", "keys", "commands", "rules", "mode", "ping"),
			fc.jsonValue(),
			(key, value) => parse(JSON.stringify({ version: 1, [key]: value })),
		),
		runs,
	);
});

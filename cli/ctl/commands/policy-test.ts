import { dirname, resolve } from "node:path";
import type { Readable } from "node:stream";
import type { Decision } from "../../../src/policy/call.ts";
import { decide } from "../../../src/policy/decide.ts";
import { DocumentReader, PolicyError } from "../../../src/policy/document.ts";
import { globMatches } from "../../../src/policy/pattern.ts";
import type { Policy } from "../../../src/policy/policy.ts";
import {
	openYaml,
	YamlError,
	type YamlTree,
} from "../../../src/protocol/yaml.ts";
import type { SettingTable } from "../../../src/setting-table.ts";
import { UsageError } from "../../program/arguments.ts";
import { createCommand, valuesOf } from "../command.ts";
import { outputSettings } from "../flags.ts";
import { readInput } from "../input-file.ts";
import { jsonText } from "../output/formats.ts";
import { safeLine } from "../output/terminal.ts";
import { readPolicy } from "./policy.ts";
import {
	callerOf,
	callOf,
	type DescribedCall,
	type DescribedCaller,
} from "./policy-call.ts";

/** A call with the decision that its author expects. */
interface Case {
	line: number;
	caller: DescribedCaller;
	call: DescribedCall;
	/** Real paths that differ from the path; the others are as written. */
	real: ReadonlyMap<string, string>;
	expect: "allowed" | "refused";
	/** Pattern of the reason; empty for any. */
	reason: string;
	/** The command that is recorded; empty for any. */
	recorded: string;
	/** The command line; undefined for any. */
	runs: readonly string[] | undefined;
}

const caseKeys = [
	...["as", "address", "certificate", "key"],
	...["may", "command", "options", "nrpe", "to", "real"],
	...["expect", "reason", "recorded", "runs"],
];

function readCase(
	tree: YamlTree,
	place: string,
	reader: DocumentReader,
): Case | undefined {
	const pairs = reader.mapping(tree, place, caseKeys);
	if (!pairs) return undefined;
	const text = (key: string) => {
		const pair = pairs.get(key);
		return (pair && reader.text(pair.value, `${place}: ${key}`)) ?? "";
	};
	for (const key of ["may", "expect"])
		if (!pairs.has(key)) reader.refuse(tree, place, `has no ${key}`);
	const certificate: string[] = [];
	const names = pairs.get("certificate");
	for (const [kind, { value }] of (names &&
		reader.mapping(names.value, `${place}: certificate`)) ??
		[])
		for (const { text } of reader.texts(value, `${place}: certificate.${kind}`))
			certificate.push(`${kind}=${text}`);
	const real = new Map<string, string>();
	const paths = pairs.get("real");
	for (const [path, { value }] of (paths &&
		reader.mapping(paths.value, `${place}: real`)) ??
		[])
		real.set(path, reader.text(value, `${place}: real.${path}`) ?? "");
	const expect = pairs.get("expect");
	const runs = pairs.get("runs");
	return {
		line: tree.line,
		caller: {
			...{ as: text("as"), address: text("address") },
			...{ certificate, key: text("key") },
		},
		call: {
			...{ operation: text("may"), command: text("command") },
			...{ options: text("options"), nrpe: text("nrpe"), to: text("to") },
		},
		real,
		expect:
			(expect &&
				reader.choice(expect.value, `${place}: expect`, [
					...["allowed", "refused"],
				] as const)) ??
			"refused",
		reason: text("reason"),
		recorded: text("recorded"),
		runs:
			runs &&
			reader.texts(runs.value, `${place}: runs`).map(({ text }) => text),
	};
}

/**
 * Reads a file of cases.
 * @throws PolicyError or YamlError for anything unexpected
 */
function readCases(text: string): { policy: string; cases: Case[] } {
	const yaml = openYaml(text);
	const reader = new DocumentReader();
	const tree = yaml.tree();
	const twice = yaml.warnings();
	if (twice.length > 0) throw new PolicyError(twice);
	const top = reader.mapping(tree, "file", ["policy", "cases"]);
	const policyPair = top?.get("policy");
	const policy = policyPair && reader.text(policyPair.value, "policy");
	if (top && !policyPair) reader.refuse(tree, "file", "has no policy");
	const list = top?.get("cases");
	if (top && !list) reader.refuse(tree, "file", "has no cases");
	const cases = (list ? reader.list(list.value, "cases") : []).flatMap(
		(entry, index) => readCase(entry, `case ${index + 1}`, reader) ?? [],
	);
	if (!reader.isSound) throw new PolicyError(reader.problems());
	return { policy: policy ?? "", cases };
}

/** What differs from what a case expects; undefined if nothing does. */
function difference(
	{ expect, reason, recorded, runs }: Case,
	decision: Decision,
): string | undefined {
	const given = decision.allowed ? "allowed" : "refused";
	if (given !== expect)
		return `expected ${expect}, got ${given}: ${decision.reason}`;
	if (reason !== "" && !globMatches(reason, decision.reason))
		return `expected a reason like ${reason}, got: ${decision.reason}`;
	const run = decision.allowed ? decision.run : undefined;
	if (recorded !== "" && run?.command !== recorded)
		return `expected command ${recorded}, got ${run?.command ?? "none"}`;
	const argv = run?.argv ?? [];
	if (runs && JSON.stringify(runs) !== JSON.stringify(argv))
		return `expected to run ${JSON.stringify(runs)}, got ${JSON.stringify(argv)}`;
	return undefined;
}

/** A case in one line. */
const caseText = ({ caller, call }: Case) =>
	[
		caller.as || caller.address || caller.certificate.join() || "somebody",
		...[call.operation, call.command, call.options, call.nrpe, call.to],
	]
		.filter((text) => text !== "")
		.join(" ");

async function runCase(policy: Policy, given: Case) {
	const call = await callOf(
		policy,
		callerOf(policy, given.caller),
		given.call,
		async (path) => given.real.get(path) ?? path,
	);
	return difference(given, decide(policy, call));
}

/** Runs the cases of a file. Throws UsageError if it or its policy cannot be used. */
async function runFile(file: string, stdin: Readable) {
	const { name, text } = await readInput(file, stdin);
	const refuse = (reason: string): never => {
		throw new UsageError(`${name}: ${reason}`);
	};
	let read: ReturnType<typeof readCases>;
	try {
		read = readCases(text);
	} catch (error) {
		if (!(error instanceof YamlError) && !(error instanceof PolicyError))
			throw error;
		return refuse(error.message.replaceAll("\n", "; "));
	}
	// like an include: the policy is beside its tests
	const base = file === "-" ? "." : dirname(file);
	const policy = await readPolicy(resolve(base, read.policy), stdin);
	const results: { line: number; call: string; failure?: string }[] = [];
	for (const each of read.cases) {
		const { line } = each;
		try {
			const failure = await runCase(policy, each);
			const call = caseText(each);
			results.push({ line, call, ...(failure !== undefined && { failure }) });
		} catch (error) {
			if (!(error instanceof UsageError)) throw error;
			refuse(`line ${line}: ${error.message}`);
		}
	}
	return { file: name, results };
}

const testSettings = {
	...outputSettings(["table", "json"]),
} as const satisfies SettingTable;

export const policyTestCommand = createCommand({
	name: "policy test",
	help: {
		usage: "policy test [OPTION...] FILE...",
		summary: "compare the decisions of a policy with expected ones",
		details:
			"Each FILE (YAML, - is standard input) names a policy, by a path from the file's directory, and cases. A case has the caller (as: a name in who; or address, certificate, key: a name in keys), what it asks (may: a permission; command and options, or nrpe: what check_nrpe sends, such as disk!5%!2%; or to for relay) and what is expected (expect: allowed or refused; reason: a pattern with *; recorded: the command; runs: the words of its command line). Paths of slots with real: true are their own real paths, unless real says otherwise: { /var/a: /etc }.\nPrints the cases that fail. The exit status is 0 if there are none, 1 if there are some, 2 if a file cannot be used.",
		examples: [
			"policy test policy.test.yaml",
			"policy test web.test.yaml db.test.yaml",
			"policy test -o json policy.test.yaml",
		],
		settings: testSettings,
	},
	operands: { minimum: 1, maximum: Number.POSITIVE_INFINITY, name: "FILE" },
	async run({ flags, operands, stdin, write }) {
		const { output } = valuesOf(testSettings, flags);
		const files: Awaited<ReturnType<typeof runFile>>[] = [];
		for (const file of operands) files.push(await runFile(file, stdin));
		const failed = files.flatMap(({ results }) =>
			results.filter(({ failure }) => failure !== undefined),
		).length;
		if (output === "json") await write(`${jsonText(files, 2)}\n`);
		else
			await write(
				files
					.flatMap(({ file, results }) => [
						...results.flatMap(({ line, call, failure }) =>
							failure === undefined
								? []
								: [
										`${safeLine(`${file} line ${line}: ${call}: ${failure}`)}\n`,
									],
						),
						`${safeLine(file)}: ${results.length} cases, ${results.filter(({ failure }) => failure !== undefined).length} failed\n`,
					])
					.join(""),
			);
		return failed > 0 ? 1 : 0;
	},
});

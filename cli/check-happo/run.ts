import { version } from "../../generated/version.ts";
import { readKeyFile } from "../../src/key-file.ts";
import { UsageError } from "../program/arguments.ts";
import {
	type CheckOptions,
	help,
	parseCheckOptions,
	usage,
} from "./arguments.ts";
import { explainMissing } from "./missing-plugin.ts";
import { printed } from "./perfdata.ts";
import { checkRequest } from "./request.ts";
import {
	agentError,
	oneLine,
	ownError,
	type Result,
	resultOf,
} from "./result.ts";

const isHelp = (word: string | undefined) =>
	["help", "h", "-h", "--help"].includes(word ?? "");

const isVersion = (word: string) => ["-V", "-v", "--version"].includes(word);

/** The key of the file; "" without a file. Throws an error that names the file. */
function keyOf(
	{ keyFile }: CheckOptions,
	complain: (text: string) => void,
): string {
	if (keyFile === undefined) return "";
	const { key, warning } = readKeyFile("--key-file", keyFile);
	if (warning) complain(`check_happo: ${warning}\n`);
	return key;
}

async function check(
	options: CheckOptions,
	complain: (text: string) => void,
	environment: NodeJS.ProcessEnv,
): Promise<Result> {
	const note = options.isVerbose
		? (line: string) => complain(`${line}\n`)
		: undefined;
	// help and usage errors do not need TLS, which is slow to load
	const { exchange } = await import("./exchange.ts");
	const { trustIn } = await import("./trust.ts");
	let answer: Awaited<ReturnType<typeof exchange>>;
	try {
		const request = checkRequest(options, keyOf(options, complain));
		answer = await exchange(
			request,
			trustIn(request.to, options, environment, (line) => note?.(line)),
			options.timeoutMilliseconds,
			note,
		);
	} catch (error) {
		const { name, message } = error as Error;
		return name === "RelayError" ? agentError(message) : ownError(message);
	}
	return printed(explainMissing(resultOf(answer), options), options);
}

/** The result for an invalid command line: a monitoring system shows its first line. */
const wrong = (reason: string, more: string): Result => ({
	output: `check_happo: ${oneLine(reason)}${more}`,
	status: 3,
});

/**
 * Runs check_happo. An invalid command line gives exit status 3: v1 exits with 0, which monitoring
 * systems take for OK. A plain request for help gives 0.
 * @param complain writes to standard error, for --verbose and warnings
 * @param environment says where the known hosts of the user are
 */
export async function runCheckHappo(
	args: readonly string[],
	complain: (text: string) => void,
	environment: NodeJS.ProcessEnv = {},
): Promise<Result> {
	const invalid = (reason: string) => wrong(reason, `\n${usage}`);
	const [word, ...rest] = args;
	if (word === undefined) return invalid("a command is missing");
	if (
		isHelp(word) ||
		(word === "monitor" && rest.length === 1 && isHelp(rest[0]))
	) {
		const unknown = rest.find((other) => other !== "monitor" && !isHelp(other));
		if (unknown === undefined) return { output: help, status: 0 };
		return notACommand(unknown);
	}
	if (isVersion(word) && rest.length === 0)
		return { output: `check_happo version ${version}\n`, status: 0 };
	if (/^--nagios-worker(=|$)/.test(word))
		return wrong(
			"--nagios-worker: only the native check_happo can do this, and it could not be compiled",
			"\n",
		);
	if (word.startsWith("-"))
		return invalid(`the command comes first, not ${word}`);
	if (word !== "monitor") return notACommand(word);
	try {
		return await check(parseCheckOptions(rest), complain, environment);
	} catch (error) {
		if (error instanceof UsageError) return invalid(error.message);
		throw error;
	}
}

const notACommand = (word: string) =>
	wrong(
		`'${word}' is not a check_happo command. See 'check_happo --help'.`,
		"\n",
	);

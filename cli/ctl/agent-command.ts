import {
	type AgentClient,
	createManagementClient,
} from "../../src/client/index.ts";
import { badKey, unverifiedKey } from "../../src/protocol/api-key.ts";
import { hopText } from "../../src/protocol/hop.ts";
import type { SettingTable, SettingValues } from "../../src/setting-table.ts";
import { UsageError } from "../program/arguments.ts";
import type { Operands, ProgramCommand } from "../program/command.ts";
import type { CommandHelp } from "../program/help.ts";
import { type Call, createCommand, valuesOf } from "./command.ts";
import {
	configSettings,
	connections,
	messageSettings,
	type OutputFormat,
	outputSettings,
	targetSettings,
	trustSettings,
} from "./flags.ts";
import { readKeyFlag } from "./input-file.ts";
import { type HostMessage, hostLines } from "./output/host-messages.ts";
import { barText } from "./output/progress.ts";
import type { HostAnswer } from "./target/answer.ts";
import {
	chosenContext,
	loadConfigFile,
	overContext,
} from "./target/config-file.ts";
import { connectTo, failureOf } from "./target/connection.ts";
import { createListHosts } from "./target/group.ts";
import {
	keepKnownHosts,
	ofUser,
	openKnownHosts,
} from "./target/known-hosts.ts";
import {
	findTargets,
	type Target,
	type TargetSettings,
} from "./target/targets.ts";
import {
	assertVerified,
	isUnverified,
	loadTrust,
	peerOf,
	type TrustSettings,
	withKnownHosts,
} from "./target/trust.ts";

/**
 * Asks one agent. Throws HostFailure if the agent refuses or fails.
 * @param signal aborts when nobody waits any more, or when the agent has to be verified in another
 * way, which ends the client
 */
export type HostWork<T> = (
	client: AgentClient,
	target: Target,
	signal: AbortSignal,
) => Promise<T>;

/** A running command that asks agents. */
export interface AgentCall<T extends SettingTable> extends Call {
	settings: SettingValues<T>;
	output: OutputFormat;
	targets: readonly Target[];
	/**
	 * Lists the targets again; undefined if that cannot change them.
	 * @throws UsageError as for the first list
	 */
	listTargets: ((signal: AbortSignal) => Promise<Target[]>) | undefined;
	/** Which agents, and how to verify them, as flags and context say. */
	reach: TargetSettings;
	verification: TrustSettings;
	/**
	 * Asks one agent. Its failure is an answer.
	 * @param signal aborts when nobody waits for the answer any more
	 */
	askOne<R>(
		target: Target,
		work: HostWork<R>,
		signal?: AbortSignal,
	): Promise<HostAnswer<R>>;
	/**
	 * Reads the file of known hosts again when it changes, until the signal aborts.
	 * @param isSilent says nothing about it until then, as the terminal shows a screen
	 */
	keepKnownHosts(signal: AbortSignal, isSilent?: boolean): void;
	/**
	 * Asks all agents. Returns the answers in the order of the targets. A failure of an agent is an
	 * answer.
	 * @param onAnswer called as soon as the work on an agent has ended
	 */
	ask<R>(
		work: HostWork<R>,
		onAnswer?: (answer: HostAnswer<R>) => void,
	): Promise<HostAnswer<R>[]>;
	/** Whether messages about several hosts name all of them. */
	namesAll: boolean;
	/** Says something about hosts on standard error: equal messages in one line. */
	sayAbout(messages: readonly HostMessage[]): void;
	/** Reports the failed hosts on standard error: one line for each failure. */
	sayFailures(answers: readonly HostAnswer<unknown>[]): void;
}

/** Declares a command that asks agents. */
export interface AgentCommandDefinition<T extends SettingTable> {
	name: string;
	summary: string;
	/** Arguments after the name: `PLUGIN [OPTION...]`. */
	usage?: string;
	details: string;
	examples: readonly string[];
	/** Its own options; all commands that ask agents share more. */
	settings: T;
	/** Output formats; the first is the default. None: the command has no `--output`. */
	formats?: readonly [OutputFormat, ...OutputFormat[]];
	operands?: Operands;
	run(call: AgentCall<T>): Promise<number>;
}

/**
 * The key of the file, otherwise that of the variable; "" if there is none.
 * @throws UsageError
 */
function readApiKey(
	file: string,
	fromVariable: string | undefined,
	say: (line: string) => void,
): string {
	if (file === "") {
		const key = fromVariable ?? "";
		const complaint = key === "" ? undefined : badKey(key);
		if (complaint) throw new UsageError(`HAPPO_CTL_API_KEY: ${complaint}`);
		return key;
	}
	return readKeyFlag(file, say);
}

/**
 * Runs `work` for all targets, several at a time. Returns the answers in the order of the targets.
 * @param work must not throw
 * @param parallel how many run at the same time at most
 */
export async function everyHost<Target, T>(
	targets: readonly Target[],
	work: (target: Target) => Promise<HostAnswer<T>>,
	parallel: number,
): Promise<HostAnswer<T>[]> {
	const answers: HostAnswer<T>[] = [];
	let next = 0;
	const worker = async () => {
		while (next < targets.length) {
			const at = next++;
			answers[at] = await work(targets[at] as Target);
		}
	};
	const workers = Math.min(parallel, targets.length);
	await Promise.all(Array.from({ length: workers }, worker));
	return answers;
}

/** Defines a command that asks one or many agents, with the options that all such commands share. */
export function createAgentCommand<const T extends SettingTable>(
	definition: AgentCommandDefinition<T>,
): ProgramCommand {
	const { name, summary, usage, details, examples, operands, formats } =
		definition;
	const output: SettingTable = formats ? outputSettings(formats) : {};
	const help: CommandHelp = {
		usage: [name, "[OPTION...]", ...(usage ? [usage] : [])].join(" "),
		summary,
		details,
		examples,
		settings: { ...definition.settings, ...output },
		topic: connections,
	};
	return createCommand({
		name,
		help,
		...(operands && { operands }),
		async run(call) {
			const { environment, stdin, say } = call;
			const config = valuesOf(configSettings, call.flags);
			const file = await loadConfigFile(config.config, environment);
			const { context } = chosenContext(file, config.context, environment);
			const flags = overContext(context, call.flags);
			// a context applies to all commands, but not every command has its output format
			if (!call.flags.output && !formats?.some((f) => f === flags.output?.[0]))
				delete flags.output;
			const settings = valuesOf(definition.settings, flags);
			const chosen = valuesOf(output, flags).output ?? "table";
			const reach = valuesOf(targetSettings, flags);
			const verification = valuesOf(trustSettings, flags);
			const loaded = await loadTrust(
				verification,
				environment.HAPPO_CTL_PRIVATE_KEY_PASSPHRASE,
			);
			const timeoutMilliseconds = reach["timeout-seconds"] * 1000;
			const apiKey = readApiKey(
				reach["key-file"],
				environment.HAPPO_CTL_API_KEY,
				call.say,
			);
			const known = openKnownHosts(verification, {
				place: ofUser(environment),
				sendsKey: apiKey !== "",
				say,
			});
			const trust = withKnownHosts(loaded, known);
			const connection = { trust, timeoutMilliseconds, apiKey };
			const namesAll = valuesOf(messageSettings, flags).verbose;
			const listHosts = createListHosts(createManagementClient, {
				endpoint: reach.endpoint,
				caFile: reach["endpoint-ca-file"],
				timeoutMilliseconds,
				environment,
			});
			const listTargets = (signal?: AbortSignal) =>
				findTargets(
					...([reach, stdin, listHosts] as const),
					...([environment.HAPPO_CTL_ADMIN_SOCKET, signal] as const),
				);
			const targets = await call.during(
				() => "looking for agents",
				() => listTargets(),
			);
			// standard input can be read once
			const mayChange =
				reach["hosts-file"] !== "-" &&
				(reach.group !== "" || reach["hosts-file"] !== "");
			if (apiKey !== "") for (const one of targets) assertVerified(one, trust);

			/** What is connected, with the peer that is verified for it. */
			const connected = new Map<AbortController, string>();
			const askOne = async <R>(
				target: Target,
				work: HostWork<R>,
				given?: AbortSignal,
			): Promise<HostAnswer<R>> => {
				const host = target.name;
				// its line may have been removed since the beginning
				if (apiKey !== "" && isUnverified(target, trust))
					return {
						...{ host, ok: false },
						error: { reason: "untrusted", message: unverifiedKey },
					};
				const client = connectTo(target, connection);
				const ending = new AbortController();
				const { signal } = ending;
				signal.addEventListener("abort", client.close, { once: true });
				connected.set(ending, hopText(peerOf(target)));
				// AbortSignal.any() would keep memory for as long as the given signal lives
				const end = () => ending.abort(given?.reason);
				if (given?.aborted) end();
				given?.addEventListener("abort", end);
				try {
					return {
						...{ host, ok: true },
						data: await work(client, target, signal),
					};
				} catch (error) {
					if (signal.aborted && !given?.aborted)
						return {
							...{ host, ok: false },
							error: {
								reason: "unreachable",
								message: `its line in ${known.file} has changed`,
							},
						};
					const failure = await failureOf(error, target, {
						...{ timeoutMilliseconds, known, signal },
					});
					if (!failure) throw error;
					return { host, ok: false, error: failure };
				} finally {
					given?.removeEventListener("abort", end);
					connected.delete(ending);
					client.close();
				}
			};
			const keepCurrent = (signal: AbortSignal, isSilent = false) => {
				known.changed = (hop) => {
					for (const [ending, peer] of connected)
						if (peer === hopText(hop)) ending.abort();
				};
				const tell = isSilent ? () => {} : say;
				const log = { info: tell, warning: tell, error: tell };
				const kept = keepKnownHosts(known, log);
				kept.start();
				const end = () => {
					kept.stop();
					// after the screen, which ends at the same time
					if (isSilent && kept.problem !== undefined)
						queueMicrotask(() => say(kept.problem ?? ""));
				};
				signal.addEventListener("abort", end, { once: true });
			};

			const sayAbout = (messages: readonly HostMessage[]) => {
				const lines = hostLines(messages, {
					columns: namesAll ? undefined : call.messageColumns,
					before: "happo-ctl: ".length,
				});
				for (const line of lines) say(line);
			};

			return definition.run({
				...call,
				settings,
				output: chosen as OutputFormat,
				...{ targets, reach, verification, askOne, namesAll },
				...{ listTargets: mayChange ? listTargets : undefined },
				keepKnownHosts: keepCurrent,
				ask(work, onAnswer) {
					const waiting = new Set<string>();
					let done = 0;
					return call.during(
						() => {
							const names = [...waiting].slice(0, 8).join(", ");
							return targets.length === 1
								? `waiting for ${names}`
								: `${barText(done, targets.length)} ${names}`;
						},
						() =>
							everyHost(
								targets,
								async (target) => {
									waiting.add(target.name);
									const answer = await askOne(target, work);
									waiting.delete(target.name);
									done++;
									onAnswer?.(answer);
									return answer;
								},
								reach.parallel,
							),
					);
				},
				sayAbout,
				sayFailures: (answers) =>
					sayAbout(
						answers.flatMap((answer) =>
							answer.ok
								? []
								: [{ host: answer.host, message: answer.error.message }],
						),
					),
			});
		},
	});
}

import { readMachineState } from "../commands/machine-state.ts";
import { runCheck } from "../commands/monitor.ts";
import { lineDiff } from "../output/line-diff.ts";
import type { HostAnswer } from "../target/answer.ts";
import type { Ask } from "./asking.ts";
import type { Hosts } from "./hosts.ts";
import { checkLines, optionLine, type WayToAgents } from "./lines.ts";
import type { WebHandlers } from "./operation.ts";
import { shownFailure } from "./part.ts";
import { WebProblem } from "./problem.ts";
import type { Sessions } from "./sessions.ts";

/** A link for another tab is opened at once. */
const linkMilliseconds = 60_000;

/** Requests of pages that wait for agents, and those that wait for changes. */
const maxCalls = 32;
const maxWatches = 48;

/** Lets only so many calls run at a time. */
function createLimit(maximum: number) {
	let running = 0;
	return async <T>(work: () => Promise<T>): Promise<T> => {
		if (running >= maximum)
			throw new WebProblem("busy", `${maximum} such requests are running`);
		running++;
		try {
			return await work();
		} finally {
			running--;
		}
	};
}

const failureOf = (answer: HostAnswer<unknown>) =>
	answer.ok ? null : shownFailure(answer.error);

/** The handlers of the page's operations. */
export function createWebHandlers(parts: {
	sessions: Sessions;
	hosts: Hosts;
	ask: Ask;
	way: WayToAgents;
	/** The link with a token. */
	linkWith: (token: string) => string;
}): WebHandlers {
	const { sessions, hosts, ask, way, linkWith } = parts;
	const limitCalls = createLimit(maxCalls);
	const limitWatches = createLimit(maxWatches);
	return {
		openSession: (_, { token }) => {
			const key = sessions.open(token);
			if (key === undefined)
				throw new WebProblem(
					"bad-token",
					"this link was used already, or is too old",
				);
			return { key };
		},
		createLink: () => ({
			url: linkWith(sessions.createToken(linkMilliseconds)),
		}),
		watch: (_, request, { signal }) =>
			limitWatches(() => hosts.watch(request, signal)),
		askAgain: ({ id }, { part }) => {
			hosts.watched(Number(id)).parts[part].ask(true);
			return { done: true };
		},
		runCheck: ({ id }, { plugin, words }, { signal }) =>
			limitCalls(async () => {
				const begun = performance.now();
				const call = { plugin, option: optionLine(words) };
				const answer = await ask(
					hosts.target(id),
					(client, given) => runCheck(client, call, given),
					signal,
				);
				return {
					result: answer.ok
						? {
								exit_status: answer.data.return_value,
								output: answer.data.message,
							}
						: null,
					failure: failureOf(answer),
					seconds: (performance.now() - begun) / 1000,
				};
			}),
		getLines: ({ id }, call) => checkLines(hosts.target(id), call, way),
		getSeries: ({ id }, { metrics, since }) => {
			const { history } = hosts.watched(Number(id));
			return {
				series: metrics.map(({ host, name }) =>
					history.series(host, name, since),
				),
			};
		},
		getMachineState: ({ id, key }, _, { signal }) =>
			limitCalls(async () => {
				const answer = await ask(
					hosts.target(id),
					(client, given) => readMachineState(client, key, { signal: given }),
					signal,
				);
				return {
					text: answer.ok ? answer.data.machineState : null,
					failure: failureOf(answer),
				};
			}),
		compareMachineStates: ({ id, key }, { with: later }, { signal }) =>
			limitCalls(async () => {
				const answer = await ask(
					hosts.target(id),
					(client, given) =>
						Promise.all(
							[key, later].map((one) =>
								readMachineState(client, one, { signal: given }),
							),
						),
					signal,
				);
				const [before, after] = answer.ok ? answer.data : [];
				return {
					lines:
						before && after
							? lineDiff(before.machineState, after.machineState)
							: null,
					failure: failureOf(answer),
				};
			}),
	};
}

// Another client of the attacked agent: other-client.js PORT CONTROL-PORT. It is a separate
// process, so that the attackers do not slow it down. It sends requests until it gets a
// message, and replies with its measurements.
import { Agent } from "node:https";
import { send } from "../../../test/support/https.ts";
import type { OtherClientReport, Waits } from "./judgement.ts";

const address = "127.0.0.9";
const limitMilliseconds = 60_000;

/** Measures how long requests of one kind wait for their answers. */
function createAsker(ask: (signal: AbortSignal) => Promise<number>) {
	const pending = new Map<object, number>();
	const waits: Waits = { longest: 0, at: 0, answers: {} };
	const note = (begun: number, answer: string) => {
		const milliseconds = performance.now() - begun;
		waits.answers[answer] = (waits.answers[answer] ?? 0) + 1;
		if (milliseconds <= waits.longest) return;
		waits.longest = milliseconds;
		waits.at = Date.now() - milliseconds;
	};
	return {
		waiting: () => pending.size,
		async ask() {
			const begun = performance.now();
			const key = {};
			pending.set(key, begun);
			const answer = await ask(AbortSignal.timeout(limitMilliseconds)).then(
				String,
				(error: NodeJS.ErrnoException) => error.code ?? error.name,
			);
			if (pending.delete(key)) note(begun, answer);
		},
		/** The waits so far; a request without an answer has waited until now. */
		report(): Waits {
			for (const begun of pending.values())
				if (performance.now() - begun > 1000) note(begun, "no answer");
			pending.clear();
			return waits;
		},
	};
}

const [port, controlPort] = process.argv.slice(2).map(Number) as [
	number,
	number,
];
const kept = new Agent({ keepAlive: true, maxSockets: 1 });
const asking =
	(to: number, agent?: Agent) =>
	async (signal: AbortSignal): Promise<number> =>
		(
			await send({
				...{ port: to, localAddress: address, signal },
				...(agent && { agent }),
			})
		).status;
const posting =
	(path: string, body: () => unknown) => async (signal: AbortSignal) =>
		(
			await send({
				...{ port, path, method: "POST", localAddress: address, signal },
				body: JSON.stringify(body()),
			})
		).status;
const seconds = () => Math.floor(Date.now() / 1000);
const askers = {
	fresh: createAsker(asking(port)),
	kept: createAsker(asking(port, kept)),
	control: createAsker(asking(controlPort)),
	check: createAsker(
		posting("/monitor", () => ({ plugin_name: "check_ok", plugin_option: "" })),
	),
	append: createAsker(
		posting("/metric/append", () => ({
			metric_data: [
				{
					hostname: "other",
					timestamp: seconds(),
					metrics: { "other.one": 1 },
				},
			],
		})),
	),
};

await Promise.all(Object.values(askers).map(({ ask }) => ask()));
process.send?.("ready");
let tick = 0;
const timer = setInterval(() => {
	void askers.fresh.ask();
	void askers.control.ask();
	// one at a time: if the first waits, all behind it wait as long
	if (askers.kept.waiting() === 0) void askers.kept.ask();
	if (tick++ % 10 !== 0) return;
	void askers.check.ask();
	void askers.append.ask();
}, 100);
process.once("message", () => {
	clearInterval(timer);
	const report: OtherClientReport = {
		fresh: askers.fresh.report(),
		kept: askers.kept.report(),
		control: askers.control.report(),
		check: askers.check.report(),
		append: askers.append.report(),
	};
	process.send?.(report, () => process.exit());
});
process.once("disconnect", () => process.exit());

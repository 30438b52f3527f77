import { useEffect, useRef, useState } from "preact/hooks";
import type { components } from "../../../../generated/web-schema.ts";
import { durationText } from "../../output/quantity.ts";
import { useShown } from "./context.ts";
import { html } from "./html.ts";
import type { CheckCall } from "./lines.ts";
import { Output } from "./output.ts";
import { FailureText } from "./part.ts";
import { dataOf } from "./session.ts";
import { StateMark, stateOf } from "./state-mark.ts";
import { useNow } from "./time.ts";

type Outcome = components["schemas"]["CheckOutcome"];

/** What the page knows about a check that it has been told to run. */
export type Run =
	| { phase: "none" }
	| { phase: "running"; since: number; cancel(): void }
	| { phase: "ended"; outcome: Outcome }
	| { phase: "refused"; message: string };

/** Runs checks on the shown host, one at a time; leaving the page cancels it. */
export function useRun() {
	const { api, host, ask } = useShown();
	const [run, setRun] = useState<Run>({ phase: "none" });
	const controller = useRef<AbortController | undefined>(undefined);
	useEffect(() => () => controller.current?.abort(), []);
	const start = async (body: CheckCall) => {
		const own = new AbortController();
		controller.current?.abort();
		controller.current = own;
		setRun({
			phase: "running",
			since: Date.now(),
			cancel: () => {
				own.abort();
				setRun({ phase: "none" });
			},
		});
		try {
			const outcome = await dataOf(
				api.POST("/api/hosts/{id}/check", {
					params: { path: { id: String(host.id) } },
					body,
					signal: own.signal,
				}),
			);
			if (own.signal.aborted) return;
			setRun({ phase: "ended", outcome });
			ask("results");
		} catch (error) {
			if (!own.signal.aborted)
				setRun({ phase: "refused", message: (error as Error).message });
		}
	};
	return { run, start };
}

function Running({
	what,
	since,
	cancel,
}: {
	what: string;
	since: number;
	cancel(): void;
}) {
	const seconds = (useNow() - since) / 1000;
	return html`<p class="waiting">
		<span
			>Waiting for ${what}<span aria-live="off">${seconds >= 1 && `, for ${durationText(seconds)} so far`}</span> …</span
		>
		<button type="button" class="quiet" onClick=${cancel}>Cancel</button>
	</p>`;
}

/** How the run of a check goes, and its result. */
export function RunResult({ run, what }: { run: Run; what: string }) {
	if (run.phase === "none") return null;
	if (run.phase === "running")
		return html`<${Running} what=${what} since=${run.since} cancel=${run.cancel} />`;
	if (run.phase === "refused")
		return html`<p class="note note-bad">${run.message}</p>`;
	const { result, failure, seconds } = run.outcome;
	if (failure)
		return html`<p class="note note-bad"><${FailureText} failure=${failure} /></p>`;
	if (!result) return null;
	return html`<div class="run-result">
		<p>
			<${StateMark} state=${stateOf(result.exit_status)} />
			<span class="muted">exit status ${result.exit_status}, after ${seconds.toFixed(seconds < 1 ? 3 : 1)} s</span>
		</p>
		<${Output} text=${result.output} label=${`Output of ${what}`} />
	</div>`;
}

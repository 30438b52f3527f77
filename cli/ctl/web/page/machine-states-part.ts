import { useEffect, useState } from "preact/hooks";
import { timeText } from "../../output/quantity.ts";
import { useShown } from "./context.ts";
import { html } from "./html.ts";
import { Output } from "./output.ts";
import { FailureText, Part } from "./part.ts";
import { useRovingFocus } from "./roving-focus.ts";
import { safeText } from "./safe-text.ts";
import { dataOf } from "./session.ts";
import { Ago } from "./time.ts";
import type { Failure, Parts } from "./watch.ts";

/** States that are listed at first, and with each "more". */
const statesAtOnce = 20;

/** What is shown of the chosen states. */
interface Shown {
	text?: string | null;
	lines?: readonly string[] | null;
	failure: Failure | null;
}

/** The text of one state, or what changed from the first to the second. */
function useChosen(keys: readonly string[]) {
	const { api, host } = useShown();
	const [shown, setShown] = useState<Shown | string | undefined>();
	const [first, second] = keys;
	useEffect(() => {
		setShown(undefined);
		if (first === undefined) return;
		const controller = new AbortController();
		const { signal } = controller;
		const path = { id: String(host.id), key: first };
		const answer: Promise<Shown> =
			second === undefined
				? dataOf(
						api.GET("/api/hosts/{id}/machine-states/{key}", {
							params: { path },
							signal,
						}),
					)
				: dataOf(
						api.POST("/api/hosts/{id}/machine-states/{key}/changes", {
							params: { path },
							body: { with: second },
							signal,
						}),
					);
		answer.then(setShown, (error: Error) => {
			if (!signal.aborted) setShown(error.message);
		});
		return () => controller.abort();
	}, [api, host.id, first, second]);
	return shown;
}

const kinds: Readonly<Record<string, string>> = {
	"-": "removed",
	"+": "added",
};

function Changes({ lines }: { lines: readonly string[] }) {
	if (lines.length === 0)
		return html`<p class="muted">There is no difference.</p>`;
	return html`<pre class="output diff" tabindex="0" aria-label="Differences">${lines.map(
		(line) =>
			html`<span class=${`line ${kinds[line[0] ?? ""] ?? ""}`}>${safeText(line)}${"\n"}</span>`,
	)}</pre>`;
}

function ChosenText({ keys }: { keys: readonly string[] }) {
	const shown = useChosen(keys);
	if (keys.length === 0)
		return html`<p class="muted">Choose one to read it, two to see what changed.</p>`;
	if (shown === undefined)
		return html`<p class="waiting">Waiting for the text …</p>`;
	if (typeof shown === "string")
		return html`<p class="note note-bad">${shown}</p>`;
	const { text, lines, failure } = shown;
	if (failure)
		return html`<p class="note note-bad"><${FailureText} failure=${failure} /></p>`;
	if (lines) return html`<${Changes} lines=${lines} />`;
	return html`<${Output} text=${text ?? ""} label="Machine state" />`;
}

export function MachineStatesPart({
	part,
	name,
}: {
	part: Parts["machine_states"];
	name: string;
}) {
	/** The chosen keys, at most two, in the order of the choice. */
	const [chosen, setChosen] = useState<readonly string[]>([]);
	const [count, setCount] = useState(statesAtOnce);
	const roving = useRovingFocus<HTMLUListElement>();
	const states = part?.data?.states ?? [];
	const toggle = (key: string) =>
		setChosen(
			chosen.includes(key)
				? chosen.filter((one) => one !== key)
				: [...chosen.slice(-1), key],
		);
	const takenAt = (key: string) => Number(key.slice(2));
	const inOrder = chosen.toSorted(
		(one, other) => takenAt(one) - takenAt(other),
	);
	return html`<${Part} id="machine-states" title="Machine states" waitsFor=${`the machine states of ${name}`} state=${part} asks=${["machine_states"]}>
		${
			states.length === 0
				? html`<p class="muted">The agent has kept no machine state: no check has failed lately.</p>`
				: html`<div class="machine-states">
						<ul aria-label="Machine states, newest first" ...${roving.list}>
							${states.slice(0, count).map(
								({ key, taken_at }) => html`<li key=${key}>
									<button type="button" class="choice" data-row=${key} tabindex="-1"
										aria-pressed=${chosen.includes(key)} onClick=${() => toggle(key)}>
										${timeText(taken_at)} <span class="muted"><${Ago} at=${taken_at * 1000} /></span>
									</button>
								</li>`,
							)}
						</ul>
						${
							states.length > count &&
							html`<button type="button" onClick=${() => setCount(count + statesAtOnce)}>
								Show older ones (${states.length - count})
							</button>`
						}
						<div class="chosen" aria-live="polite"><${ChosenText} keys=${inOrder} /></div>
					</div>`
		}
	<//>`;
}

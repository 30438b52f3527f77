import { useEffect, useState } from "preact/hooks";
import { durationText } from "../../output/quantity.ts";
import { useShown } from "./context.ts";
import { html, type WithChildren } from "./html.ts";
import { safeText } from "./safe-text.ts";
import { Ago, useNow } from "./time.ts";
import type { Failure, PartName } from "./watch.ts";

/** What all parts of a host have in common; undefined until the program has been asked. */
export interface PartState {
	waiting_since: number | null;
	failure: Failure | null;
	answered_at: number | null;
}

/** Shorter waits are not worth a word. */
const shortMilliseconds = 400;

function Waiting({ what, since }: { what: string; since: number }) {
	const seconds = useNow() / 1000 - since;
	const [isLong, setLong] = useState(false);
	useEffect(() => {
		const timer = setTimeout(() => setLong(true), shortMilliseconds);
		return () => clearTimeout(timer);
	}, []);
	// the line is there from the beginning, so that nothing moves
	const text = !isLong
		? "\u00a0"
		: `Waiting for ${what}${seconds >= 2 ? `, for ${durationText(seconds)} so far` : ""} …`;
	return html`<p class="waiting">${text}</p>`;
}

const why: Readonly<Record<Failure["reason"], string>> = {
	unreachable: "No answer.",
	untrusted: "The certificate could not be verified.",
	unsupported: "This agent is too old to tell.",
	refused: "The agent refused to tell.",
	failed: "The agent failed.",
};

/** Why an agent did not answer. */
export function FailureText({ failure }: { failure: Failure }) {
	return html`<strong>${why[failure.reason]}</strong> ${safeText(failure.message)}`;
}

/**
 * A section of a host's page, which says what it waits for, why it has nothing, and how old is what
 * it shows.
 */
export function Part({
	id,
	title,
	waitsFor,
	state,
	aside,
	asks,
	isUsable = false,
	children,
}: WithChildren & {
	id: string;
	title: string;
	/** What its request asks for, such as `the checks of web01`. */
	waitsFor: string;
	state: PartState | undefined;
	/** To the right of the title. */
	aside?: unknown;
	/** The parts that are asked for again after a failure. */
	asks: readonly PartName[];
	/** Whether there is something to show without an answer. */
	isUsable?: boolean;
}) {
	const { ask } = useShown();
	const [openedAt] = useState(() => Date.now() / 1000);
	const hasData = typeof state?.answered_at === "number";
	const since = state?.waiting_since ?? (state ? null : openedAt);
	const failure = state?.failure;
	return html`<section id=${id} class="part" aria-labelledby=${`${id}-title`}>
		<header class="part-head">
			<h2 id=${`${id}-title`} tabindex="-1">${title}</h2>
			<div class="part-aside">${hasData && aside}</div>
		</header>
		<div role="status" class="part-state">
			${
				failure &&
				html`<div class=${failure.reason === "unsupported" ? "note" : "note note-bad"}>
					<p>
						<${FailureText} failure=${failure} />
						${hasData && html`<br /><span class="muted" aria-live="off">Shown is what it said <${Ago} at=${(state?.answered_at ?? 0) * 1000} />.</span>`}
					</p>
					${failure.reason !== "unsupported" && html`<button type="button" onClick=${() => ask(...asks)}>Ask again</button>`}
				</div>`
			}
		</div>
		${since !== null && html`<${Waiting} what=${waitsFor} since=${since} />`}
		${(hasData || isUsable) && children}
	</section>`;
}

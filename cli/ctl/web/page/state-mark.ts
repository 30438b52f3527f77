import type { components } from "../../../../generated/web-schema.ts";
import { html } from "./html.ts";

/** States of hosts and checks. */
export type State = components["schemas"]["HostState"];

/** Each state has a shape of its own, for those who cannot tell its colour. */
const shapes: Readonly<Record<State, string>> = {
	ok: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm3.6 5.1-4.3 5-2.9-2.7 1-1.1 1.8 1.6 3.3-3.8Z",
	warning:
		"M8 1 .6 14.5h14.8L8 1Zm-.8 5h1.6l-.2 4.5H7.4L7.2 6Zm.8 5.3a1 1 0 1 1 0 2 1 1 0 0 1 0-2Z",
	critical:
		"M5 1h6l4 4v6l-4 4H5l-4-4V5l4-4Zm.7 3.7-1 1L7 8l-2.3 2.3 1 1L8 9l2.3 2.3 1-1L9 8l2.3-2.3-1-1L8 7 5.7 4.7Z",
	unknown:
		"M8 .5 15.5 8 8 15.5.5 8 8 .5ZM8 4C6.7 4 5.9 4.7 5.8 5.9h1.3c0-.5.3-.8.9-.8.5 0 .8.3.8.7 0 .9-1.5.9-1.5 2.7h1.3c0-1.2 1.5-1.3 1.5-2.8C10.1 4.7 9.3 4 8 4Zm-.1 5.4a.85.85 0 1 0 0 1.7.85.85 0 0 0 0-1.7Z",
	waiting:
		"M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 1.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11ZM7.3 4.5v4l3 1.7.7-1.1-2.3-1.3V4.5H7.3Z",
	failed:
		"M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 1.5c1.2 0 2.3.4 3.2 1L3.5 11.2A5.5 5.5 0 0 1 8 2.5Zm0 11c-1.2 0-2.3-.4-3.2-1l7.7-7.7A5.5 5.5 0 0 1 8 13.5Z",
};

/** The words for states, in Nagios' spelling for those that a check has. */
export const stateWords: Readonly<Record<State, string>> = {
	ok: "OK",
	warning: "Warning",
	critical: "Critical",
	unknown: "Unknown",
	waiting: "Waiting",
	failed: "No answer",
};

/** A state by colour, shape and word. */
export function StateMark({
	state,
	label = stateWords[state],
}: {
	state: State;
	label?: string;
}) {
	return html`<span class="state state-${state}"
		><svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
			<path d=${shapes[state]} fill-rule="evenodd" />
		</svg>
		<span class="state-word">${label}</span></span
	>`;
}

const states: readonly State[] = ["ok", "warning", "critical", "unknown"];

/** The state that a result of an agent names. */
export const stateNamed = (name: "OK" | "WARNING" | "CRITICAL" | "UNKNOWN") =>
	name.toLowerCase() as Lowercase<typeof name>;

/** The state that an exit status of a plugin means. */
export const stateOf = (exitStatus: number): State =>
	states[exitStatus] ?? "unknown";

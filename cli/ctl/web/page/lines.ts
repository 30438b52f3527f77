import { useState } from "preact/hooks";
import type { components } from "../../../../generated/web-schema.ts";
import { useShown } from "./context.ts";
import { copyText } from "./copy-button.ts";
import { html } from "./html.ts";
import { dataOf } from "./session.ts";

type Lines = components["schemas"]["Lines"];
export type CheckCall = components["schemas"]["CheckCall"];

const kinds: readonly { name: keyof Lines; label: string }[] = [
	{ name: "check_happo", label: "check_happo" },
	{ name: "nagios", label: "Nagios" },
	{ name: "icinga", label: "Icinga" },
];

/** Buttons that copy a check as a line for monitoring systems, and show what they have copied. */
export function LineButtons({
	callOf,
	hasSecret,
}: {
	/** The call that the form describes; undefined if something in the form is wrong. */
	callOf(): CheckCall | undefined;
	/** Whether a value of it is secret: then it is copied, and not shown. */
	hasSecret: boolean;
}) {
	const { api, host } = useShown();
	const [text, setText] = useState("");
	const [said, setSaid] = useState("");
	const copy = async ({ name, label }: (typeof kinds)[number]) => {
		const body = callOf();
		if (!body) return;
		try {
			const lines = await dataOf(
				api.POST("/api/hosts/{id}/lines", {
					params: { path: { id: String(host.id) } },
					body,
				}),
			);
			setText(lines[name]);
			setSaid(
				await copyText(
					lines[name],
					`Copied for ${label}${hasSecret ? ", with the secret in it" : ""}.`,
				),
			);
		} catch (error) {
			setSaid((error as Error).message);
		}
	};
	return html`<div class="lines">
		<span class="label">Copy as</span>
		${kinds.map(
			(kind) =>
				html`<button type="button" class="quiet" onClick=${() => void copy(kind)}>
					${kind.label}
				</button>`,
		)}
		<span role="status" class="muted">${said}</span>
		${text !== "" && !hasSecret && html`<pre class="output" tabindex="0" aria-label="The copied text">${text}</pre>`}
	</div>`;
}

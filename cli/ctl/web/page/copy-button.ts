import { useState } from "preact/hooks";
import { html } from "./html.ts";

/**
 * Copies a text; resolves with what to say about it.
 * @param done is said if the browser allows it
 */
export const copyText = (text: string, done: string): Promise<string> =>
	navigator.clipboard.writeText(text).then(
		() => done,
		() => "The browser does not let the page copy: select the text.",
	);

/** Copies a text that is shown beside it. */
export function CopyButton({ label, text }: { label: string; text: string }) {
	const [said, setSaid] = useState("");
	const copy = () => copyText(text, "Copied.").then(setSaid);
	return html`<button type="button" class="quiet" onClick=${copy}>${label}</button>
		<span role="status" class="muted">${said}</span>`;
}

import { useMemo, useState } from "preact/hooks";
import { bytesText } from "../../output/quantity.ts";
import { html } from "./html.ts";
import { safeText } from "./safe-text.ts";

/** More than this many characters are shown only on demand, because a browser lays them out for seconds. */
const shownCharacters = 16_384;

/** The output of a program, as text. */
export function Output({ text, label }: { text: string; label: string }) {
	const [isWhole, setWhole] = useState(false);
	const isLong = text.length > shownCharacters;
	const shown = useMemo(
		() => safeText(isLong && !isWhole ? text.slice(0, shownCharacters) : text),
		[text, isWhole, isLong],
	);
	if (text.trim() === "") return html`<p class="muted">No output.</p>`;
	return html`<pre class="output" tabindex="0" aria-label=${label}>${shown}</pre>
		${
			isLong &&
			!isWhole &&
			html`<p class="more">
			The first ${bytesText(shownCharacters)} of ${bytesText(text.length)}.
			<button type="button" class="quiet" onClick=${() => setWhole(true)}>Show all of it</button>
		</p>`
		}`;
}

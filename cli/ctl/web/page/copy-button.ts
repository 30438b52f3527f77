import { useEffect, useState } from "preact/hooks";
import { html } from "./html.ts";

const confirmMilliseconds = 2_000;

/** Copies a text. If the browser refuses, it shows the text for copying by hand. */
export function CopyButton({ label, text }: { label: string; text: string }) {
	const [result, setResult] = useState<"copied" | "refused" | undefined>();
	useEffect(() => {
		if (result !== "copied") return;
		const timer = setTimeout(() => setResult(undefined), confirmMilliseconds);
		return () => clearTimeout(timer);
	}, [result]);
	const copy = () =>
		navigator.clipboard.writeText(text).then(
			() => setResult("copied"),
			() => setResult("refused"),
		);
	return html`<button type="button" class="quiet" onClick=${copy} title=${text}>
			${label}<span role="status">${result === "copied" ? " ✓ copied" : ""}</span>
		</button>
		${result === "refused" && html`<pre class="output" tabindex="0">${text}</pre>`}`;
}

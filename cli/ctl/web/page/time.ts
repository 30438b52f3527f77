import { useEffect, useState } from "preact/hooks";
import { durationText, timeText } from "../../output/quantity.ts";
import { html } from "./html.ts";

/** The present time in milliseconds since 1970; renders again every second while it is used. */
export function useNow(): number {
	const [now, setNow] = useState(Date.now);
	useEffect(() => {
		const timer = setInterval(() => setNow(Date.now()), 1000);
		return () => clearInterval(timer);
	}, []);
	return now;
}

/** How long ago a moment is, such as `12s ago`; the time itself on hover. */
export function Ago({ at }: { at: number }) {
	const seconds = (useNow() - at) / 1000;
	const text = seconds < 1 ? "now" : `${durationText(seconds)} ago`;
	return html`<time title=${timeText(at / 1000)}>${text}</time>`;
}

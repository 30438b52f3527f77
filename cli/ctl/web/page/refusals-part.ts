import type { components } from "../../../../generated/schema.ts";
import { CopyButton } from "./copy-button.ts";
import { html } from "./html.ts";
import { Part } from "./part.ts";
import { calledText, callerText, keyOf, type Refusal } from "./refusal-list.ts";
import { safeText } from "./safe-text.ts";
import { StateMark } from "./state-mark.ts";
import { Ago } from "./time.ts";
import type { Parts } from "./watch.ts";

const decisions: Readonly<Record<Refusal["decision"], string>> = {
	refused: "Refused",
	"would-refuse": "Would be refused",
	limited: "Over a limit",
};

function RefusalItem({ refusal }: { refusal: Refusal }) {
	const { decision, count, last_at, permission } = refusal;
	return html`<li class="refusal">
		<p class="refusal-head">
			<${StateMark} state=${decision === "refused" ? "critical" : "warning"} label=${decisions[decision]} />
			<code>${safeText(calledText(refusal))}</code>
			<span class="muted">${count > 1 && `${count.toLocaleString("en")} times, `}last <${Ago} at=${last_at * 1000} /></span>
		</p>
		<p>${safeText(callerText(refusal))} needs <code>${permission}</code>: ${safeText(refusal.reason)}</p>
		${
			refusal.allow === null
				? html`<p class="muted">No lines of a policy can be told that would allow it.</p>`
				: html`<details>
						<summary>Lines of the policy that would allow it</summary>
						<p class="muted">Read them first: the caller has chosen the words.</p>
						<pre class="output" tabindex="0" aria-label="Lines of the policy">${safeText(refusal.allow)}</pre>
						<${CopyButton} label="Copy these lines" text=${refusal.allow} />
					</details>`
		}
	</li>`;
}

export function RefusalsPart({
	part,
	name,
}: {
	part: Parts["refusals"];
	name: string;
}) {
	const data = part?.data as components["schemas"]["RefusalList"] | undefined;
	return html`<${Part} id="refusals" title="Refusals" waitsFor=${`the refusals of ${name}`} state=${part} asks=${["refusals"]}>
		${
			data?.refusals.length === 0
				? html`<p class="muted">The policy has refused nothing since the agent started.</p>`
				: html`<ul class="refusals">
						${data?.refusals.map((refusal) => html`<${RefusalItem} key=${keyOf(refusal)} refusal=${refusal} />`)}
					</ul>`
		}
	<//>`;
}

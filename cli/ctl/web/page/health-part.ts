import type { components } from "../../../../generated/schema.ts";
import { healthSentences } from "./health.ts";
import { html } from "./html.ts";
import { Part } from "./part.ts";
import { safeText } from "./safe-text.ts";
import { StateMark } from "./state-mark.ts";
import type { Parts } from "./watch.ts";

export function HealthPart({
	part,
	name,
}: {
	part: Parts["health"];
	name: string;
}) {
	const data = part?.data;
	const status = data?.status as components["schemas"]["Status"] | undefined;
	return html`<${Part}
		id="health"
		title="Health"
		waitsFor=${`the status of ${name}`}
		state=${part}
		asks=${["health"]}
	>
		${
			data &&
			status &&
			html`${
				data.problems.length > 0
					? html`<ul class="problems">
								${data.problems.map(
									(problem) =>
										html`<li><${StateMark} state="warning" label="Problem" /> ${safeText(problem)}</li>`,
								)}
							</ul>`
					: html`<p class="all-well"><${StateMark} state="ok" label="Nothing to fix." /></p>`
			}
				<p class="sentences">
					${safeText(healthSentences(status, part?.answered_at ?? 0).join(" "))}
				</p>`
		}
	<//>`;
}

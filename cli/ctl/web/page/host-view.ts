import {
	useCallback,
	useEffect,
	useErrorBoundary,
	useMemo,
	useRef,
} from "preact/hooks";
import { ChecksPart } from "./checks-part.ts";
import { type Shown, ShownContext } from "./context.ts";
import { HealthPart } from "./health-part.ts";
import { html, type WithChildren } from "./html.ts";
import { MachineStatesPart } from "./machine-states-part.ts";
import { MetricsPart } from "./metrics-part.ts";
import { RefusalsPart } from "./refusals-part.ts";
import { RelayPart } from "./relay-part.ts";
import { hostAddress } from "./route.ts";
import { safeText } from "./safe-text.ts";
import type { Api } from "./session.ts";
import { StateMark } from "./state-mark.ts";
import type { Host, Known, PartName, Watch } from "./watch.ts";

/** All that the page of a host shows. */
const allParts: readonly PartName[] = [
	...(["health", "commands", "results", "metrics", "refusals"] as const),
	...(["machine_states", "relay"] as const),
];

const sections: readonly { id: string; title: string }[] = [
	{ id: "health", title: "Health" },
	{ id: "checks", title: "Checks" },
	{ id: "metrics", title: "Metrics" },
	{ id: "refusals", title: "Refusals" },
	{ id: "machine-states", title: "Machine states" },
	{ id: "relay", title: "Relay" },
];

/** Scrolls to a section and moves the focus to its title. */
function goTo(id: string) {
	document.getElementById(id)?.scrollIntoView();
	document.getElementById(`${id}-title`)?.focus({ preventScroll: true });
}

/** Keeps an error of one part from taking the page away. */
function Guard({ children }: WithChildren) {
	const [error, retry] = useErrorBoundary();
	if (!error) return html`${children}`;
	return html`<section class="part">
		<div class="note note-bad" role="status">
			<p>This part cannot be shown: ${safeText(String(error.message))}</p>
			<button type="button" onClick=${retry}>Try again</button>
		</div>
	</section>`;
}

/** One host: what is known about it, part by part, as each arrives. */
export function HostView({
	api,
	watch,
	known,
	host,
	part,
}: {
	api: Api;
	watch: Watch;
	known: Known;
	host: Host;
	/** The section to begin with. */
	part: string | undefined;
}) {
	const { id, key, name, label, via, state, version } = host;
	const title = useRef<HTMLHeadingElement>(null);
	useEffect(() => {
		watch.choose(id, allParts);
		return () => watch.choose(undefined, []);
	}, [watch, id]);
	useEffect(() => {
		if (part !== undefined && sections.some((one) => one.id === part))
			goTo(part);
		else {
			scrollTo(0, 0);
			title.current?.focus({ preventScroll: true });
		}
	}, [id, part]);
	const ask = useCallback(
		(...names: readonly PartName[]) => {
			// if the program does not answer, the page says so
			for (const part of names)
				api
					.POST("/api/hosts/{id}/ask", {
						params: { path: { id: String(id) } },
						body: { part },
					})
					.catch(() => {});
		},
		[api, id],
	);
	const shown: Shown = useMemo(() => ({ api, host, ask }), [api, host, ask]);
	const parts = known.host === id ? known.parts : {};
	return html`<main id="main" class="host-view">
		<div class="title-line">
			<a class="back" href="#/">← All hosts</a>
			<h1 ref=${title} tabindex="-1">${name} <span class="title-state"><${StateMark} state=${state} /></span></h1>
			<p class="muted title-note">
				${[
					...(label && label !== name ? [safeText(label)] : []),
					...(via.length > 0 ? [`through ${via.join(", then ")}`] : []),
					...(version === "" ? [] : [`happo-agent ${safeText(version)}`]),
				].join(" · ")}
			</p>
		</div>
		<nav class="sections" aria-label="Parts">
			${sections.map(
				(one) => html`<a
					href=${hostAddress(key, one.id)}
					onClick=${() => goTo(one.id)}
					>${one.title}</a
				>`,
			)}
		</nav>
		<${ShownContext.Provider} value=${shown}>
			<${Guard}><${HealthPart} part=${parts.health} name=${name} /><//>
			<${Guard}><${ChecksPart} commands=${parts.commands} results=${parts.results} name=${name} /><//>
			<${Guard}><${MetricsPart} part=${parts.metrics} name=${name} /><//>
			<${Guard}><${RefusalsPart} part=${parts.refusals} name=${name} /><//>
			<${Guard}><${MachineStatesPart} part=${parts.machine_states} name=${name} /><//>
			<${Guard}><${RelayPart} part=${parts.relay} name=${name} /><//>
		<//>
	</main>`;
}

import "./buffer.ts";
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { HostFilter } from "./host-list.ts";
import { HostView } from "./host-view.ts";
import { HostsView } from "./hosts-view.ts";
import { html } from "./html.ts";
import { useRoute } from "./route.ts";
import {
	type Api,
	dataOf,
	openSession,
	SessionEnded,
	tokenOf,
} from "./session.ts";
import { type Known, useKnown, Watch } from "./watch.ts";

/** What to do without a session. */
function NoSession({ wasOpen }: { wasOpen: boolean }) {
	return html`<main id="main" class="no-session">
		<h1>${wasOpen ? "This session has ended" : "No session in this tab"}</h1>
		<p>
			Press Enter in the terminal in which <code>happo-ctl web</code> runs: it prints a
			new link. If it does not run any more, start it again. A link works once.
		</p>
		${!wasOpen && html`<p>A tab that has a session opens others with “Another tab”.</p>`}
	</main>`;
}

/** Opens the page in another tab, with a session of its own: tabs do not know each other's keys. */
function AnotherTab({ api }: { api: Api }) {
	const [problem, setProblem] = useState("");
	const open = () =>
		dataOf(api.POST("/api/link")).then(
			({ url }) => void window.open(url, "_blank", "noopener"),
			(error: Error) => setProblem(error.message),
		);
	return html`<span class="muted" role="status">${problem}</span>
		<button type="button" class="quiet" onClick=${open}>Another tab</button>`;
}

function ConnectionNote({
	connection,
	problem,
}: Pick<Known, "connection" | "problem">) {
	return html`<div role="alert">
		${
			connection === "lost" &&
			html`<p class="banner">
				<strong>${problem}.</strong> What you see is getting old. If it has
				been stopped, start it again and open its new link.
			</p>`
		}
	</div>`;
}

const noFilter: HostFilter = {
	search: "",
	state: undefined,
	group: undefined,
};

const isEditing = (target: EventTarget | null) =>
	target instanceof HTMLElement &&
	target.closest("input, select, textarea") !== null;

/** `/` goes to the search, Escape back to the list. */
function useKeys(isHost: boolean) {
	useEffect(() => {
		const onKeyDown = (event: KeyboardEvent) => {
			if (event.ctrlKey || event.metaKey || event.altKey) return;
			if (event.key === "Escape" && isHost && !event.defaultPrevented) {
				if (isEditing(event.target)) (event.target as HTMLElement).blur();
				else location.hash = "#/";
			}
			if (event.key !== "/" || isEditing(event.target)) return;
			const search =
				document.querySelector<HTMLInputElement>("input[type=search]");
			if (!search) return;
			event.preventDefault();
			search.focus();
		};
		addEventListener("keydown", onKeyDown);
		return () => removeEventListener("keydown", onKeyDown);
	}, [isHost]);
}

function Page({ api, watch }: { api: Api; watch: Watch }) {
	const known = useKnown(watch);
	const route = useRoute();
	const [filter, setFilter] = useState(noFilter);
	/** The key of the host whose page was left last. */
	const last = useRef<string | undefined>(undefined);
	useKeys(route.view === "host");
	const wanted = route.view === "host" ? route.key : undefined;
	useEffect(() => {
		if (wanted !== undefined) last.current = wanted;
		document.title = wanted === undefined ? "happo" : `${wanted} – happo`;
	}, [wanted]);
	if (known.connection === "ended") return html`<${NoSession} wasOpen />`;
	const host = known.hosts.find(({ key }) => key === wanted);
	const isUnknown = wanted !== undefined && !host && known.about !== undefined;
	return html`<a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
		<header class="top">
			<a class="brand" href="#/">happo</a>
			<span class="muted top-targets">${known.about?.targets}</span>
			<${AnotherTab} api=${api} />
		</header>
		<${ConnectionNote} connection=${known.connection} problem=${known.problem} />
		${
			isUnknown
				? html`<main id="main">
						<h1>No host ${wanted}</h1>
						<p>It is not in the list of this happo-ctl web. <a href="#/">All hosts</a></p>
					</main>`
				: host && route.view === "host"
					? html`<${HostView} key=${host.id} api=${api} watch=${watch} known=${known} host=${host} part=${route.part} />`
					: html`<${HostsView}
							known=${known}
							filter=${filter}
							onFilter=${setFilter}
							returnsFrom=${last.current}
						/>`
		}`;
}

/** Skips without changing the address, whose fragment is the route. */
function skip(event: Event) {
	event.preventDefault();
	const title = document.querySelector<HTMLElement>("main h1");
	title?.setAttribute("tabindex", "-1");
	title?.focus();
}

async function start(place: HTMLElement) {
	try {
		const api = await openSession();
		const watch = new Watch(api);
		place.textContent = "";
		render(html`<${Page} api=${api} watch=${watch} />`, place);
		watch.start();
	} catch (error) {
		place.textContent = "";
		render(
			error instanceof SessionEnded
				? html`<${NoSession} wasOpen=${false} />`
				: html`<p class="start">
						happo-ctl web does not answer: ${(error as Error).message}. Reload the page once it
						runs.
					</p>`,
			place,
		);
	}
}

// a link that is pasted into this tab differs only in its fragment, so the browser loads nothing
addEventListener("hashchange", () => {
	if (tokenOf(location.hash) !== undefined) location.reload();
});

const place = document.getElementById("page");
if (place) void start(place);

import { Component } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import {
	countStates,
	filtered,
	groupsOf,
	type HostFilter,
	statesByRank,
	worstFirst,
} from "./host-list.ts";
import { html } from "./html.ts";
import { hostAddress } from "./route.ts";
import { useRovingFocus } from "./roving-focus.ts";
import { safeText } from "./safe-text.ts";
import { StateMark, stateWords } from "./state-mark.ts";
import type { Host, Known } from "./watch.ts";

/** A row, which renders again only when its host has changed. */
class HostRow extends Component<{ host: Host }> {
	override shouldComponentUpdate({ host }: { host: Host }) {
		return host !== this.props.host;
	}

	override render() {
		const { key, name, label, via, state, problem, problems, version } =
			this.props.host;
		return html`<li class="host">
			<a href=${hostAddress(key)} data-row=${key} tabindex="-1">
				<${StateMark} state=${state} />
				<span class="host-name"
					>${name}${label && label !== name && html` <span class="muted">${safeText(label)}</span>`}
					${via.length > 0 && html`<span class="muted"> via ${via.join(", ")}</span>`}</span
				>
				<span class="host-problem"
					>${safeText(problem)}${problems > 1 && html`<span class="muted"> and ${problems - 1} more</span>`}</span
				>
				<span class="host-version muted">${safeText(version)}</span>
			</a>
		</li>`;
	}
}

/** Rows in the first picture; about a screen of them. */
const firstRows = 24;
const moreRows = 250;

/** How many of `count` rows to render: few at first, so that the first picture comes soon. */
function useGrowing(count: number): number {
	const [shown, setShown] = useState(firstRows);
	useEffect(() => {
		if (shown >= count) return;
		const timer = setTimeout(() => setShown(shown + moreRows), 30);
		return () => clearTimeout(timer);
	}, [shown, count]);
	return shown;
}

const counted = (count: number, one: string, many: string) =>
	`${count.toLocaleString("en")} ${count === 1 ? one : many}`;

/** The state of all hosts in a sentence. */
function summary(hosts: readonly Host[]): string {
	const counts = countStates(hosts);
	const of = (state: Host["state"]) => counts.get(state) ?? 0;
	const bad = of("critical") + of("unknown") + of("warning");
	const parts = [
		...(of("failed") > 0
			? [counted(of("failed"), "does not answer", "do not answer")]
			: []),
		...(bad > 0 ? [counted(bad, "has problems", "have problems")] : []),
		...(of("waiting") > 0
			? [
					counted(
						of("waiting"),
						"has not answered yet",
						"have not answered yet",
					),
				]
			: []),
	];
	const all = counted(hosts.length, "host", "hosts");
	return parts.length === 0
		? `${all}, all well.`
		: `${all}: ${parts.join(", ")}.`;
}

function Toolbar({
	hosts,
	filter,
	onFilter,
	onLeave,
}: {
	hosts: readonly Host[];
	filter: HostFilter;
	onFilter(filter: HostFilter): void;
	/** The arrow key leaves the search downwards. */
	onLeave(): void;
}) {
	const counts = useMemo(() => countStates(hosts), [hosts]);
	const groups = useMemo(() => groupsOf(hosts), [hosts]);
	const onKeyDown = (event: KeyboardEvent) => {
		if (event.key === "ArrowDown") {
			event.preventDefault();
			onLeave();
		} else if (event.key === "Escape") {
			event.stopPropagation();
			onFilter({ ...filter, search: "" });
		}
	};
	return html`<div class="toolbar">
		<label class="search"
			><span class="label">Search</span>
			<input
				id="search"
				type="search"
				value=${filter.search}
				placeholder="Name, bastion, problem"
				aria-keyshortcuts="/"
				onInput=${({ currentTarget }: { currentTarget: HTMLInputElement }) =>
					onFilter({ ...filter, search: currentTarget.value })}
				onKeyDown=${onKeyDown}
			/><kbd aria-hidden="true">/</kbd></label
		>
		${
			groups.length > 1 &&
			html`<label
				><span class="label">Group</span>
				<select
					value=${filter.group ?? ""}
					onChange=${({
						currentTarget,
					}: {
						currentTarget: HTMLSelectElement;
					}) =>
						onFilter({ ...filter, group: currentTarget.value || undefined })}
				>
					<option value="">All groups</option>
					${groups.map((group) => html`<option value=${group}>${group}</option>`)}
				</select></label
			>`
		}
		<div class="chips" role="group" aria-label="State">
			${statesByRank
				.filter((state) => counts.has(state) || filter.state === state)
				.map(
					(state) =>
						html`<button
							type="button"
							class="chip"
							key=${state}
							aria-pressed=${filter.state === state}
							onClick=${() =>
								onFilter({
									...filter,
									state: filter.state === state ? undefined : state,
								})}
						>
							<${StateMark}
								state=${state}
								label=${`${stateWords[state]} ${(counts.get(state) ?? 0).toLocaleString("en")}`}
							/>
						</button>`,
				)}
		</div>
	</div>`;
}

/** The list of hosts, worst first. */
export function HostsView({
	known,
	filter,
	onFilter,
	returnsFrom,
}: {
	known: Known;
	filter: HostFilter;
	onFilter(filter: HostFilter): void;
	/** The key of the host that was shown before, whose row gets the focus. */
	returnsFrom: string | undefined;
}) {
	const { hosts, about } = known;
	const sorted = useMemo(() => worstFirst(hosts), [hosts]);
	const shown = useMemo(() => filtered(sorted, filter), [sorted, filter]);
	const rows = useGrowing(shown.length);
	const roving = useRovingFocus<HTMLUListElement>(returnsFrom);
	const title = useRef<HTMLHeadingElement>(null);
	return html`<main id="main" class="hosts-view">
		<div class="title-line">
			<h1 ref=${title} tabindex="-1">Hosts</h1>
			<p class="muted title-note" role="status">${about ? summary(hosts) : "Waiting for the list of hosts …"}</p>
		</div>
		<${Toolbar}
			hosts=${hosts}
			filter=${filter}
			onFilter=${onFilter}
			onLeave=${roving.focusFirst}
		/>
		${
			about &&
			shown.length === 0 &&
			html`<p class="empty">
				No host fits.
				<button
					type="button"
					onClick=${() => onFilter({ search: "", state: undefined, group: undefined })}
				>
					Show all ${hosts.length.toLocaleString("en")}
				</button>
			</p>`
		}
		<ul
			class="hosts"
			aria-label="Hosts, worst first"
			...${roving.list}
		>
			${shown.slice(0, rows).map((host) => html`<${HostRow} key=${host.id} host=${host} />`)}
		</ul>
	</main>`;
}

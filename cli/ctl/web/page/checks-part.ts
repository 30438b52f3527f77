import { useMemo, useState } from "preact/hooks";
import type { components } from "../../../../generated/schema.ts";
import { bytesText } from "../../output/quantity.ts";
import { CheckForm } from "./check-form.ts";
import {
	askerText,
	type Check,
	checksOf,
	endText,
	lineOf,
	type Result,
} from "./check-list.ts";
import { html } from "./html.ts";
import { Output } from "./output.ts";
import { Part, type PartState } from "./part.ts";
import { useRovingFocus } from "./roving-focus.ts";
import { safeText } from "./safe-text.ts";
import { StateMark, stateNamed } from "./state-mark.ts";
import { Ago } from "./time.ts";
import type { Parts } from "./watch.ts";

type Schemas = components["schemas"];
type CommandList = Schemas["CommandList"];

function ResultText({ result }: { result: Result }) {
	const { ended_at, duration_seconds, cpu_seconds, max_rss_bytes, variants } =
		result;
	const used = [
		...(cpu_seconds === null ? [] : [`${cpu_seconds.toFixed(3)} s of CPU`]),
		...(max_rss_bytes === null
			? []
			: [`${bytesText(max_rss_bytes)} of memory`]),
	].join(" and ");
	return html`<p class="muted">
			${endText(result)} <${Ago} at=${ended_at * 1000} />, after
			${` ${duration_seconds.toFixed(3)} s`}${used && `, used ${used}`}. Asked by ${safeText(askerText(result.asked_by))}.
			${variants > 1 && ` It is the last of ${variants} with different options; the others are not kept. A command of the policy for each keeps them.`}
		</p>
		${
			result.output === null
				? html`<p class="muted">
						The output is not kept, as the request may have had a secret.
					</p>`
				: html`<${Output} text=${result.output} label=${`Output of ${result.check}`} />`
		}`;
}

function CheckRow({
	check,
	mode,
	hasResults,
	isOpen,
	onToggle,
}: {
	check: Check;
	mode: CommandList["mode"] | undefined;
	/** Whether the last results are known. */
	hasResults: boolean;
	isOpen: boolean;
	onToggle(): void;
}) {
	const { name, command, result } = check;
	const id = `check-${name}`;
	const byName = mode === "enforce";
	const mayRun = !byName || command !== undefined;
	return html`<li class=${isOpen ? "check open" : "check"}>
		<h3 class="check-title">
			<button
				type="button"
				class="row-button"
				data-row=${name}
				tabindex="-1"
				aria-expanded=${isOpen}
				aria-controls=${id}
				onClick=${onToggle}
			>
				<span class="disclosure" aria-hidden="true" />
				${
					result
						? html`<${StateMark} state=${stateNamed(result.state)} />`
						: html`<${StateMark} state="waiting" label=${hasResults ? "Not run" : "Not known"} />`
				}
				<span class="check-name"
					>${name}${result && result.variants > 1 && html`<span class="muted"> last of ${result.variants}</span>`}</span
				>
				<span class="check-line"
					>${safeText(result?.output ? lineOf(result.output) : (command?.description ?? ""))}</span
				>
				<span class="check-age muted">${result && html`<${Ago} at=${result.ended_at * 1000} />`}</span>
			</button>
		</h3>
		<div id=${id} class="check-body" hidden=${!isOpen}>
			${
				isOpen &&
				html`${result ? html`<${ResultText} result=${result} />` : hasResults && html`<p class="muted">It has not run since the agent started.</p>`}
				${
					mayRun
						? html`<${CheckForm}
								plugin=${byName ? name : (result?.plugin ?? command?.plugin ?? name)}
								slots=${byName ? command?.slots : undefined}
								command=${command?.name}
							/>`
						: html`<p class="muted">The policy does not let you run it.</p>`
				}`
			}
		</div>
	</li>`;
}

/** Runs any plugin of an agent that restricts nothing; v1 (Go) does not say which there are. */
function OtherPlugin({ plugins }: { plugins: readonly string[] | undefined }) {
	const [plugin, setPlugin] = useState("");
	const onInput = ({
		currentTarget,
	}: {
		currentTarget: HTMLInputElement | HTMLSelectElement;
	}) => setPlugin(currentTarget.value);
	return html`<div class="other-plugin">
		<label
			><span class="label">Run another plugin</span>
			${
				plugins
					? html`<select value=${plugin} onInput=${onInput}>
							<option value="">choose one of ${plugins.length}</option>
							${plugins.map((one) => html`<option value=${one}>${safeText(one)}</option>`)}
						</select>`
					: html`<input value=${plugin} onInput=${onInput} placeholder="check_load" spellcheck=${false} />`
			}</label
		>
		${plugin !== "" && html`<${CheckForm} plugin=${plugin} slots=${undefined} />`}
	</div>`;
}

/** The state of a section that is made of two parts: what one of them has is worth showing. */
function together(
	commands: PartState | undefined,
	results: PartState | undefined,
): PartState | undefined {
	if (!commands || !results) return commands ?? results;
	return {
		waiting_since: results.waiting_since ?? commands.waiting_since,
		failure: results.failure ?? commands.failure,
		answered_at: results.answered_at ?? commands.answered_at,
	};
}

export function ChecksPart({
	commands,
	results,
	name,
}: {
	commands: Parts["commands"];
	results: Parts["results"];
	name: string;
}) {
	const list = (commands?.data ?? undefined) as CommandList | undefined;
	const ended = (results?.data ?? undefined) as
		| Schemas["ResultList"]
		| undefined;
	const checks = useMemo(
		() => checksOf(list?.commands ?? [], ended?.results ?? []),
		[list, ended],
	);
	const isOld = commands?.failure?.reason === "unsupported";
	const [open, setOpen] = useState<string | undefined>(undefined);
	const roving = useRovingFocus<HTMLUListElement>();
	const onKeyDown = (event: KeyboardEvent) => {
		roving.list.onKeyDown(event);
		if (event.key !== "Escape" || open === undefined) return;
		event.stopPropagation();
		setOpen(undefined);
		roving.focusRow(open);
	};
	return html`<${Part} id="checks" title="Checks" waitsFor=${`the checks of ${name}`} state=${together(commands, results)} asks=${["commands", "results"]} isUsable=${isOld}
		aside=${html`<span class="muted">${list && `${checks.length} ${checks.length === 1 ? "check" : "checks"}${list.mode === "enforce" ? "" : ", any plugin may be run"}`}</span>`}
	>
		${checks.length === 0 && ended && html`<p class="muted">No check has run since the agent started.</p>`}
		<ul class="checks" aria-label="Checks, worst first"
			...${roving.list} onKeyDown=${onKeyDown}>
			${checks.map(
				(check) => html`<${CheckRow}
					key=${check.name}
					check=${check}
					mode=${list?.mode}
					hasResults=${ended !== undefined}
					isOpen=${open === check.name}
					onToggle=${() => setOpen(open === check.name ? undefined : check.name)}
				/>`,
			)}
		</ul>
		${(isOld || (list && list.plugins.length > 0)) && html`<${OtherPlugin} plugins=${list?.plugins} />`}
	<//>`;
}

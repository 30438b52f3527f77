import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { components } from "../../../../generated/web-schema.ts";
import { figureText } from "../../output/quantity.ts";
import { Chart } from "./chart.ts";
import { type Shown, useShown } from "./context.ts";
import { html } from "./html.ts";
import { FailureText, Part } from "./part.ts";
import { addTo, type Curve, keepNewest, rateOf } from "./rates.ts";
import { safeText } from "./safe-text.ts";
import { searcher } from "./search.ts";
import { dataOf } from "./session.ts";
import type { Parts } from "./watch.ts";

type Metric = components["schemas"]["KnownMetric"];

/** Charts that are drawn at first, with each "more", and whose values are asked for at once. */
const chartsAtOnce = 12;
/** Values that a curve keeps: an hour at one a second. */
const maxValues = 3_600;

const keyOf = ({ host, name }: Pick<Metric, "host" | "name">) =>
	`${host}\n${name}`;

/** Adds what the program knows of some metrics after a time to their curves. */
async function extend(
	curves: Map<string, Curve>,
	{ api, host }: Shown,
	{ metrics, since }: { metrics: readonly Metric[]; since?: number },
	signal: AbortSignal,
) {
	for (let at = 0; at < metrics.length; at += chartsAtOnce) {
		const some = metrics.slice(at, at + chartsAtOnce);
		const { series } = await dataOf(
			api.POST("/api/hosts/{id}/series", {
				params: { path: { id: String(host.id) } },
				body: {
					metrics: some.map(({ host, name }) => ({ host, name })),
					...(since !== undefined && { since }),
				},
				signal,
			}),
		);
		for (const { times, values, ...metric } of series) {
			const { times: known = [], values: before = [] } =
				curves.get(keyOf(metric)) ?? {};
			// a chart draws again when it gets another object
			const curve = { times: [...known], values: [...before] };
			for (const [index, time] of times.entries())
				addTo(curve, time, values[index] ?? 0);
			keepNewest(curve, maxValues);
			curves.set(keyOf(metric), curve);
		}
	}
}

/**
 * The curves of some metrics. Asks only for what is new whenever `revision` changes.
 * @param hasBuffer whether what the agent's buffer holds is known; once it is, curves begin earlier
 */
function useCurves(
	metrics: readonly Metric[],
	{ revision, hasBuffer }: { revision: number | undefined; hasBuffer: boolean },
) {
	const of = useShown();
	const curves = useRef(new Map<string, Curve>());
	const hadBuffer = useRef(hasBuffer);
	const [shown, setShown] = useState<ReadonlyMap<string, Curve>>(new Map());
	const wanted = metrics.map(keyOf).join("\n\n");
	useEffect(() => {
		const controller = new AbortController();
		const { signal } = controller;
		if (hasBuffer && !hadBuffer.current) curves.current.clear();
		hadBuffer.current = hasBuffer;
		const lastOf = (metric: Metric) =>
			curves.current.get(keyOf(metric))?.times.at(-1);
		const isKnown = (metric: Metric) => lastOf(metric) !== undefined;
		const known = metrics.filter(isKnown);
		const since = Math.min(...known.map((metric) => lastOf(metric) ?? 0));
		const fresh = metrics.filter((metric) => !isKnown(metric));
		Promise.all([
			extend(curves.current, of, { metrics: known, since }, signal),
			extend(curves.current, of, { metrics: fresh }, signal),
		])
			.then(() => setShown(new Map(curves.current)))
			// the part says why its host does not answer; the next change asks again
			.catch(() => {});
		return () => controller.abort();
	}, [of.api, of.host.id, wanted, revision]);
	return shown;
}

const empty: Curve = { times: [], values: [] };

function MetricChart({
	metric,
	curve,
}: {
	metric: Metric;
	curve: Curve | undefined;
}) {
	const [chosen, setRate] = useState<boolean | undefined>(undefined);
	const isRate = chosen ?? metric.kind === "counter";
	const drawn = useMemo(
		() => (isRate ? rateOf(curve ?? empty) : (curve ?? empty)),
		[curve, isRate],
	);
	const latest = isRate ? drawn.values.at(-1) : metric.latest;
	const name = safeText(metric.name);
	return html`<figure class="metric">
		<figcaption>
			<span class="metric-name" title=${name}>${name}</span>
			<span class="metric-value">${latest == null ? "–" : figureText(latest)}${isRate && html`<span class="muted">/s</span>`}</span>
		</figcaption>
		<${Chart} label=${`${name}${isRate ? " per second" : ""}`} curve=${drawn} />
		<div class="metric-foot">
			<span class="muted">${safeText(metric.host)}</span>
			<label class="check-label"
				><input
					type="checkbox"
					checked=${isRate}
					onChange=${({ currentTarget }: { currentTarget: HTMLInputElement }) => setRate(currentTarget.checked)}
				/>
				per second<span class="visually-hidden">: ${name}</span></label
			>
		</div>
	</figure>`;
}

/** The metrics that fit a search. */
function found(metrics: readonly Metric[], search: string): Metric[] {
	const isFound = searcher(search);
	return metrics.filter(({ host, name }) => isFound(`${host} ${name}`));
}

export function MetricsPart({
	part,
	name,
}: {
	part: Parts["metrics"];
	name: string;
}) {
	const [search, setSearch] = useState("");
	const [count, setCount] = useState(chartsAtOnce);
	const { ask } = useShown();
	const data = part?.data;
	const fitting = useMemo(
		() => found(data?.metrics ?? [], search),
		[data, search],
	);
	const drawn = fitting.slice(0, count);
	const curves = useCurves(drawn, {
		revision: part?.revision,
		hasBuffer: !data?.buffer_failure,
	});
	const rest = fitting.length - drawn.length;
	return html`<${Part} id="metrics" title="Metrics" waitsFor=${`the metrics of ${name}`} state=${part} asks=${["metrics"]}
		aside=${html`<label class="search"
			><span class="visually-hidden">Search metrics</span
			><input type="search" placeholder="Search metrics" value=${search}
				onInput=${({ currentTarget }: { currentTarget: HTMLInputElement }) => setSearch(currentTarget.value)}
		/></label>`}
	>
		${
			data?.buffer_failure &&
			html`<div class="note">
				<p>
					What the buffer holds is not known. <${FailureText} failure=${data.buffer_failure} />
				</p>
				${data.buffer_failure.reason !== "unsupported" && html`<button type="button" onClick=${() => ask("metrics")}>Ask again</button>`}
			</div>`
		}
		${fitting.length === 0 && html`<p class="muted">${search === "" ? "The agent has no metrics." : "No metric fits."}</p>`}
		<div class="metrics">
			${drawn.map(
				(metric) => html`<${MetricChart}
					key=${keyOf(metric)}
					metric=${metric}
					curve=${curves.get(keyOf(metric))}
				/>`,
			)}
		</div>
		${
			rest > 0 &&
			html`<p class="more">
				<button type="button" onClick=${() => setCount(count + chartsAtOnce)}>
					Show ${Math.min(rest, chartsAtOnce)} more
				</button>
				<span class="muted"> of ${rest.toLocaleString("en")} that are not shown</span>
			</p>`
		}
		${data && data.dropped > 0 && html`<p class="muted">${data.dropped.toLocaleString("en")} further metrics are too many for this page.</p>`}
	<//>`;
}

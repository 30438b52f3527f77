import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { components } from "../../../../generated/web-schema.ts";
import { figureText } from "../../output/quantity.ts";
import { Chart } from "./chart.ts";
import { useShown } from "./context.ts";
import { html } from "./html.ts";
import { FailureText, Part } from "./part.ts";
import { addTo, type Curve, keepNewest, rateOf } from "./rates.ts";
import { safeText } from "./safe-text.ts";
import { searcher } from "./search.ts";
import { dataOf } from "./session.ts";
import type { Parts } from "./watch.ts";

type Metric = components["schemas"]["KnownMetric"];

/** Charts that are drawn at first, and with each "more". */
const chartsAtOnce = 12;
/** Values that a curve keeps: an hour at one a second. */
const maxValues = 3_600;

const keyOf = ({ host, name }: Pick<Metric, "host" | "name">) =>
	`${host}\n${name}`;

/** The curves of some metrics. Asks only for what is new whenever `revision` changes. */
function useCurves(metrics: readonly Metric[], revision: number | undefined) {
	const { api, host } = useShown();
	const curves = useRef(new Map<string, Curve>());
	const [shown, setShown] = useState<ReadonlyMap<string, Curve>>(new Map());
	const wanted = metrics.map(keyOf).join("\n\n");
	useEffect(() => {
		if (metrics.length === 0) return;
		const controller = new AbortController();
		const ask = async (some: readonly Metric[], since?: number) => {
			if (some.length === 0) return;
			const { series } = await dataOf(
				api.POST("/api/hosts/{id}/series", {
					params: { path: { id: String(host.id) } },
					body: {
						metrics: some.map(({ host, name }) => ({ host, name })),
						...(since !== undefined && { since }),
					},
					signal: controller.signal,
				}),
			);
			for (const { times, values, ...metric } of series) {
				const curve = curves.current.get(keyOf(metric)) ?? {
					times: [],
					values: [],
				};
				times.forEach((time, at) => {
					addTo(curve, time, values[at] ?? 0);
				});
				keepNewest(curve, maxValues);
				// a chart draws again when it gets another object
				curves.current.set(keyOf(metric), { ...curve });
			}
		};
		const lastOf = (metric: Metric) =>
			curves.current.get(keyOf(metric))?.times.at(-1);
		const known = metrics.filter((metric) => lastOf(metric) !== undefined);
		const since = Math.min(...known.map((metric) => lastOf(metric) ?? 0));
		Promise.all([
			ask(known, since),
			ask(metrics.filter((metric) => lastOf(metric) === undefined)),
		])
			.then(() => setShown(new Map(curves.current)))
			// the part says why its host does not answer; the next change asks again
			.catch(() => {});
		return () => controller.abort();
	}, [api, host.id, wanted, revision]);
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

/** The metrics that fit a search; those that metric plugins have measured come first. */
function found(metrics: readonly Metric[], search: string): Metric[] {
	const isFound = searcher(search);
	const fitting = metrics.filter(({ host, name }) =>
		isFound(`${host} ${name}`),
	);
	const isOwn = ({ host }: Metric) => Number(host === "");
	return fitting.sort((one, other) => isOwn(one) - isOwn(other));
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
	const data = part?.data;
	const fitting = useMemo(
		() => found(data?.metrics ?? [], search),
		[data, search],
	);
	const drawn = fitting.slice(0, count);
	const curves = useCurves(drawn, part?.revision);
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
			html`<p class="note">
				What the buffer holds is not known. <${FailureText} failure=${data.buffer_failure} />
			</p>`
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

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { html } from "./html.ts";
import type { Curve } from "./rates.ts";
import { shortNumber, tickTexts } from "./tick-text.ts";

const height = 130;

/** A colour of the style sheet, which depends on the theme. */
const colour = (name: string) => () =>
	getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const dark = matchMedia("(prefers-color-scheme: dark)");

const axis = {
	stroke: colour("--muted"),
	font: "11px system-ui, sans-serif",
	grid: { stroke: colour("--line"), width: 1 },
	ticks: { show: false },
};

function create(width: number, place: HTMLElement): uPlot {
	return new uPlot(
		{
			width,
			height,
			legend: { show: false },
			cursor: { y: false, points: { size: 6 } },
			scales: { x: { time: true } },
			axes: [
				{ ...axis, space: 70, size: 22, values: timeTicks },
				{
					...axis,
					size: 56,
					space: 24,
					values: (_plot: uPlot, ticks: number[]) => tickTexts(ticks),
				},
			],
			series: [
				{},
				{
					stroke: colour("--accent"),
					width: 1.5,
					fill: colour("--accent-faint"),
					points: { size: 4 },
				},
			],
		},
		[[], []],
		place,
	);
}

const two = (count: number) => String(count).padStart(2, "0");

/** Times of day for an axis of one line; with seconds if the ticks are closer than a minute. */
function timeTicks(_plot: uPlot, ticks: number[]): string[] {
	const isClose = (ticks[1] ?? 0) - (ticks[0] ?? 0) < 60;
	return ticks.map((tick) => {
		const time = new Date(tick * 1000);
		const seconds = isClose ? `:${two(time.getSeconds())}` : "";
		return `${two(time.getHours())}:${two(time.getMinutes())}${seconds}`;
	});
}

/** A curve, or why there is none yet. */
export function Chart({ label, curve }: { label: string; curve: Curve }) {
	const count = curve.values.filter((value) => value !== null).length;
	return count < 2
		? html`<p class="chart no-chart muted">A graph needs a second value.</p>`
		: html`<${Plot} label=${label} curve=${curve} />`;
}

/** What a curve says, for those who do not see it. */
function description(label: string, { values }: Curve): string {
	const known = values.filter((value) => value !== null);
	if (known.length === 0) return `${label}: no values yet`;
	let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
	for (const value of known) {
		least = Math.min(least, value);
		most = Math.max(most, value);
	}
	const [first, last] = [least, most].map(shortNumber);
	return `${label}: ${known.length} values from ${first} to ${last}, the last ${shortNumber(known.at(-1) ?? 0)}`;
}

/** A curve in the width that there is. */
function Plot({ label, curve }: { label: string; curve: Curve }) {
	const place = useRef<HTMLDivElement>(null);
	const plot = useRef<uPlot | undefined>(undefined);
	useEffect(() => {
		const element = place.current;
		if (!element) return;
		const made = create(element.clientWidth, element);
		plot.current = made;
		const sizes = new ResizeObserver(() => {
			if (element.clientWidth !== made.width)
				made.setSize({ width: element.clientWidth, height });
		});
		sizes.observe(element);
		const onTheme = () => made.redraw(false);
		dark.addEventListener("change", onTheme);
		return () => {
			sizes.disconnect();
			dark.removeEventListener("change", onTheme);
			made.destroy();
			plot.current = undefined;
		};
	}, []);
	useEffect(() => {
		plot.current?.setData([curve.times, curve.values]);
	}, [curve]);
	return html`<div
		class="chart"
		role="img"
		aria-label=${description(label, curve)}
		ref=${place}
	/>`;
}

/** Values over time: `times` in seconds since 1970, ascending; `null` where there is no value. */
export interface Curve {
	times: number[];
	values: (number | null)[];
}

/**
 * The growth of a counter per second, at the end of each interval. `null` where it went back: the
 * counter began again, and nobody knows how far it had come.
 */
export function rateOf({ times, values }: Curve): Curve {
	const rates: (number | null)[] = [];
	for (let at = 1; at < times.length; at++) {
		const seconds = (times[at] ?? 0) - (times[at - 1] ?? 0);
		const [from, to] = [values[at - 1], values[at]];
		const isGrowth = from != null && to != null && to >= from && seconds > 0;
		rates.push(isGrowth ? (to - from) / seconds : null);
	}
	return { times: times.slice(1), values: rates };
}

/** The end of the year 9999. With times far beyond, uPlot never finishes its axis. */
const lastTime = 253_402_300_799;

/**
 * Adds a value to a curve. A second value of the same time replaces the first; older ones are put in
 * their place. A value with a time that no clock has is left out: plugins choose times freely.
 */
export function addTo(curve: Curve, time: number, value: number) {
	if (!(time >= 0 && time <= lastTime)) return;
	const { times, values } = curve;
	let at = times.length;
	while (at > 0 && (times[at - 1] ?? 0) >= time) at--;
	const isSame = times[at] === time;
	times.splice(at, isSame ? 1 : 0, time);
	values.splice(at, isSame ? 1 : 0, value);
}

/** Forgets all but the newest values of a curve. */
export function keepNewest({ times, values }: Curve, count: number) {
	const surplus = times.length - count;
	if (surplus <= 0) return;
	times.splice(0, surplus);
	values.splice(0, surplus);
}

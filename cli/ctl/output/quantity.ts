/** A duration in its two largest units: `3d 4h`, `12m 3s`, `42s`. */
export function durationText(seconds: number): string {
	const whole = Math.max(0, Math.floor(seconds));
	const parts: [number, string][] = [
		[Math.floor(whole / 86_400), "d"],
		[Math.floor(whole / 3600) % 24, "h"],
		[Math.floor(whole / 60) % 60, "m"],
		[whole % 60, "s"],
	];
	const first = parts.findIndex(([count]) => count > 0);
	if (first === -1) return "0s";
	return parts
		.slice(first, first + 2)
		.filter(([count]) => count > 0)
		.map(([count, unit]) => `${count}${unit}`)
		.join(" ");
}

const units = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A number of bytes for people: `12.3 MiB`. */
export function bytesText(bytes: number): string {
	let size = bytes;
	let unit = 0;
	while (Math.abs(size) >= 1024 && unit < units.length - 1) {
		size /= 1024;
		unit++;
	}
	return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}

/** A number for people: six significant digits, or all digits of an integer. */
export function figureText(value: number): string {
	if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
	return String(Number(value.toPrecision(6)));
}

/** Seconds since 1970 as `2026-11-22 17:00:05`, local time. */
export function timeText(seconds: number): string {
	const time = new Date(seconds * 1000);
	if (Number.isNaN(time.getTime())) return String(seconds);
	const two = (n: number) => String(n).padStart(2, "0");
	return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

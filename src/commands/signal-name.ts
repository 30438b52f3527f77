import { constants } from "node:os";

const names = new Map<number, string>();
// IOT comes before ABRT, POLL before IO: the first name of a number is the usual one, but for these
for (const [name, number] of Object.entries(constants.signals))
	if (!names.has(number) && name !== "SIGIOT" && name !== "SIGPOLL")
		names.set(number, name);

/**
 * The name of a signal. Node knows none for real-time signals: they are counted as in shells, `SIGRTMIN+3`.
 * @param firstRealTimeSignal which depends on the C library
 */
export function signalName(
	number: number,
	firstRealTimeSignal = Number.POSITIVE_INFINITY,
): string {
	const name = names.get(number);
	if (name) return name;
	const above = number - firstRealTimeSignal;
	if (above < 0) return `signal ${number}`;
	return above === 0 ? "SIGRTMIN" : `SIGRTMIN+${above}`;
}

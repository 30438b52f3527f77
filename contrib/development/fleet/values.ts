import { validName } from "../../../cli/collector/write/series-names.ts";

/** Names of metrics as plugins print them. */
const kinds = [
	...["linux.cpu.user-time", "linux.memory.free_bytes"],
	...["disk.sda1.used%", "net.eth0.rx/packets"],
];

/** The name of a simulated agent's metric. */
export const metricName = (metric: number): string =>
	`${kinds[metric % kinds.length]}.${metric}`;

/**
 * The name that it has at a time.
 * @param churn whether the time is in it
 */
export const nameAt = (metric: number, time: number, churn: boolean): string =>
	`${metricName(metric)}${churn ? `.${time}` : ""}`;

/** The name that it has in the store. */
export const storedName = (metric: number): string =>
	validName(metricName(metric));

/**
 * The value of a metric at a time: nothing else has to remember it. At most twelve digits, because
 * VictoriaMetrics rounds longer ones.
 * @param time seconds since 1970
 */
export function valueAt(agent: number, metric: number, time: number): number {
	const mixed = agent * 7_919 + metric * 104_729 + time * 31;
	switch (metric % 4) {
		case 0:
			return mixed % 1_000_000;
		case 1:
			return (mixed % 1_000_000) * 4_096;
		case 2:
			return (mixed % 10_000) / 100;
		default:
			return -(mixed % 1_000) / 8;
	}
}

/** The address of a simulated agent: all of 127.0.0.0/8 is this machine. */
export const addressOf = (agent: number): string =>
	[127, 16 + (agent >> 16), (agent >> 8) & 255, agent & 255].join(".");

/** The agent with an address. */
export function agentAt(address: string): number {
	const [, high = 16, middle = 0, low = 0] = address
		.replace(/^::ffff:/, "")
		.split(".")
		.map(Number);
	return ((high - 16) << 16) + (middle << 8) + low;
}

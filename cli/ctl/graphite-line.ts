// what ends a node of the path, and what is no character of one
const inNode = /[^\p{L}\p{N}_%:@+-]+/gu;
const inPath = /[^\p{L}\p{N}._%:@+-]+/gu;

/** `host.metric value timestamp`: dots of a host's name are underscores, those of a metric's name stay. */
export const graphiteLine = (
	host: string,
	metric: string,
	value: number,
	timestamp: number,
) =>
	`${host.replace(inNode, "_") || "_"}.${metric.replace(inPath, "_")} ${value} ${timestamp}\n`;

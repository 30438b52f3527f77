import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Below the ports that the kernel gives to whoever asks for any: other tests get those. */
const range = { min: 10_000, max: 32_000 };

const isFree = (port: number) =>
	new Promise<boolean>((resolve) => {
		const server = createServer();
		server.once("error", () => resolve(false));
		server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
	});

/** The first of some ports of 127.0.0.1 in a row on which nobody listens now, and no other test soon. */
export async function freePorts(count: number): Promise<number> {
	for (;;) {
		const first = randomInt(range.min, range.max - count);
		let free = 0;
		while (free < count && (await isFree(first + free))) free++;
		if (free === count) return first;
	}
}

/** A port of 127.0.0.1 on which nobody listens now, and no other test soon. */
export const freePort = () => freePorts(1);

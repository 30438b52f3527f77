import { closeSync } from "node:fs";
import { Socket } from "node:net";
import type { NativeAddon } from "./native-addon.ts";
import { type Pipe, streamPipe } from "./pipe.ts";

/**
 * A pipe that starts unwatched: for one line of output, a socket would take a quarter of the
 * check's total time.
 */
export interface NativePipe extends Pipe {
	/** Reads the available data; starts watching if the pipe has not ended then. */
	drain(): void;
	/** Reads data as it arrives, from now on. */
	watch(): void;
}

/** @param fd the non-blocking read end; closed at its end */
export function createNativePipe(
	fd: number,
	drain: NativeAddon["drain"],
): NativePipe {
	let watched: Pipe | undefined;
	let isClosed = false;
	let isReferenced = true;
	let give: (chunk: Buffer) => void = () => {};
	let tell = () => {};
	const end = () => {
		isClosed = true;
		tell();
	};
	const watch = () => {
		if (isClosed || watched) return;
		watched = streamPipe(new Socket({ fd, readable: true, writable: false }));
		if (!isReferenced) watched.unref();
		watched.listen(give, end);
	};
	return {
		get closed() {
			return isClosed;
		},
		listen: (data, closed) => {
			give = data;
			tell = closed;
		},
		drain: () => {
			if (isClosed || watched) return;
			const [bytes, ended] = drain(fd);
			if (bytes) give(bytes);
			if (ended) end();
			else watch();
		},
		watch,
		unref: () => {
			isReferenced = false;
			watched?.unref();
		},
		destroy: () => {
			if (isClosed) return;
			if (watched) return watched.destroy();
			closeSync(fd);
			end();
		},
	};
}

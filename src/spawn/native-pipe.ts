import { closeSync } from "node:fs";
import { Socket } from "node:net";
import type { NativeAddon } from "./native-addon.ts";
import { type Pipe, streamPipe } from "./pipe.ts";

/** A pipe that is not watched at first: for one line, a socket takes a quarter of the time of the whole check. */
export interface NativePipe extends Pipe {
	/** Takes what is there; one that is not at its end then is watched. */
	drain(): void;
	/** Takes what comes, when it comes. */
	watch(): void;
}

/** @param fd of the reading end, which does not block; it is closed at the end */
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

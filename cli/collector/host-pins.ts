import { type Hop, hopText } from "../../src/protocol/hop.ts";
import { type Pin, pinOn } from "../../src/protocol/pin.ts";
import type { ListedHost } from "./host-list.ts";

/** The pin of a hop. */
interface HopPin {
	hop: Hop;
	fingerprint: string;
	pin: Pin;
	/** Until when it is kept, as its hosts are not in the list any more; undefined for others. */
	until: number | undefined;
}

/** Pins of the list of hosts, by hop. */
export class HostPins {
	readonly #forget: (hop: Hop) => void;
	readonly #keptMilliseconds: number;
	readonly #elapsed: () => number;
	#pins = new Map<string, HopPin>();

	/**
	 * @param parts.forget closes connections to a hop, which has to be verified in another way now
	 * @param parts.keptMilliseconds how long a pin is kept that is not in the list any more: the host
	 * still has to be told what is acknowledged
	 * @param parts.elapsed monotonic milliseconds
	 */
	constructor(parts: {
		forget: (hop: Hop) => void;
		keptMilliseconds: number;
		elapsed?: () => number;
	}) {
		this.#forget = parts.forget;
		this.#keptMilliseconds = parts.keptMilliseconds;
		this.#elapsed = parts.elapsed ?? (() => performance.now());
	}

	of(hop: Hop): Pin | undefined {
		return this.#pins.get(hopText(hop))?.pin;
	}

	/** Takes those of a new list, and closes connections that were verified in another way. */
	set(hosts: readonly ListedHost[]): void {
		const now = this.#elapsed();
		const before = this.#pins;
		const pins = new Map<string, HopPin>();
		const listed = new Set<string>();
		for (const { via, agent, fingerprint } of hosts) {
			const hop = via[0] ?? agent;
			const place = hopText(hop);
			listed.add(place);
			if (fingerprint)
				pins.set(place, {
					...{ hop, fingerprint, pin: pinOn(fingerprint), until: undefined },
				});
		}
		for (const [place, known] of before) {
			const until = known.until ?? now + this.#keptMilliseconds;
			// what the list says of a hop now holds, also if that is nothing
			if (!listed.has(place) && now < until)
				pins.set(place, { ...known, until });
		}
		this.#pins = pins;
		for (const [place, { hop }] of new Map([...before, ...pins]))
			if (before.get(place)?.fingerprint !== pins.get(place)?.fingerprint)
				this.#forget(hop);
	}
}

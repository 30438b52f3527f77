import { AgentError } from "../agent-error.ts";

/** Bounds the requests on their way to other agents. */
export interface ExchangeLimits {
	/**
	 * Counts a request in until the function it answers is called. AgentError `relay-busy` at
	 * once when there are too many. An agent may be its own next hop: requests
	 * waiting for each other's connections would wait for ever, so that a nested one
	 * is only let in while there is a connection left for it.
	 */
	enter(place: string, isNested?: boolean): () => void;
}

export function createExchangeLimits(limits: {
	each: number;
	all: number;
	/** For requests that came through another agent. */
	eachNested: number;
}): ExchangeLimits {
	const running = new Map<string, number>();
	let all = 0;
	return {
		enter: (place, isNested = false) => {
			const here = running.get(place) ?? 0;
			if (here >= (isNested ? limits.eachNested : limits.each))
				throw new AgentError(
					"relay-busy",
					`${place}: ${here} requests are on their way there`,
				);
			if (all >= limits.all)
				throw new AgentError(
					"relay-busy",
					`${all} relayed requests are on their way`,
				);
			running.set(place, here + 1);
			all++;
			let isIn = true;
			return () => {
				if (!isIn) return;
				isIn = false;
				all--;
				const left = (running.get(place) ?? 1) - 1;
				if (left === 0) running.delete(place);
				else running.set(place, left);
			};
		},
	};
}

import {
	closeSync,
	existsSync,
	openSync,
	readFileSync,
	writeSync,
} from "node:fs";

/** A leased batch of a simulated agent. */
interface Batch {
	/** Times of its samples, in seconds since 1970. */
	times: number[];
	/** End of the lease, in milliseconds since 1970. */
	until: number;
}

/** A simulated agent: what it has stored, and what of it is leased. */
class JournalAgent {
	/** Times of all samples that it was given. */
	readonly given: number[] = [];
	/** Samples that nobody has leased. */
	free: number[] = [];
	readonly batches = new Map<string, Batch>();
}

/** Most distinct times in a batch, as agents have it. */
const maxTimes = 60;

/**
 * What simulated agents were given, leased and had acknowledged. Each change is in the file before it
 * is answered, so a kill -9 loses nothing, as with a real agent. It is also the ledger that a store is
 * compared with.
 */
export class Journal {
	readonly agents = new Map<number, JournalAgent>();
	readonly #file: number;
	#ids = 0;
	/** Batches that were leased again after their lease had ended. */
	leasedAgain = 0;

	constructor(path: string) {
		if (existsSync(path)) this.#replay(readFileSync(path, "utf8"));
		this.#file = openSync(path, "a");
	}

	close(): void {
		closeSync(this.#file);
	}

	/** Samples that are not acknowledged. */
	get left(): number {
		let left = 0;
		for (const { free, batches } of this.agents.values()) {
			left += free.length;
			for (const { times } of batches.values()) left += times.length;
		}
		return left;
	}

	#agent(number: number): JournalAgent {
		const known = this.agents.get(number) ?? new JournalAgent();
		this.agents.set(number, known);
		return known;
	}

	/** The agents store a sample of this time. */
	give(agents: readonly number[], time: number): void {
		const lines = agents.map((agent) => `g ${agent} ${time}\n`);
		writeSync(this.#file, lines.join(""));
		for (const agent of agents) this.#given(agent, time);
	}

	#given(number: number, time: number): void {
		const agent = this.#agent(number);
		agent.given.push(time);
		agent.free.push(time);
	}

	/** Leases the oldest samples; a batch whose lease has ended comes again under its id. */
	lease(
		number: number,
		seconds: number,
		now: number,
	): { id: string; times: readonly number[] } | undefined {
		const agent = this.#agent(number);
		const until = now + seconds * 1_000;
		for (const [id, batch] of agent.batches)
			if (batch.until <= now) {
				this.leasedAgain++;
				writeSync(this.#file, `l ${number} ${id} ${until} ${batch.times}\n`);
				batch.until = until;
				return { id, times: batch.times };
			}
		if (agent.free.length === 0) return undefined;
		const times = agent.free.slice(0, maxTimes);
		const id = `${process.pid.toString(36)}-${now.toString(36)}-${++this.#ids}`;
		writeSync(this.#file, `l ${number} ${id} ${until} ${times}\n`);
		this.#leased(number, id, until, times);
		return { id, times };
	}

	#leased(number: number, id: string, until: number, times: number[]): void {
		const agent = this.#agent(number);
		const known = agent.batches.get(id);
		if (known) known.until = until;
		else {
			agent.batches.set(id, { until, times });
			agent.free = agent.free.slice(times.length);
		}
	}

	acknowledge(number: number, id: string): void {
		const { batches } = this.#agent(number);
		if (!batches.has(id)) return;
		writeSync(this.#file, `a ${number} ${id}\n`);
		batches.delete(id);
	}

	#replay(text: string): void {
		// without a line that a kill has cut
		for (const line of text.slice(0, text.lastIndexOf("\n") + 1).split("\n")) {
			const [what, number, ...rest] = line.split(" ");
			const agent = Number(number);
			if (what === "g") this.#given(agent, Number(rest[0]));
			else if (what === "a") this.#agent(agent).batches.delete(rest[0] ?? "");
			else if (what === "l") {
				const [id = "", until, times = ""] = rest;
				const list = times.split(",").map(Number);
				this.#leased(agent, id, Number(until), list);
			}
		}
	}
}

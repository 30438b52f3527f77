import { createHash } from "node:crypto";
import type { components } from "../../generated/schema.ts";

export type Sample = components["schemas"]["StoredSample"];

const answeredOk = 1;
const seen = 2;
/** The complete answer of a drain, or of an acknowledged lease. */
const taken = 4;
/** The other values are numbers of acknowledgements that were answered `ok`. */
const acknowledgement = 8;

/** The state of every sample, by number; only a few bytes each, for long runs. */
export function createLedger() {
	const states: number[] = [];
	const passes = new Map<string, number>();
	const batches = new Map<string, string>();
	const unanswered: { first: number; count: number }[] = [];
	const counts = { acknowledged: 0, batchesAgain: 0, batchesChanged: 0 };
	let [duplicates, resurrected] = [0, 0];

	const mark = (of: readonly number[], bit: number) => {
		for (const id of of) states[id] = (states[id] ?? 0) | bit;
	};
	const idOf = ({ hostname, timestamp, metrics }: Sample) => {
		if (hostname === "writer") return timestamp;
		const nanoseconds = metrics?.["pass.id"];
		if (nanoseconds === undefined) return undefined;
		const pass = `${hostname} ${nanoseconds}`;
		const id = passes.get(pass) ?? states.push(answeredOk) - 1;
		passes.set(pass, id);
		return id;
	};

	return {
		unanswered,
		/** New samples for an append. */
		create: (count: number, width: number) =>
			Array.from({ length: count }, () => {
				const id = states.push(0) - 1;
				const metrics: Record<string, number> = {};
				for (let n = 0; n < width; n++) metrics[`metric.${n}`] = id + n / 7;
				return { hostname: "writer", timestamp: id, metrics };
			}),
		appended: (samples: readonly Sample[]) =>
			mark(
				samples.map(({ timestamp }) => timestamp),
				answeredOk,
			),
		/** A complete answer to a request that was sent after this many acknowledgements. */
		read: (samples: readonly Sample[] | null, sentAfter: number) => {
			const ids = (samples ?? []).flatMap((sample) => idOf(sample) ?? []);
			for (const id of ids) {
				const state = states[id] ?? 0;
				const acked = Math.floor(state / acknowledgement);
				if (state & seen) duplicates++;
				if (acked > 0 && acked <= sentAfter) resurrected++;
			}
			mark(ids, seen);
			return ids;
		},
		taken: (ids: readonly number[]) => mark(ids, taken),
		batch: (id: string, samples: unknown) => {
			const text = JSON.stringify(samples);
			const digest = createHash("sha1").update(text).digest("base64");
			const before = batches.get(id);
			batches.set(id, digest);
			if (before !== undefined) counts.batchesAgain++;
			if (before !== undefined && before !== digest) counts.batchesChanged++;
		},
		acknowledged: (ids: readonly number[]) => {
			counts.acknowledged++;
			for (const id of ids)
				if ((states[id] ?? 0) < acknowledgement)
					mark([id], counts.acknowledged * acknowledgement);
		},
		counts,
		result: (passesOfRounds: readonly number[]) => {
			const ofPasses = new Set(passes.values());
			const of = (wanted: (state: number) => boolean) =>
				states.filter((state, id) => !ofPasses.has(id) && wanted(state)).length;
			const passesLost = passesOfRounds.map((stored, round) => {
				const come = [...passes].filter(
					([key, id]) =>
						key.startsWith(`round-${round} `) && (states[id] ?? 0) & taken,
				);
				return Math.max(0, stored - come.length);
			});
			return {
				...counts,
				appendedOk: of((state) => (state & answeredOk) !== 0),
				unanswered: unanswered.length,
				passesStored: passesOfRounds.reduce((sum, count) => sum + count, 0),
				passesDelivered: passes.size,
				passesLost: passesLost.reduce((sum, count) => sum + count, 0),
				delivered: states.filter((state) => state & seen).length,
				duplicates,
				lost: of((state) => (state & answeredOk) !== 0 && !(state & taken)),
				resurrected,
				torn: unanswered.filter(({ first, count }) => {
					const part = states.slice(first, first + count);
					const came = part.filter((state) => state & seen).length;
					return came > 0 && came < count;
				}).length,
			};
		},
	};
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { brokerProcess, brokerStatus } from "../support/broker.ts";
import { nativeClientMissing } from "../support/check-happo.ts";
import { startWithPlugins } from "../support/command-line.ts";
import { eventually } from "../support/eventually.ts";
import {
	missingNagios,
	type NagiosResult,
	type NagiosService,
	startNagios,
} from "../support/nagios.ts";
import { startWorker } from "../support/nagios-worker.ts";
import { checkNrpe, missingNrpe, startNrpe } from "../support/nrpe.ts";
import { lacksPeer } from "../support/peer.ts";

const count = 100;
/** Seconds between two checks of a service. */
const interval = 15;

/** What went wrong with the results of some services. */
interface Judgement {
	results: number;
	/** Results that came more than half an interval too late. */
	late: number;
	/** Checks whose results did not come at all. */
	lost: number;
	/** Results that came long before they were due, for no reason of Nagios. */
	doubled: number;
	/** Results that are not OK. */
	wrong: number;
}

/**
 * Judges the results of the services whose names end with a word.
 * @param end when nothing was watched any more, in seconds
 * @param restarted when Nagios was: it checks again what it checked in its last second
 */
function judge(
	results: readonly NagiosResult[],
	word: string,
	end: number,
	restarted: number,
): Judgement {
	const times = new Map<string, number[]>();
	const judgement = { results: 0, late: 0, lost: 0, doubled: 0, wrong: 0 };
	for (const { time, description, state } of results) {
		if (!description.endsWith(word)) continue;
		judgement.results++;
		if (state !== "OK") judgement.wrong++;
		times.set(description, [...(times.get(description) ?? []), time]);
	}
	assert.equal(times.size, count);
	for (const all of times.values())
		for (const [index, time] of all.entries()) {
			const next = all[index + 1];
			const gap = (next ?? end) - time;
			if (gap > 1.5 * interval) judgement.late++;
			judgement.lost += Math.max(0, Math.ceil(gap / interval - 1.5));
			const isRestart = Math.abs(time - restarted) <= 2;
			if (next !== undefined && gap < interval / 3 && !isRestart)
				judgement.doubled++;
		}
	return judgement;
}

test("100 services through the worker lose no more results than with check_nrpe when things restart", async (t) => {
	if (lacksPeer(t, missingNagios) || lacksPeer(t, missingNrpe)) return;
	if (lacksPeer(t, nativeClientMissing())) return;
	const { port } = await startWithPlugins(t);
	const nrpe = await startNrpe(t, { fine: "/bin/echo fine" });
	const startBroker = (socket?: string) =>
		brokerProcess(t, ["--insecure"], {}, socket);
	let broker = await startBroker();
	// in turns, as Nagios sorts them: what happens, happens to both
	const services = Array.from({ length: count }, (_, n): NagiosService[] => [
		{
			description: `${n} happo`,
			command: `check_happo_port!${port}!check_exit!0`,
		},
		{ description: `${n} nrpe`, command: "nrpe" },
	]).flat();
	const nagios = await startNagios(t, services, {
		interval,
		isSpread: true,
		isRecorded: true,
		commands: { nrpe: `${checkNrpe} -H 127.0.0.1 -p ${nrpe} -c fine` },
		environment: { HAPPO_BROKER: broker.socket },
	});
	const startOne = () =>
		startWorker(t, [
			...["--nagios-worker", nagios.queryHandler],
			...["--broker", broker.socket],
		]);
	let worker = startOne();
	const registered = (times: number) =>
		eventually(`registered ${times} times`, () =>
			Promise.resolve(worker.said().split("registered with").length > times),
		);
	/** Waits until every service has been checked since then. */
	const checkedAnew = async () => {
		const begin = Math.ceil(Date.now() / 1000);
		await eventually(
			"every service has been checked",
			async () =>
				new Set(
					(await nagios.results())
						.filter(({ time }) => time > begin)
						.map(({ description }) => description),
				).size ===
				2 * count,
			4_000 * interval,
		);
	};
	const checksOfWorker = async () =>
		(await brokerStatus(broker.socket)).checks_of_workers;

	await registered(1);
	await checkedAnew();
	assert.ok((await checksOfWorker()) >= count / 2);
	const first = (await nagios.results()).length;

	nagios.reload();
	await registered(2);
	await checkedAnew();

	// systemd would start it again after five seconds
	broker.process.kill("SIGKILL");
	await broker.exited;
	await pause(5_000);
	broker = await startBroker(broker.socket);
	await checkedAnew();
	assert.ok((await checksOfWorker()) > 0);

	broker.process.kill("SIGSTOP");
	await pause(20_000);
	broker.process.kill("SIGCONT");
	await checkedAnew();

	await nagios.restart();
	const restarted = Date.now() / 1000;
	await registered(3);
	await checkedAnew();

	worker.process.kill("SIGTERM");
	assert.deepEqual(await worker.exited, [0, null]);
	worker = startOne();
	await registered(1);
	await checkedAnew();

	const results = await nagios.results();
	const end = Math.floor(Date.now() / 1000);
	const [ours, theirs] = [" happo", " nrpe"].map((word) =>
		judge(results, word, end, restarted),
	) as [Judgement, Judgement];
	t.diagnostic(`with check_happo: ${JSON.stringify(ours)}`);
	t.diagnostic(`with check_nrpe: ${JSON.stringify(theirs)}`);
	assert.ok(first > 0 && ours.results >= 5 * count);
	assert.ok(ours.late <= theirs.late);
	assert.ok(ours.lost <= theirs.lost);
	assert.equal(ours.doubled, 0);
	assert.ok(ours.wrong <= theirs.wrong);
	const log = await nagios.log();
	assert.doesNotMatch(log, /doesn't exist on check_happo/);
	assert.doesNotMatch(log, /Unrecognized|unhandled result variable|choked/);
	worker.process.kill("SIGTERM");
	assert.deepEqual(await worker.exited, [0, null]);
	await nagios.stop();
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHostList } from "../../../../cli/collector/host-list.ts";
import { HostPins } from "../../../../cli/collector/host-pins.ts";
import { hopText } from "../../../../src/protocol/hop.ts";

const place = (host: string) => ({ host, port: 6777 });

/** Pins that are kept for 100 ms of a clock that the test moves. */
function pinsWithClock() {
	let now = 0;
	let forgotten: string[] = [];
	const pins = new HostPins({
		forget: (hop) => forgotten.push(hopText(hop)),
		keptMilliseconds: 100,
		elapsed: () => now,
	});
	return {
		/** Which of these hosts have a pin. */
		pinned: (...hosts: string[]) =>
			hosts.filter((host) => pins.of(place(host)) !== undefined),
		/** Takes a list of hosts at a time. Returns the hops whose connections were closed. */
		setAt(at: number, hosts: Record<string, string | undefined>) {
			now = at;
			forgotten = [];
			const list = Object.entries(hosts).map(([host, digit]) => ({
				targets: [host],
				labels: digit ? { __fingerprint__: digit.repeat(64) } : {},
			}));
			pins.set(parseHostList(JSON.stringify(list)).hosts);
			return forgotten;
		},
	};
}

test("a host that has left the list keeps its pin for a while", () => {
	const { pinned, setAt } = pinsWithClock();
	assert.deepEqual(setAt(0, { web01: "a", web02: "b" }), [
		"web01:6777",
		"web02:6777",
	]);
	assert.deepEqual(setAt(1, { web02: "b" }), []);
	assert.deepEqual(pinned("web01", "web02"), ["web01", "web02"]);
	// another list does not make it longer
	assert.deepEqual(setAt(60, { web02: "b" }), []);
	assert.deepEqual(pinned("web01", "web02"), ["web01", "web02"]);
	assert.deepEqual(setAt(101, { web02: "b" }), ["web01:6777"]);
	assert.deepEqual(pinned("web01", "web02"), ["web02"]);
});

test("what the list says of a host holds at once", () => {
	const { pinned, setAt } = pinsWithClock();
	setAt(0, { web01: "a", web02: "b", web03: "c" });
	assert.deepEqual(setAt(1, { web01: "a", web02: "d", web03: undefined }), [
		"web02:6777",
		"web03:6777",
	]);
	assert.deepEqual(pinned("web01", "web02", "web03"), ["web01", "web02"]);
	// back with another one
	setAt(2, {});
	assert.deepEqual(setAt(3, { web01: "e" }), ["web01:6777"]);
	assert.deepEqual(pinned("web01", "web02"), ["web01", "web02"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import {
	callWords,
	type Slot,
	slotHint,
} from "../../../../../../cli/ctl/web/page/call-words.ts";

const slot = (name: string, more: Partial<Slot> = {}): Slot => ({
	...{ name, type: "word", required: false, secret: false, several: false },
	...more,
});
const warning = slot("warning", { type: "threshold", default: "20%" });
const critical = slot("critical", { type: "threshold", default: "10%" });
const path = slot("path", { type: "path", required: true, below: ["/var"] });
const options = slot("options", { type: "words", several: true });

const faultsOf = (
	slots: readonly Slot[],
	values: Readonly<Record<string, string>>,
) => Object.fromEntries(callWords(slots, values).faults ?? []);

test("the values of a form are words in the order of the slots", () => {
	assert.deepEqual(
		callWords([warning, critical, path], { path: "/var", critical: "5%" })
			.words,
		["20%", "5%", "/var"],
	);
	assert.deepEqual(
		callWords([path, warning], { path: "/var log" }).words,
		["/var log"],
		"what is empty at the end takes its default on the agent",
	);
	assert.deepEqual(callWords([warning, critical], {}).words, []);
	assert.deepEqual(callWords([], {}).words, []);
});

test("a slot for several words takes those of a line", () => {
	assert.deepEqual(
		callWords([path, options], { path: "/var", options: "-w 5 'a b'" }).words,
		["/var", "-w", "5", "a b"],
	);
	assert.deepEqual(callWords([path, options], { path: "/" }).words, ["/"]);
	assert.match(
		faultsOf([options], { options: "-w $(id)" }).options ?? "",
		/shell/,
	);
});

test("a required value that is missing, and one whose default is secret, is named", () => {
	assert.deepEqual(faultsOf([warning, path], {}), { path: "needs a value" });
	const password = slot("password", { secret: true });
	assert.deepEqual(faultsOf([password, path], { path: "/var" }), {
		password: "needs a value, because a field after it has one",
	});
	assert.deepEqual(
		callWords([path, password], { path: "/var" }).words,
		["/var"],
		"its default does",
	);
});

test("a hint tells the type of a slot, and nothing of a secret one", () => {
	assert.equal(slotHint(path), "path, below /var");
	assert.equal(
		slotHint(slot("count", { type: "integer", min: 1, max: 9 })),
		"integer, from 1, up to 9",
	);
	assert.equal(
		slotHint(
			slot("options", {
				...{ type: "words", several: true, at_most: 4 },
				options: [
					{ name: "-w", value: { type: "threshold", secret: false } },
					{ name: "-r" },
				],
			}),
		),
		"words, at most 4 words, options -w THRESHOLD, -r",
	);
	assert.equal(
		slotHint(slot("password", { type: "text", secret: true })),
		"text, secret",
	);
});

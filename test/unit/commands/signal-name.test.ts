import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";
import { signalName } from "../../../src/commands/signal-name.ts";

test("signals have Node's names", () => {
	assert.equal(signalName(constants.signals.SIGKILL), "SIGKILL");
	assert.equal(signalName(constants.signals.SIGABRT), "SIGABRT");
	assert.equal(signalName(constants.signals.SIGIO), "SIGIO");
});

test("real-time signals are counted from the first", () => {
	assert.equal(signalName(34, 34), "SIGRTMIN");
	assert.equal(signalName(37, 34), "SIGRTMIN+3");
	assert.equal(signalName(64, 35), "SIGRTMIN+29");
	assert.equal(signalName(33, 34), "signal 33");
	assert.equal(signalName(40), "signal 40");
});

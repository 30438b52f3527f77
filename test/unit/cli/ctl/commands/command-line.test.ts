import assert from "node:assert/strict";
import { test } from "node:test";
import { commandLine } from "../../../../../cli/ctl/commands/command-line.ts";
import { splitWords } from "../../../../../src/protocol/words.ts";

test("several words stay separate words, a single word is an option line", () => {
	const words = ["-w", "5,4,3", "a b", "", "it's", "$x", "*", "-"];
	const { command, option } = commandLine(["check_x", ...words]);
	assert.equal(command, "check_x");
	assert.deepEqual(splitWords(option), words);
	assert.deepEqual(commandLine(["ps", "aux | wc"]), {
		command: "ps",
		option: "aux | wc",
	});
	assert.deepEqual(commandLine([" uname  -a "]), {
		command: "uname",
		option: "-a ",
	});
	assert.deepEqual(commandLine(["uname"]), { command: "uname", option: "" });
});

import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";

/** Indented lines of a document; blank lines between them belong to it. */
export interface Block {
	/** The heading above it, without `#`. */
	heading: string;
	/** Line number of its first line. */
	line: number;
	/** Without indentation. */
	lines: string[];
	/** The text between the block before, or the heading, and this one, on one line. */
	before: string;
}

/** What the comment directly above a block says about it, and its document. */
export interface DocumentBlock extends Block {
	/** Path of the document. */
	document: string;
	/**
	 * `test/e2e/x.test.ts`: the test that runs it. `file x.yaml`: a file for the commands that
	 * follow. `output`: what a program prints.
	 */
	mark?: string;
}

/** A command of a walk-through and its documented output. */
export interface Step {
	/** Line number of the command. */
	line: number;
	command: string;
	shown: string[];
}

/** The blocks of a document that are indented by four spaces, or more in a list. */
export function indentedBlocks(markdown: string): Block[] {
	const blocks: Block[] = [];
	let heading = "";
	let before: string[] = [];
	let block: Block | undefined;
	let isAfterBlank = true;
	for (const [index, line] of markdown.split("\n").entries()) {
		// an indented line right below a paragraph continues it
		if (line.startsWith("    ") && (block || isAfterBlank)) {
			if (!block) {
				block = {
					...{ heading, line: index + 1, lines: [] },
					before: before.join(" "),
				};
				blocks.push(block);
				before = [];
			}
			block.lines.push(line);
		} else if (line === "") block?.lines.push("");
		else {
			block = undefined;
			const [, title] = /^#+ (.*)/.exec(line) ?? [];
			heading = title ?? heading;
			before = title === undefined ? [...before, line] : [];
		}
		isAfterBlank = line === "";
	}
	for (const found of blocks) {
		while (found.lines.at(-1) === "") found.lines.pop();
		const depth = Math.min(
			...found.lines
				.filter((line) => line !== "")
				.map((line) => line.search(/\S/)),
		);
		found.lines = found.lines.map((line) => line.slice(depth));
	}
	return blocks;
}

/** The documents for users whose commands the tests run. */
export const documents: readonly string[] = [
	"README.md",
	...readdirSync("contrib/doc")
		.filter((name) => name.endsWith(".md"))
		.map((name) => `contrib/doc/${name}`),
];

/** The blocks of a document, with their marks. */
export function blocksOf(document: string): DocumentBlock[] {
	return indentedBlocks(readFileSync(document, "utf8")).map((block) => {
		const [, mark] = /<!-- ([^>]*) -->$/.exec(block.before) ?? [];
		return { ...block, document, ...(mark !== undefined && { mark }) };
	});
}

/** The blocks of all documents that the comment above them leaves to a test, named by its path. */
export const blocksRunBy = (test: string): DocumentBlock[] =>
	documents.flatMap(blocksOf).filter(({ mark }) => mark === test);

/** The commands of a block, each with its output; undefined if the block has only output. */
export function stepsOf(
	{ line, lines }: Block,
	prompt: string,
): [Step, ...Step[]] | undefined {
	const steps: Step[] = [];
	for (const [index, content] of lines.entries()) {
		if (content.startsWith(prompt)) {
			const command = content.replace(/^\$ /, "");
			steps.push({ line: line + index, command, shown: [] });
		} else if (steps.length === 0) return undefined;
		else steps.at(-1)?.shown.push(content);
	}
	for (const { shown } of steps) while (shown.at(-1) === "") shown.pop();
	const [first, ...others] = steps;
	return first && [first, ...others];
}

const number = String.raw`\d+(?:\.\d+)*`;
const duration = String.raw`\d+[dhms](?: \d+[dhms])?(?![\w.])`;

const literally = (content: string) =>
	content.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

/** The numbers in a text, without single digits, which are everywhere. */
const numbersOf = (content: string) =>
	(content.match(new RegExp(number, "g")) ?? []).filter((n) => n.length > 1);

/**
 * A pattern for a documented output. Numbers may differ, except those in `typed`; the spaces
 * between columns may differ, and `...` matches anything.
 */
export function likeShown(shown: readonly string[], typed: string): RegExp {
	const given = new Set(numbersOf(typed));
	const alternatives = [...given].map(literally).join("|") || "(?!)";
	const figure = String.raw`(?!(?:${alternatives})(?!\d|\.\d))${number}`;
	const part = (found: string) => {
		if (found === "...") return ".*";
		if (/^ +$/.test(found)) return " +";
		if (new RegExp(`^${duration}$`).test(found)) return duration;
		if (new RegExp(`^${number}$`).test(found) && !given.has(found))
			return figure;
		return literally(found);
	};
	const parts = new RegExp(
		String.raw`\.\.\.| +|(?<![\w.])${duration}|${number}|[^\d. ]+|\.`,
		"g",
	);
	const lines = shown.map((line) => {
		if (line === "...") return String.raw`(?:.*\n)*?`;
		// keep indentation, which has a meaning in YAML
		const [, indent = "", content = ""] = /^( *)(.*)$/.exec(line) ?? [];
		const like = (content.match(parts) ?? []).map(part).join("");
		return String.raw`${indent}${like} *\n`;
	});
	return new RegExp(`^${lines.join("")}$`);
}

/** A command's merged output and its exit status. */
export interface Outcome {
	output: string;
	status: number;
}

/** Runs commands one after the other in one bash, as if typed, for at most a minute. */
export async function bashSession(
	t: Pick<TestContext, "after">,
	commands: readonly string[],
	options: { directory: string; environment: Record<string, string> },
): Promise<Outcome[]> {
	const mark = "happo-end-of-command";
	const script = commands.map(
		(command) => `${command}\nprintf '\\n${mark} %d\\n' $?\n`,
	);
	// a process group, so that nothing is left if it hangs
	const shell = spawn("bash", ["-c", `exec 2>&1\n${script.join("")}`], {
		stdio: ["ignore", "pipe", "ignore"],
		cwd: options.directory,
		env: options.environment,
		detached: true,
	});
	let hasEnded = false;
	const kill = () => {
		// later the process id may be reused
		if (hasEnded || shell.pid === undefined) return;
		try {
			process.kill(-shell.pid, "SIGKILL");
		} catch {
			// it has ended, but its output has not been read yet
		}
	};
	t.after(kill);
	const tooLong = setTimeout(kill, 60_000);
	const output = await text(shell.stdout);
	hasEnded = true;
	clearTimeout(tooLong);
	const pieces = output.split(new RegExp(`\n${mark} (\\d+)\n`));
	if (pieces.length !== commands.length * 2 + 1)
		throw new Error(`not every command came to its end: ${output}`);
	return commands.map((_, index) => ({
		output: pieces[index * 2] ?? "",
		status: Number(pieces[index * 2 + 1]),
	}));
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { atProgram } from "../../../src/spawn/program-paths.ts";

/** Searches a program in paths that fail with a code; returns the tried paths and the result. */
async function look(
	file: string,
	PATH: string | undefined,
	codes: Record<string, string>,
) {
	const tried: string[] = [];
	const environment: Record<string, string> = {};
	if (PATH !== undefined) environment.PATH = PATH;
	const result = await atProgram(file, environment, (path) => {
		tried.push(path);
		const code = codes[path] ?? codes.else;
		if (code) throw Object.assign(new Error(code), { code });
		return path;
	}).catch((error) => error.code);
	return [result, ...tried];
}

test("a name with a slash is a path", async () => {
	assert.deepEqual(await look("./x", "/a", {}), ["./x", "./x"]);
	assert.deepEqual(await look("", "/a", { else: "ENOENT" }), ["ENOENT", ""]);
	assert.deepEqual(await look("/a/b", "/c", { else: "EACCES" }), [
		"EACCES",
		"/a/b",
	]);
});

test("searches a bare name in PATH, in order", async () => {
	const codes = { "/a/x": "ENOENT", "/b/x": "ENOTDIR" };
	assert.deepEqual(await look("x", "/a:/b:/c:/d", codes), [
		"/c/x",
		"/a/x",
		"/b/x",
		"/c/x",
	]);
	assert.deepEqual(await look("x", ":/a", {}), ["./x", "./x"]);
	assert.deepEqual(await look("x", undefined, { else: "ENOENT" }), [
		"ENOENT",
		"/bin/x",
		"/usr/bin/x",
	]);
});

test("skips a file that may not be executed, and reports it if there is no other", async () => {
	const codes = { "/a/x": "EACCES", else: "ENOENT" };
	assert.equal((await look("x", "/a:/b", codes))[0], "EACCES");
	assert.equal((await look("x", "/a:/b", { "/a/x": "EACCES" }))[0], "/b/x");
});

test("any other error ends the search", async () => {
	assert.deepEqual(await look("x", "/a:/b", { else: "E2BIG" }), [
		"E2BIG",
		"/a/x",
	]);
});

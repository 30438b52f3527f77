// npm runs this before it packs the package. It compiles the native command engine for
// this machine and, with the installed cross compilers, for others.
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { addonFile, compile, prove } from "./addon.mjs";
import {
	clientFile,
	compileClient,
	hasClient,
	useNodeClient,
} from "./client.mjs";

const own = `${process.platform}-${process.arch}`;
/** Cross compilers under Debian's names. */
const crossCompilers =
	process.platform === "linux"
		? {
				"linux-arm64": "aarch64-linux-gnu-gcc",
				"linux-x64": "x86_64-linux-gnu-gcc",
			}
		: {};

// the package must not contain an earlier build, or that of another machine
rmSync(dirname(dirname(addonFile())), { recursive: true, force: true });
// the installation makes the command native
if (hasClient) useNodeClient();
const attempt = (what, build) => {
	try {
		build();
		process.stdout.write(`${what}: built\n`);
	} catch (error) {
		process.stdout.write(`${what}: left out: ${error.message}\n`);
	}
};
const targets = { ...crossCompilers, [own]: process.env.CC || "cc" };
for (const [target, compiler] of Object.entries(targets)) {
	attempt(`native command engine for ${target}`, () =>
		compile(compiler, addonFile(target), target === own ? prove : undefined),
	);
	if (hasClient)
		attempt(`native check_happo for ${target}`, () =>
			compileClient(compiler, clientFile(target)),
		);
}

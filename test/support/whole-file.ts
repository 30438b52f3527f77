import { after, type TestContext } from "node:test";
import { createScope } from "./scope.ts";

/** A context that lasts for all tests of a file; a hook's own `after` would run at once. */
export function wholeFile(): Pick<TestContext, "after"> {
	const scope = createScope();
	after(scope.end);
	return scope;
}

import { after, type TestContext } from "node:test";
import { createScope } from "./scope.ts";

/** What lasts as long as the tests of a file; a hook's own `after` would come at once. */
export function wholeFile(): Pick<TestContext, "after"> {
	const scope = createScope();
	after(scope.end);
	return scope;
}

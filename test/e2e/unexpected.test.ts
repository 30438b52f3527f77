import { allUnexpected, testUnexpected } from "../support/unexpected.ts";

for (const name of allUnexpected) testUnexpected(name);

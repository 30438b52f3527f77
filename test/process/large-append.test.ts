import { testLargeAppend } from "../support/large-append.ts";

testLargeAppend(200);

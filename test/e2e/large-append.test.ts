import { testLargeAppend } from "../support/large-append.ts";

for (const metricsEach of [4, 20]) testLargeAppend(metricsEach);

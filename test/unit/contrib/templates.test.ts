import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContractDocument } from "../../../contrib/development/contract-document.ts";
import { permissionsSource } from "../../../contrib/development/templates.ts";

const documentWith = (permission?: string): ContractDocument => ({
	openapi: "3.1.0",
	info: { version: "1.0.0" },
	paths: {
		"/": {
			get: {
				operationId: "ask",
				summary: "Ask",
				tags: [],
				responses: {},
				...(permission && { "x-permission": permission }),
			},
		},
	},
	components: {},
});

test("an operation without a permission stops the generator", () => {
	assert.throws(() => permissionsSource(documentWith()), {
		message: "openapi.yaml: GET / has no x-permission",
	});
	assert.match(permissionsSource(documentWith("ping")), /ask: "ping"/);
});

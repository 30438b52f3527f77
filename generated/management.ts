// Written by `npm run generate` from openapi.yaml. Do not edit.
import type { ManagementHandler } from "../src/operation.ts";

/** The operations of a management server, without texts and examples. */
export const managementContract = {
	"openapi": "3.1.0",
	"info": {
		"title": "happo-agent",
		"version": "2.0.0",
		"license": {
			"name": "Apache-2.0",
			"identifier": "Apache-2.0"
		}
	},
	"paths": {
		"/manage/add": {
			"post": {
				"operationId": "addHost",
				"requestBody": {
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/HostRequest"
							}
						}
					}
				},
				"responses": {
					"200": {
						"$ref": "#/components/responses/Managed"
					},
					"302": {
						"$ref": "#/components/responses/Managed"
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"default": {
						"$ref": "#/components/responses/Managed"
					}
				}
			}
		},
		"/manage/is_added": {
			"post": {
				"operationId": "findHost",
				"requestBody": {
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/HostRequest"
							}
						}
					}
				},
				"responses": {
					"200": {
						"$ref": "#/components/responses/Managed"
					},
					"302": {
						"$ref": "#/components/responses/Managed"
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"404": {
						"$ref": "#/components/responses/Managed"
					},
					"default": {
						"$ref": "#/components/responses/Managed"
					}
				}
			}
		},
		"/manage/remove": {
			"post": {
				"operationId": "removeHost",
				"requestBody": {
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/HostRequest"
							}
						}
					}
				},
				"responses": {
					"200": {
						"$ref": "#/components/responses/Managed"
					},
					"302": {
						"$ref": "#/components/responses/Managed"
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"404": {
						"$ref": "#/components/responses/Managed"
					},
					"default": {
						"$ref": "#/components/responses/Managed"
					}
				}
			}
		},
		"/manage/hosts": {
			"get": {
				"operationId": "listHosts",
				"parameters": [
					{
						"name": "group",
						"in": "query",
						"required": false,
						"schema": {
							"type": "string",
							"minLength": 1
						}
					}
				],
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/HostList"
								}
							}
						}
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"default": {
						"$ref": "#/components/responses/Managed"
					}
				}
			}
		}
	},
	"components": {
		"schemas": {
			"HostRequest": {
				"type": "object",
				"required": [
					"hostdata"
				],
				"properties": {
					"apikey": {
						"$ref": "#/components/schemas/ApiKey"
					},
					"hostdata": {
						"type": "object",
						"required": [
							"group_name",
							"ip",
							"hostname",
							"port",
							"proxies"
						],
						"properties": {
							"group_name": {
								"type": "string",
								"minLength": 1
							},
							"ip": {
								"type": "string",
								"minLength": 1
							},
							"hostname": {
								"type": "string"
							},
							"port": {
								"type": "integer",
								"minimum": 1,
								"maximum": 65535
							},
							"proxies": {
								"type": [
									"array",
									"null"
								],
								"items": {
									"type": "string"
								}
							}
						}
					}
				}
			},
			"HostList": {
				"type": "object",
				"required": [
					"hosts"
				],
				"properties": {
					"hosts": {
						"type": "array",
						"items": {
							"type": "object",
							"required": [
								"group_name",
								"ip",
								"hostname",
								"port",
								"proxies"
							],
							"properties": {
								"group_name": {
									"type": "string"
								},
								"ip": {
									"type": "string"
								},
								"hostname": {
									"type": "string"
								},
								"port": {
									"type": "integer"
								},
								"proxies": {
									"type": "array",
									"items": {
										"type": "string"
									}
								}
							}
						}
					}
				}
			},
			"ApiKey": {
				"type": [
					"string",
					"null"
				]
			},
			"Problem": {
				"type": "object",
				"required": [
					"type",
					"title",
					"status",
					"detail"
				],
				"properties": {
					"type": {
						"$ref": "#/components/schemas/ProblemType"
					},
					"title": {
						"type": "string"
					},
					"status": {
						"type": "integer"
					},
					"detail": {
						"type": "string"
					},
					"id": {
						"$ref": "#/components/schemas/DecisionId"
					}
				}
			},
			"ProblemType": {
				"type": "string",
				"enum": [
					"urn:happo:problem:bad-http",
					"urn:happo:problem:bad-body",
					"urn:happo:problem:bad-request",
					"urn:happo:problem:bad-relay",
					"urn:happo:problem:unknown-consumer",
					"urn:happo:problem:forbidden",
					"urn:happo:problem:not-permitted",
					"urn:happo:problem:destination-forbidden",
					"urn:happo:problem:web-page",
					"urn:happo:problem:no-such-path",
					"urn:happo:problem:misrelayed-get",
					"urn:happo:problem:turned-off",
					"urn:happo:problem:no-such-method",
					"urn:happo:problem:request-timeout",
					"urn:happo:problem:body-too-large",
					"urn:happo:problem:rate-limited",
					"urn:happo:problem:headers-too-large",
					"urn:happo:problem:internal",
					"urn:happo:problem:not-started",
					"urn:happo:problem:audit-failed",
					"urn:happo:problem:busy",
					"urn:happo:problem:relay-busy",
					"urn:happo:problem:stopping",
					"urn:happo:problem:store-full",
					"urn:happo:problem:store-unavailable"
				]
			},
			"DecisionId": {
				"type": "string"
			}
		},
		"responses": {
			"Managed": {},
			"BadRequest": {
				"content": {
					"application/problem+json": {
						"schema": {
							"$ref": "#/components/schemas/Problem"
						}
					}
				}
			}
		}
	}
};

/** A handler for every operation of a management server. */
export interface ManagementHandlers {
	/** Register a host: `POST /manage/add`. */
	addHost: ManagementHandler<"addHost">;
	/** Check whether a host is registered: `POST /manage/is_added`. */
	findHost: ManagementHandler<"findHost">;
	/** Unregister a host: `POST /manage/remove`. */
	removeHost: ManagementHandler<"removeHost">;
	/** List the registered hosts: `GET /manage/hosts`. */
	listHosts: ManagementHandler<"listHosts">;
}

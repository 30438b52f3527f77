// Written by `npm run generate` from cli/ctl/web/openapi.yaml. Do not edit.
/** The operations of happo-ctl web, without texts and examples. */
export const webContract = {
	"openapi": "3.1.0",
	"info": {
		"title": "happo-ctl web",
		"version": "2.0.0",
		"license": {
			"name": "Apache-2.0",
			"identifier": "Apache-2.0"
		}
	},
	"paths": {
		"/api/session": {
			"post": {
				"operationId": "openSession",
				"security": [],
				"requestBody": {
					"x-max-bytes": 4096,
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"type": "object",
								"required": [
									"token"
								],
								"properties": {
									"token": {
										"type": "string",
										"minLength": 1,
										"maxLength": 200
									}
								}
							}
						}
					}
				},
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"type": "object",
									"required": [
										"key"
									],
									"properties": {
										"key": {
											"type": "string"
										}
									}
								}
							}
						}
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"401": {
						"$ref": "#/components/responses/NoSession"
					},
					"403": {
						"$ref": "#/components/responses/Foreign"
					},
					"413": {
						"$ref": "#/components/responses/TooLarge"
					}
				}
			}
		},
		"/api/link": {
			"post": {
				"operationId": "createLink",
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"type": "object",
									"required": [
										"url"
									],
									"properties": {
										"url": {
											"type": "string"
										}
									}
								}
							}
						}
					},
					"401": {
						"$ref": "#/components/responses/NoSession"
					},
					"403": {
						"$ref": "#/components/responses/Foreign"
					}
				}
			}
		},
		"/api/watch": {
			"post": {
				"operationId": "watch",
				"requestBody": {
					"x-max-bytes": 65536,
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/WatchRequest"
							}
						}
					}
				},
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/Changes"
								}
							}
						}
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"401": {
						"$ref": "#/components/responses/NoSession"
					},
					"403": {
						"$ref": "#/components/responses/Foreign"
					},
					"404": {
						"$ref": "#/components/responses/NotFound"
					},
					"413": {
						"$ref": "#/components/responses/TooLarge"
					},
					"503": {
						"$ref": "#/components/responses/Busy"
					}
				}
			}
		},
		"/api/hosts/{id}/ask": {
			"post": {
				"operationId": "askAgain",
				"parameters": [
					{
						"$ref": "#/components/parameters/HostId"
					}
				],
				"requestBody": {
					"x-max-bytes": 4096,
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"type": "object",
								"required": [
									"part"
								],
								"properties": {
									"part": {
										"$ref": "#/components/schemas/PartName"
									}
								}
							}
						}
					}
				},
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/Done"
								}
							}
						}
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"401": {
						"$ref": "#/components/responses/NoSession"
					},
					"403": {
						"$ref": "#/components/responses/Foreign"
					},
					"404": {
						"$ref": "#/components/responses/NotFound"
					},
					"413": {
						"$ref": "#/components/responses/TooLarge"
					}
				}
			}
		},
		"/api/hosts/{id}/check": {
			"post": {
				"operationId": "runCheck",
				"parameters": [
					{
						"$ref": "#/components/parameters/HostId"
					}
				],
				"requestBody": {
					"x-max-bytes": 262144,
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/CheckCall"
							}
						}
					}
				},
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/CheckOutcome"
								}
							}
						}
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"401": {
						"$ref": "#/components/responses/NoSession"
					},
					"403": {
						"$ref": "#/components/responses/Foreign"
					},
					"404": {
						"$ref": "#/components/responses/NotFound"
					},
					"413": {
						"$ref": "#/components/responses/TooLarge"
					},
					"503": {
						"$ref": "#/components/responses/Busy"
					}
				}
			}
		},
		"/api/hosts/{id}/lines": {
			"post": {
				"operationId": "getLines",
				"parameters": [
					{
						"$ref": "#/components/parameters/HostId"
					}
				],
				"requestBody": {
					"x-max-bytes": 262144,
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/CheckCall"
							}
						}
					}
				},
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/Lines"
								}
							}
						}
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"401": {
						"$ref": "#/components/responses/NoSession"
					},
					"403": {
						"$ref": "#/components/responses/Foreign"
					},
					"404": {
						"$ref": "#/components/responses/NotFound"
					},
					"413": {
						"$ref": "#/components/responses/TooLarge"
					}
				}
			}
		},
		"/api/hosts/{id}/series": {
			"post": {
				"operationId": "getSeries",
				"parameters": [
					{
						"$ref": "#/components/parameters/HostId"
					}
				],
				"requestBody": {
					"x-max-bytes": 65536,
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/SeriesRequest"
							}
						}
					}
				},
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"type": "object",
									"required": [
										"series"
									],
									"properties": {
										"series": {
											"type": "array",
											"items": {
												"$ref": "#/components/schemas/Series"
											}
										}
									}
								}
							}
						}
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"401": {
						"$ref": "#/components/responses/NoSession"
					},
					"403": {
						"$ref": "#/components/responses/Foreign"
					},
					"404": {
						"$ref": "#/components/responses/NotFound"
					},
					"413": {
						"$ref": "#/components/responses/TooLarge"
					}
				}
			}
		},
		"/api/hosts/{id}/machine-states/{key}": {
			"get": {
				"operationId": "getMachineState",
				"parameters": [
					{
						"$ref": "#/components/parameters/HostId"
					},
					{
						"name": "key",
						"in": "path",
						"required": true,
						"schema": {
							"type": "string",
							"pattern": "^s-[0-9]{1,19}$"
						}
					}
				],
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"type": "object",
									"required": [
										"text",
										"failure"
									],
									"properties": {
										"text": {
											"type": [
												"string",
												"null"
											]
										},
										"failure": {
											"$ref": "#/components/schemas/FailureOrNull"
										}
									}
								}
							}
						}
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"401": {
						"$ref": "#/components/responses/NoSession"
					},
					"403": {
						"$ref": "#/components/responses/Foreign"
					},
					"404": {
						"$ref": "#/components/responses/NotFound"
					},
					"503": {
						"$ref": "#/components/responses/Busy"
					}
				}
			}
		},
		"/api/hosts/{id}/machine-states/{key}/changes": {
			"post": {
				"operationId": "compareMachineStates",
				"parameters": [
					{
						"$ref": "#/components/parameters/HostId"
					},
					{
						"name": "key",
						"in": "path",
						"required": true,
						"schema": {
							"type": "string",
							"pattern": "^s-[0-9]{1,19}$"
						}
					}
				],
				"requestBody": {
					"x-max-bytes": 4096,
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"type": "object",
								"required": [
									"with"
								],
								"properties": {
									"with": {
										"type": "string",
										"pattern": "^s-[0-9]{1,19}$"
									}
								}
							}
						}
					}
				},
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"type": "object",
									"required": [
										"lines",
										"failure"
									],
									"properties": {
										"lines": {
											"type": [
												"array",
												"null"
											],
											"items": {
												"type": "string"
											}
										},
										"failure": {
											"$ref": "#/components/schemas/FailureOrNull"
										}
									}
								}
							}
						}
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"401": {
						"$ref": "#/components/responses/NoSession"
					},
					"403": {
						"$ref": "#/components/responses/Foreign"
					},
					"404": {
						"$ref": "#/components/responses/NotFound"
					},
					"413": {
						"$ref": "#/components/responses/TooLarge"
					},
					"503": {
						"$ref": "#/components/responses/Busy"
					}
				}
			}
		}
	},
	"components": {
		"responses": {
			"BadRequest": {
				"content": {
					"application/problem+json": {
						"schema": {
							"$ref": "#/components/schemas/Problem"
						}
					}
				}
			},
			"NoSession": {
				"content": {
					"application/problem+json": {
						"schema": {
							"$ref": "#/components/schemas/Problem"
						}
					}
				}
			},
			"Foreign": {
				"content": {
					"application/problem+json": {
						"schema": {
							"$ref": "#/components/schemas/Problem"
						}
					}
				}
			},
			"TooLarge": {
				"content": {
					"application/problem+json": {
						"schema": {
							"$ref": "#/components/schemas/Problem"
						}
					}
				}
			},
			"NotFound": {
				"content": {
					"application/problem+json": {
						"schema": {
							"$ref": "#/components/schemas/Problem"
						}
					}
				}
			},
			"Busy": {
				"content": {
					"application/problem+json": {
						"schema": {
							"$ref": "#/components/schemas/Problem"
						}
					}
				}
			}
		},
		"schemas": {
			"WatchRequest": {
				"type": "object",
				"properties": {
					"wait_seconds": {
						"type": "number",
						"minimum": 0,
						"maximum": 60
					},
					"hosts": {
						"type": "integer",
						"minimum": 0
					},
					"host": {
						"type": "object",
						"required": [
							"id",
							"parts"
						],
						"properties": {
							"id": {
								"type": "integer",
								"minimum": 0
							},
							"parts": {
								"type": "object",
								"additionalProperties": false,
								"properties": {
									"health": {
										"type": "integer",
										"minimum": 0
									},
									"commands": {
										"type": "integer",
										"minimum": 0
									},
									"results": {
										"type": "integer",
										"minimum": 0
									},
									"refusals": {
										"type": "integer",
										"minimum": 0
									},
									"metrics": {
										"type": "integer",
										"minimum": 0
									},
									"machine_states": {
										"type": "integer",
										"minimum": 0
									},
									"relay": {
										"type": "integer",
										"minimum": 0
									}
								}
							}
						}
					}
				}
			},
			"Changes": {
				"type": "object",
				"properties": {
					"hosts": {
						"$ref": "#/components/schemas/HostChanges"
					},
					"host": {
						"$ref": "#/components/schemas/PartChanges"
					}
				}
			},
			"PartName": {
				"type": "string",
				"enum": [
					"health",
					"commands",
					"results",
					"refusals",
					"metrics",
					"machine_states",
					"relay"
				]
			},
			"Done": {
				"type": "object",
				"required": [
					"done"
				],
				"properties": {
					"done": {
						"type": "boolean",
						"const": true
					}
				}
			},
			"CheckCall": {
				"type": "object",
				"required": [
					"plugin",
					"words"
				],
				"properties": {
					"plugin": {
						"type": "string",
						"minLength": 1,
						"maxLength": 4096
					},
					"words": {
						"type": "array",
						"maxItems": 4096,
						"items": {
							"type": "string",
							"maxLength": 65536
						}
					},
					"command": {
						"type": "string",
						"maxLength": 200
					}
				}
			},
			"CheckOutcome": {
				"type": "object",
				"required": [
					"result",
					"failure",
					"seconds"
				],
				"properties": {
					"result": {
						"oneOf": [
							{
								"$ref": "#/components/schemas/CheckResult"
							},
							{
								"type": "null"
							}
						]
					},
					"failure": {
						"$ref": "#/components/schemas/FailureOrNull"
					},
					"seconds": {
						"type": "number"
					}
				}
			},
			"Lines": {
				"type": "object",
				"required": [
					"check_happo",
					"nagios",
					"icinga"
				],
				"properties": {
					"check_happo": {
						"type": "string"
					},
					"nagios": {
						"type": "string"
					},
					"icinga": {
						"type": "string"
					}
				}
			},
			"SeriesRequest": {
				"type": "object",
				"required": [
					"metrics"
				],
				"properties": {
					"metrics": {
						"type": "array",
						"minItems": 1,
						"maxItems": 50,
						"items": {
							"type": "object",
							"required": [
								"host",
								"name"
							],
							"properties": {
								"host": {
									"type": "string",
									"maxLength": 4096
								},
								"name": {
									"type": "string",
									"maxLength": 4096
								}
							}
						}
					},
					"since": {
						"type": "number"
					}
				}
			},
			"Series": {
				"type": "object",
				"required": [
					"host",
					"name",
					"times",
					"values"
				],
				"properties": {
					"host": {
						"type": "string"
					},
					"name": {
						"type": "string"
					},
					"times": {
						"type": "array",
						"items": {
							"type": "number"
						}
					},
					"values": {
						"type": "array",
						"items": {
							"type": "number"
						}
					}
				}
			},
			"FailureOrNull": {
				"oneOf": [
					{
						"$ref": "#/components/schemas/Failure"
					},
					{
						"type": "null"
					}
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
						"type": "string",
						"enum": [
							"urn:happo:problem:bad-request",
							"urn:happo:problem:bad-token",
							"urn:happo:problem:no-session",
							"urn:happo:problem:foreign",
							"urn:happo:problem:not-found",
							"urn:happo:problem:no-such-method",
							"urn:happo:problem:body-too-large",
							"urn:happo:problem:busy",
							"urn:happo:problem:internal"
						]
					},
					"title": {
						"type": "string"
					},
					"status": {
						"type": "integer"
					},
					"detail": {
						"type": "string"
					}
				}
			},
			"HostChanges": {
				"type": "object",
				"required": [
					"revision",
					"about",
					"hosts",
					"gone"
				],
				"properties": {
					"revision": {
						"type": "integer"
					},
					"about": {
						"$ref": "#/components/schemas/About"
					},
					"hosts": {
						"type": "array",
						"items": {
							"$ref": "#/components/schemas/Host"
						}
					},
					"gone": {
						"type": "array",
						"items": {
							"type": "integer"
						}
					}
				}
			},
			"PartChanges": {
				"type": "object",
				"required": [
					"id",
					"parts"
				],
				"properties": {
					"id": {
						"type": "integer"
					},
					"parts": {
						"type": "object",
						"properties": {
							"health": {
								"$ref": "#/components/schemas/HealthPart"
							},
							"commands": {
								"$ref": "#/components/schemas/CommandsPart"
							},
							"results": {
								"$ref": "#/components/schemas/ResultsPart"
							},
							"refusals": {
								"$ref": "#/components/schemas/RefusalsPart"
							},
							"metrics": {
								"$ref": "#/components/schemas/MetricsPart"
							},
							"machine_states": {
								"$ref": "#/components/schemas/MachineStatesPart"
							},
							"relay": {
								"$ref": "#/components/schemas/RelayPart"
							}
						}
					}
				}
			},
			"CheckResult": {
				"type": "object",
				"required": [
					"exit_status",
					"output"
				],
				"properties": {
					"exit_status": {
						"type": "integer"
					},
					"output": {
						"type": "string"
					}
				}
			},
			"Failure": {
				"type": "object",
				"required": [
					"reason",
					"message",
					"at"
				],
				"properties": {
					"reason": {
						"type": "string",
						"enum": [
							"unreachable",
							"untrusted",
							"unsupported",
							"refused",
							"failed"
						]
					},
					"message": {
						"type": "string"
					},
					"at": {
						"type": "number"
					}
				}
			},
			"About": {
				"type": "object",
				"required": [
					"version",
					"targets",
					"hosts",
					"interval_seconds"
				],
				"properties": {
					"version": {
						"type": "string"
					},
					"targets": {
						"type": "string"
					},
					"hosts": {
						"type": "integer"
					},
					"interval_seconds": {
						"type": "number"
					}
				}
			},
			"Host": {
				"type": "object",
				"required": [
					"id",
					"key",
					"name",
					"via",
					"group",
					"state",
					"problem",
					"problems",
					"version",
					"answered_at",
					"waiting_since"
				],
				"properties": {
					"id": {
						"type": "integer"
					},
					"key": {
						"type": "string"
					},
					"name": {
						"type": "string"
					},
					"label": {
						"type": "string"
					},
					"via": {
						"type": "array",
						"items": {
							"type": "string"
						}
					},
					"group": {
						"type": "string"
					},
					"state": {
						"$ref": "#/components/schemas/HostState"
					},
					"problem": {
						"type": "string"
					},
					"problems": {
						"type": "integer"
					},
					"version": {
						"type": "string"
					},
					"answered_at": {
						"type": [
							"number",
							"null"
						]
					},
					"waiting_since": {
						"type": [
							"number",
							"null"
						]
					}
				}
			},
			"HealthPart": {
				"allOf": [
					{
						"$ref": "#/components/schemas/Part"
					},
					{
						"type": "object",
						"required": [
							"data"
						],
						"properties": {
							"data": {
								"oneOf": [
									{
										"$ref": "#/components/schemas/Health"
									},
									{
										"type": "null"
									}
								]
							}
						}
					}
				]
			},
			"CommandsPart": {
				"allOf": [
					{
						"$ref": "#/components/schemas/Part"
					},
					{
						"type": "object",
						"required": [
							"data"
						],
						"properties": {
							"data": {
								"oneOf": [
									{
										"type": "object",
										"x-agent-schema": "CommandList"
									},
									{
										"type": "null"
									}
								]
							}
						}
					}
				]
			},
			"ResultsPart": {
				"allOf": [
					{
						"$ref": "#/components/schemas/Part"
					},
					{
						"type": "object",
						"required": [
							"data"
						],
						"properties": {
							"data": {
								"oneOf": [
									{
										"type": "object",
										"x-agent-schema": "ResultList"
									},
									{
										"type": "null"
									}
								]
							}
						}
					}
				]
			},
			"RefusalsPart": {
				"allOf": [
					{
						"$ref": "#/components/schemas/Part"
					},
					{
						"type": "object",
						"required": [
							"data"
						],
						"properties": {
							"data": {
								"oneOf": [
									{
										"type": "object",
										"x-agent-schema": "RefusalList"
									},
									{
										"type": "null"
									}
								]
							}
						}
					}
				]
			},
			"MetricsPart": {
				"allOf": [
					{
						"$ref": "#/components/schemas/Part"
					},
					{
						"type": "object",
						"required": [
							"data"
						],
						"properties": {
							"data": {
								"oneOf": [
									{
										"$ref": "#/components/schemas/KnownMetrics"
									},
									{
										"type": "null"
									}
								]
							}
						}
					}
				]
			},
			"MachineStatesPart": {
				"allOf": [
					{
						"$ref": "#/components/schemas/Part"
					},
					{
						"type": "object",
						"required": [
							"data"
						],
						"properties": {
							"data": {
								"oneOf": [
									{
										"$ref": "#/components/schemas/MachineStates"
									},
									{
										"type": "null"
									}
								]
							}
						}
					}
				]
			},
			"RelayPart": {
				"allOf": [
					{
						"$ref": "#/components/schemas/Part"
					},
					{
						"type": "object",
						"required": [
							"data"
						],
						"properties": {
							"data": {
								"oneOf": [
									{
										"$ref": "#/components/schemas/Relay"
									},
									{
										"type": "null"
									}
								]
							}
						}
					}
				]
			},
			"HostState": {
				"type": "string",
				"enum": [
					"failed",
					"critical",
					"unknown",
					"warning",
					"waiting",
					"ok"
				]
			},
			"Part": {
				"type": "object",
				"required": [
					"revision",
					"waiting_since",
					"failure",
					"answered_at"
				],
				"properties": {
					"revision": {
						"type": "integer"
					},
					"waiting_since": {
						"type": [
							"number",
							"null"
						]
					},
					"failure": {
						"$ref": "#/components/schemas/FailureOrNull"
					},
					"answered_at": {
						"type": [
							"number",
							"null"
						]
					}
				}
			},
			"Health": {
				"type": "object",
				"required": [
					"problems",
					"status"
				],
				"properties": {
					"problems": {
						"type": "array",
						"items": {
							"type": "string"
						}
					},
					"status": {
						"type": "object",
						"x-agent-schema": "Status"
					}
				}
			},
			"KnownMetrics": {
				"type": "object",
				"required": [
					"metrics",
					"dropped",
					"buffer_failure"
				],
				"properties": {
					"metrics": {
						"type": "array",
						"items": {
							"$ref": "#/components/schemas/KnownMetric"
						}
					},
					"dropped": {
						"type": "integer"
					},
					"buffer_failure": {
						"$ref": "#/components/schemas/FailureOrNull"
					}
				}
			},
			"MachineStates": {
				"type": "object",
				"required": [
					"states"
				],
				"properties": {
					"states": {
						"type": "array",
						"items": {
							"type": "object",
							"required": [
								"key",
								"taken_at"
							],
							"properties": {
								"key": {
									"type": "string"
								},
								"taken_at": {
									"type": "number"
								}
							}
						}
					}
				}
			},
			"Relay": {
				"type": "object",
				"required": [
					"requests",
					"running",
					"slow_hops",
					"settings",
					"behind"
				],
				"properties": {
					"requests": {
						"type": "array",
						"items": {
							"type": "object",
							"required": [
								"status",
								"count"
							],
							"properties": {
								"status": {
									"type": "string"
								},
								"count": {
									"type": "number"
								}
							}
						}
					},
					"running": {
						"type": [
							"integer",
							"null"
						]
					},
					"slow_hops": {
						"type": "array",
						"items": {
							"type": "string"
						}
					},
					"settings": {
						"type": "object",
						"additionalProperties": {
							"type": "string"
						}
					},
					"behind": {
						"type": "array",
						"items": {
							"type": "object",
							"required": [
								"key",
								"name"
							],
							"properties": {
								"key": {
									"type": "string"
								},
								"name": {
									"type": "string"
								}
							}
						}
					}
				}
			},
			"KnownMetric": {
				"type": "object",
				"required": [
					"host",
					"name",
					"kind",
					"latest",
					"latest_at",
					"values"
				],
				"properties": {
					"host": {
						"type": "string"
					},
					"name": {
						"type": "string"
					},
					"kind": {
						"type": "string",
						"enum": [
							"gauge",
							"counter",
							"unknown"
						]
					},
					"latest": {
						"type": "number"
					},
					"latest_at": {
						"type": "number"
					},
					"values": {
						"type": "integer"
					}
				}
			}
		},
		"parameters": {
			"HostId": {
				"name": "id",
				"in": "path",
				"required": true,
				"schema": {
					"type": "string",
					"pattern": "^[0-9]{1,6}$"
				}
			}
		}
	}
};

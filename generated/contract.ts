// Written by `npm run generate` from openapi.yaml. Do not edit.
/** The operations of an agent, without texts and examples. */
export const contract = {
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
		"/": {
			"get": {
				"operationId": "checkAvailability",
				"x-permission": "ping",
				"responses": {
					"200": {
						"content": {
							"text/plain": {
								"schema": {
									"type": "string",
									"const": "OK"
								}
							}
						}
					},
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					}
				}
			}
		},
		"/proxy": {
			"post": {
				"operationId": "relayRequest",
				"x-permission": "relay",
				"parameters": [
					{
						"$ref": "#/components/parameters/MillisecondsLeft"
					},
					{
						"$ref": "#/components/parameters/Hops"
					}
				],
				"requestBody": {
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/RelayRequest"
							}
						}
					}
				},
				"responses": {
					"400": {
						"$ref": "#/components/responses/CheckBadRequest"
					},
					"403": {
						"$ref": "#/components/responses/CheckForbidden"
					},
					"413": {
						"$ref": "#/components/responses/CheckTooLarge"
					},
					"429": {
						"$ref": "#/components/responses/CheckRateLimited"
					},
					"500": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/CheckResult"
								}
							},
							"application/problem+json": {
								"schema": {
									"$ref": "#/components/schemas/CheckProblem"
								}
							}
						}
					},
					"503": {
						"$ref": "#/components/responses/CheckBusy"
					},
					"504": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/CheckResult"
								}
							}
						}
					},
					"default": {
						"content": {
							"*/*": {
								"schema": {
									"type": "string",
									"format": "binary"
								}
							}
						}
					}
				}
			}
		},
		"/monitor": {
			"post": {
				"operationId": "runCheck",
				"x-permission": "check",
				"parameters": [
					{
						"$ref": "#/components/parameters/MillisecondsLeft"
					}
				],
				"requestBody": {
					"x-max-bytes": 4194304,
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/CheckRequest"
							}
						}
					}
				},
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/CheckResult"
								}
							}
						}
					},
					"400": {
						"$ref": "#/components/responses/CheckBadRequest"
					},
					"403": {
						"$ref": "#/components/responses/CheckForbidden"
					},
					"413": {
						"$ref": "#/components/responses/CheckTooLarge"
					},
					"429": {
						"$ref": "#/components/responses/CheckRateLimited"
					},
					"500": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/CheckResult"
								}
							},
							"application/problem+json": {
								"schema": {
									"$ref": "#/components/schemas/CheckProblem"
								}
							}
						}
					},
					"503": {
						"$ref": "#/components/responses/CheckBusy"
					}
				}
			}
		},
		"/inventory": {
			"post": {
				"operationId": "runInventoryCommand",
				"x-permission": "inventory",
				"parameters": [
					{
						"$ref": "#/components/parameters/MillisecondsLeft"
					}
				],
				"requestBody": {
					"x-max-bytes": 4194304,
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/InventoryRequest"
							}
						}
					}
				},
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/InventoryResult"
								}
							}
						}
					},
					"400": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/InventoryResult"
								}
							},
							"application/problem+json": {
								"schema": {
									"$ref": "#/components/schemas/InventoryProblem"
								}
							}
						}
					},
					"403": {
						"content": {
							"text/plain": {
								"schema": {
									"$ref": "#/components/schemas/AccessDenied"
								}
							},
							"application/problem+json": {
								"schema": {
									"$ref": "#/components/schemas/InventoryProblem"
								}
							}
						}
					},
					"413": {
						"content": {
							"application/problem+json": {
								"schema": {
									"$ref": "#/components/schemas/InventoryProblem"
								}
							}
						}
					},
					"417": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/InventoryResult"
								}
							}
						}
					},
					"429": {
						"$ref": "#/components/responses/InventoryRateLimited"
					},
					"500": {
						"content": {
							"application/problem+json": {
								"schema": {
									"$ref": "#/components/schemas/InventoryProblem"
								}
							}
						}
					},
					"503": {
						"headers": {
							"Retry-After": {
								"$ref": "#/components/headers/RetryAfter"
							}
						},
						"content": {
							"application/problem+json": {
								"schema": {
									"$ref": "#/components/schemas/InventoryProblem"
								}
							}
						}
					}
				}
			}
		},
		"/metric": {
			"post": {
				"operationId": "drainMetrics",
				"x-permission": "drain",
				"requestBody": {
					"x-max-bytes": 65536,
					"required": false,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/KeyOnlyRequest"
							}
						}
					}
				},
				"responses": {
					"200": {
						"$ref": "#/components/responses/MetricsTaken"
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"413": {
						"$ref": "#/components/responses/TooLarge"
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					},
					"503": {
						"$ref": "#/components/responses/Busy"
					}
				}
			}
		},
		"/metric/append": {
			"post": {
				"operationId": "appendMetrics",
				"x-permission": "append",
				"requestBody": {
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/AppendRequest"
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
										"status",
										"message"
									],
									"properties": {
										"status": {
											"type": "string",
											"const": "ok"
										},
										"message": {
											"type": "string",
											"const": ""
										}
									}
								}
							}
						}
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"413": {
						"$ref": "#/components/responses/TooLarge"
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					},
					"503": {
						"$ref": "#/components/responses/Busy"
					}
				}
			}
		},
		"/metric/lease": {
			"post": {
				"operationId": "leaseMetrics",
				"x-permission": "lease",
				"requestBody": {
					"x-max-bytes": 65536,
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/LeaseRequest"
							}
						}
					}
				},
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/LeasedMetrics"
								}
							}
						}
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"413": {
						"$ref": "#/components/responses/TooLarge"
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					},
					"503": {
						"$ref": "#/components/responses/Busy"
					}
				}
			}
		},
		"/metric/ack": {
			"post": {
				"operationId": "acknowledgeMetrics",
				"x-permission": "acknowledge",
				"requestBody": {
					"x-max-bytes": 65536,
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/AcknowledgeRequest"
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
										"status",
										"message"
									],
									"properties": {
										"status": {
											"type": "string",
											"const": "ok"
										},
										"message": {
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
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"413": {
						"$ref": "#/components/responses/TooLarge"
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					},
					"503": {
						"$ref": "#/components/responses/Busy"
					}
				}
			}
		},
		"/metric/leases": {
			"get": {
				"operationId": "listLeases",
				"x-permission": "read-leases",
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/LeaseList"
								}
							}
						}
					},
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					},
					"503": {
						"$ref": "#/components/responses/Busy"
					}
				}
			}
		},
		"/metric/release": {
			"post": {
				"operationId": "releaseLease",
				"x-permission": "release",
				"requestBody": {
					"x-max-bytes": 65536,
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/ReleaseRequest"
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
										"status",
										"message",
										"released"
									],
									"properties": {
										"status": {
											"type": "string",
											"const": "ok"
										},
										"message": {
											"type": "string"
										},
										"released": {
											"type": "boolean"
										}
									}
								}
							}
						}
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"413": {
						"$ref": "#/components/responses/TooLarge"
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					},
					"503": {
						"$ref": "#/components/responses/Busy"
					}
				}
			}
		},
		"/metric/peek": {
			"post": {
				"operationId": "peekMetrics",
				"x-permission": "peek",
				"requestBody": {
					"x-max-bytes": 65536,
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/PeekRequest"
							}
						}
					}
				},
				"responses": {
					"200": {
						"$ref": "#/components/responses/MetricsTaken"
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"413": {
						"$ref": "#/components/responses/TooLarge"
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					},
					"503": {
						"$ref": "#/components/responses/Busy"
					}
				}
			}
		},
		"/metric/config": {
			"get": {
				"operationId": "getMetricConfig",
				"x-permission": "read-config",
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/MetricConfigStatus"
								}
							}
						}
					},
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					}
				}
			}
		},
		"/metric/config/update": {
			"post": {
				"operationId": "updateMetricConfig",
				"x-permission": "configure",
				"requestBody": {
					"x-max-bytes": 2097152,
					"required": true,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/MetricConfigUpdate"
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
										"status",
										"message"
									],
									"properties": {
										"status": {
											"type": "string",
											"enum": [
												"OK",
												"NG"
											]
										},
										"message": {
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
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"413": {
						"$ref": "#/components/responses/TooLarge"
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					},
					"503": {
						"$ref": "#/components/responses/Busy"
					}
				}
			}
		},
		"/metric/status": {
			"get": {
				"operationId": "getMetricStatus",
				"x-permission": "read-status",
				"responses": {
					"301": {
						"headers": {
							"Location": {
								"required": true,
								"schema": {
									"type": "string",
									"const": "/status"
								}
							}
						},
						"content": {
							"text/html": {
								"schema": {
									"type": "string"
								}
							}
						}
					},
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					}
				}
			}
		},
		"/status": {
			"get": {
				"operationId": "getStatus",
				"x-permission": "read-status",
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/Status"
								}
							}
						}
					},
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					}
				}
			}
		},
		"/status/memory": {
			"get": {
				"operationId": "getMemoryStatus",
				"x-permission": "read-status",
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/MemoryStatus"
								}
							}
						}
					},
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					}
				}
			}
		},
		"/status/request": {
			"get": {
				"operationId": "getRequestStatus",
				"x-permission": "read-status",
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/RequestStatus"
								}
							}
						}
					},
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"404": {
						"content": {
							"application/problem+json": {
								"schema": {
									"$ref": "#/components/schemas/Problem"
								}
							}
						}
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					}
				}
			}
		},
		"/machine-state": {
			"get": {
				"operationId": "listMachineStates",
				"x-permission": "read-states",
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/MachineStateList"
								}
							}
						}
					},
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"404": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/MachineStateList"
								}
							}
						}
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					},
					"503": {
						"$ref": "#/components/responses/Busy"
					}
				}
			}
		},
		"/machine-state/{key}": {
			"get": {
				"operationId": "getMachineState",
				"x-permission": "read-states",
				"parameters": [
					{
						"name": "key",
						"in": "path",
						"required": true,
						"schema": {
							"type": "string"
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
										"machineState"
									],
									"properties": {
										"machineState": {
											"type": "string"
										}
									}
								}
							}
						}
					},
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"404": {
						"content": {
							"application/json": {
								"schema": {
									"type": "object",
									"required": [
										"error"
									],
									"properties": {
										"error": {
											"type": "string"
										}
									}
								}
							}
						}
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					},
					"503": {
						"$ref": "#/components/responses/Busy"
					}
				}
			}
		},
		"/metrics": {
			"get": {
				"operationId": "exposeMetrics",
				"x-permission": "read-metrics",
				"responses": {
					"200": {
						"content": {
							"text/plain": {
								"schema": {
									"type": "string"
								}
							},
							"application/openmetrics-text": {
								"schema": {
									"type": "string"
								}
							}
						}
					},
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					}
				}
			}
		},
		"/commands": {
			"post": {
				"operationId": "listCommands",
				"x-permission": "read-commands",
				"requestBody": {
					"x-max-bytes": 65536,
					"required": false,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/KeyOnlyRequest"
							}
						}
					}
				},
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/CommandList"
								}
							}
						}
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"413": {
						"$ref": "#/components/responses/TooLarge"
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					},
					"503": {
						"$ref": "#/components/responses/Busy"
					}
				}
			}
		},
		"/results": {
			"post": {
				"operationId": "listResults",
				"x-permission": "read-results",
				"requestBody": {
					"x-max-bytes": 65536,
					"required": false,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/KeyOnlyRequest"
							}
						}
					}
				},
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/ResultList"
								}
							}
						}
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"413": {
						"$ref": "#/components/responses/TooLarge"
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
					},
					"503": {
						"$ref": "#/components/responses/Busy"
					}
				}
			}
		},
		"/refusals": {
			"post": {
				"operationId": "listRefusals",
				"x-permission": "read-refusals",
				"requestBody": {
					"x-max-bytes": 65536,
					"required": false,
					"content": {
						"application/json": {
							"schema": {
								"$ref": "#/components/schemas/KeyOnlyRequest"
							}
						}
					}
				},
				"responses": {
					"200": {
						"content": {
							"application/json": {
								"schema": {
									"$ref": "#/components/schemas/RefusalList"
								}
							}
						}
					},
					"400": {
						"$ref": "#/components/responses/BadRequest"
					},
					"403": {
						"$ref": "#/components/responses/Forbidden"
					},
					"413": {
						"$ref": "#/components/responses/TooLarge"
					},
					"429": {
						"$ref": "#/components/responses/RateLimited"
					},
					"500": {
						"$ref": "#/components/responses/InternalError"
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
			"Forbidden": {
				"content": {
					"text/plain": {
						"schema": {
							"$ref": "#/components/schemas/AccessDenied"
						}
					},
					"application/problem+json": {
						"schema": {
							"$ref": "#/components/schemas/Problem"
						}
					}
				}
			},
			"RateLimited": {
				"headers": {
					"Retry-After": {
						"$ref": "#/components/headers/RetryAfter"
					}
				},
				"content": {
					"application/problem+json": {
						"schema": {
							"$ref": "#/components/schemas/Problem"
						}
					}
				}
			},
			"InternalError": {
				"content": {
					"application/problem+json": {
						"schema": {
							"$ref": "#/components/schemas/Problem"
						}
					}
				}
			},
			"CheckBadRequest": {
				"content": {
					"application/problem+json": {
						"schema": {
							"$ref": "#/components/schemas/CheckProblem"
						}
					}
				}
			},
			"CheckForbidden": {
				"content": {
					"text/plain": {
						"schema": {
							"$ref": "#/components/schemas/AccessDenied"
						}
					},
					"application/problem+json": {
						"schema": {
							"$ref": "#/components/schemas/CheckProblem"
						}
					}
				}
			},
			"CheckTooLarge": {
				"content": {
					"application/problem+json": {
						"schema": {
							"$ref": "#/components/schemas/CheckProblem"
						}
					}
				}
			},
			"CheckRateLimited": {
				"headers": {
					"Retry-After": {
						"$ref": "#/components/headers/RetryAfter"
					}
				},
				"content": {
					"application/problem+json": {
						"schema": {
							"$ref": "#/components/schemas/CheckProblem"
						}
					}
				}
			},
			"CheckBusy": {
				"headers": {
					"Retry-After": {
						"$ref": "#/components/headers/RetryAfter"
					}
				},
				"content": {
					"application/problem+json": {
						"schema": {
							"$ref": "#/components/schemas/CheckProblem"
						}
					}
				}
			},
			"InventoryRateLimited": {
				"headers": {
					"Retry-After": {
						"$ref": "#/components/headers/RetryAfter"
					}
				},
				"content": {
					"application/problem+json": {
						"schema": {
							"$ref": "#/components/schemas/InventoryProblem"
						}
					}
				}
			},
			"MetricsTaken": {
				"content": {
					"application/json": {
						"schema": {
							"$ref": "#/components/schemas/Metrics"
						}
					}
				}
			},
			"BadRequest": {
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
			"Busy": {
				"headers": {
					"Retry-After": {
						"$ref": "#/components/headers/RetryAfter"
					}
				},
				"content": {
					"application/problem+json": {
						"schema": {
							"$ref": "#/components/schemas/Problem"
						}
					}
				}
			}
		},
		"parameters": {
			"MillisecondsLeft": {
				"name": "Happo-Milliseconds-Left",
				"in": "header",
				"required": false,
				"schema": {
					"type": "string",
					"pattern": "^[0-9]{1,9}$"
				}
			},
			"Hops": {
				"name": "Happo-Hops",
				"in": "header",
				"required": false,
				"schema": {
					"type": "string",
					"pattern": "^[0-9]{1,3}$"
				}
			}
		},
		"schemas": {
			"RelayRequest": {
				"type": "object",
				"required": [
					"proxy_hostport",
					"request_type"
				],
				"properties": {
					"apikey": {
						"type": [
							"string",
							"null"
						]
					},
					"proxy_hostport": {
						"type": "array",
						"minItems": 1,
						"maxItems": 16,
						"items": {
							"type": "string",
							"minLength": 1
						}
					},
					"request_type": {
						"type": "string",
						"pattern": "^/?[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*/?$"
					},
					"request_json": {
						"type": [
							"string",
							"null"
						]
					}
				}
			},
			"CheckResult": {
				"type": "object",
				"required": [
					"return_value",
					"message"
				],
				"properties": {
					"return_value": {
						"type": "integer"
					},
					"message": {
						"type": "string"
					}
				}
			},
			"CheckProblem": {
				"type": "object",
				"required": [
					"type",
					"title",
					"status",
					"detail",
					"return_value",
					"message"
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
					},
					"return_value": {
						"type": "integer",
						"const": 3
					},
					"message": {
						"type": "string"
					}
				}
			},
			"CheckRequest": {
				"type": "object",
				"required": [
					"plugin_name"
				],
				"properties": {
					"apikey": {
						"$ref": "#/components/schemas/ApiKey"
					},
					"plugin_name": {
						"type": "string",
						"minLength": 1
					},
					"plugin_option": {
						"type": [
							"string",
							"null"
						]
					}
				}
			},
			"InventoryRequest": {
				"type": "object",
				"required": [
					"command"
				],
				"properties": {
					"apikey": {
						"$ref": "#/components/schemas/ApiKey"
					},
					"command": {
						"type": "string",
						"minLength": 1
					},
					"command_option": {
						"type": [
							"string",
							"null"
						]
					}
				}
			},
			"InventoryResult": {
				"type": "object",
				"required": [
					"return_code",
					"return_value"
				],
				"properties": {
					"return_code": {
						"type": "integer"
					},
					"return_value": {
						"type": "string"
					}
				}
			},
			"InventoryProblem": {
				"type": "object",
				"required": [
					"type",
					"title",
					"status",
					"detail",
					"return_code",
					"return_value"
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
					},
					"return_code": {
						"type": "integer",
						"const": 125
					},
					"return_value": {
						"type": "string"
					}
				}
			},
			"AccessDenied": {
				"type": "string",
				"const": "Access Denied\n"
			},
			"KeyOnlyRequest": {
				"type": "object",
				"properties": {
					"apikey": {
						"$ref": "#/components/schemas/ApiKey"
					}
				}
			},
			"AppendRequest": {
				"type": "object",
				"required": [
					"metric_data"
				],
				"properties": {
					"apikey": {
						"$ref": "#/components/schemas/ApiKey"
					},
					"metric_data": {
						"type": [
							"array",
							"null"
						],
						"items": {
							"$ref": "#/components/schemas/Sample"
						}
					}
				}
			},
			"LeaseRequest": {
				"type": "object",
				"required": [
					"seconds"
				],
				"properties": {
					"apikey": {
						"$ref": "#/components/schemas/ApiKey"
					},
					"seconds": {
						"type": "integer",
						"minimum": 1,
						"maximum": 86400
					},
					"limit": {
						"$ref": "#/components/schemas/BatchLimit"
					},
					"consumer": {
						"$ref": "#/components/schemas/Consumer"
					}
				}
			},
			"LeasedMetrics": {
				"type": "object",
				"required": [
					"batch_id",
					"expires_at",
					"seconds",
					"metric_data",
					"message"
				],
				"properties": {
					"batch_id": {
						"type": [
							"string",
							"null"
						]
					},
					"expires_at": {
						"type": [
							"integer",
							"null"
						]
					},
					"seconds": {
						"type": [
							"integer",
							"null"
						]
					},
					"metric_data": {
						"type": [
							"array",
							"null"
						],
						"items": {
							"$ref": "#/components/schemas/StoredSample"
						}
					},
					"message": {
						"type": "string"
					}
				}
			},
			"AcknowledgeRequest": {
				"type": "object",
				"required": [
					"batch_id"
				],
				"properties": {
					"apikey": {
						"$ref": "#/components/schemas/ApiKey"
					},
					"batch_id": {
						"type": "string",
						"minLength": 1
					},
					"consumer": {
						"$ref": "#/components/schemas/Consumer"
					}
				}
			},
			"LeaseList": {
				"type": "object",
				"required": [
					"leases"
				],
				"properties": {
					"leases": {
						"type": "array",
						"items": {
							"type": "object",
							"required": [
								"batch_id",
								"consumer",
								"seconds",
								"seconds_left",
								"expires_at",
								"entries",
								"oldest_timestamp",
								"newest_timestamp"
							],
							"properties": {
								"batch_id": {
									"type": "string"
								},
								"consumer": {
									"type": "string"
								},
								"seconds": {
									"type": "integer"
								},
								"seconds_left": {
									"type": "integer"
								},
								"expires_at": {
									"type": "integer"
								},
								"entries": {
									"type": "integer"
								},
								"oldest_timestamp": {
									"type": "integer"
								},
								"newest_timestamp": {
									"type": "integer"
								}
							}
						}
					}
				}
			},
			"ReleaseRequest": {
				"type": "object",
				"required": [
					"batch_id"
				],
				"properties": {
					"apikey": {
						"$ref": "#/components/schemas/ApiKey"
					},
					"batch_id": {
						"type": "string",
						"minLength": 1
					}
				}
			},
			"PeekRequest": {
				"type": "object",
				"properties": {
					"apikey": {
						"$ref": "#/components/schemas/ApiKey"
					},
					"limit": {
						"$ref": "#/components/schemas/BatchLimit"
					},
					"consumer": {
						"$ref": "#/components/schemas/Consumer"
					}
				}
			},
			"MetricConfigStatus": {
				"type": "object",
				"required": [
					"file",
					"read_at",
					"error",
					"warnings",
					"config"
				],
				"properties": {
					"file": {
						"type": "string"
					},
					"read_at": {
						"type": [
							"integer",
							"null"
						]
					},
					"error": {
						"type": [
							"string",
							"null"
						]
					},
					"warnings": {
						"type": "array",
						"items": {
							"type": "string"
						}
					},
					"config": {
						"$ref": "#/components/schemas/MetricConfig"
					}
				}
			},
			"MetricConfigUpdate": {
				"type": "object",
				"required": [
					"config"
				],
				"properties": {
					"apikey": {
						"$ref": "#/components/schemas/ApiKey"
					},
					"config": {
						"type": "object",
						"properties": {
							"Metrics": {
								"type": [
									"array",
									"null"
								],
								"items": {
									"type": "object",
									"required": [
										"Hostname"
									],
									"properties": {
										"Hostname": {
											"type": "string"
										},
										"Plugins": {
											"type": [
												"array",
												"null"
											],
											"items": {
												"type": "object",
												"required": [
													"Plugin_Name"
												],
												"properties": {
													"Plugin_Name": {
														"type": "string",
														"minLength": 1
													},
													"Plugin_Option": {
														"type": [
															"string",
															"null"
														]
													}
												}
											}
										}
									}
								}
							}
						}
					}
				}
			},
			"Status": {
				"type": "object",
				"required": [
					"app_version",
					"uptime_seconds",
					"num_goroutine",
					"metric_buffer_status",
					"callers",
					"leveldb_properties"
				],
				"properties": {
					"app_version": {
						"type": "string"
					},
					"uptime_seconds": {
						"type": "integer"
					},
					"num_goroutine": {
						"type": "integer"
					},
					"metric_buffer_status": {
						"type": "object",
						"required": [
							"newest_timestamp",
							"oldest_timestamp"
						],
						"properties": {
							"newest_timestamp": {
								"type": "integer"
							},
							"oldest_timestamp": {
								"type": "integer"
							}
						}
					},
					"callers": {
						"type": "array",
						"items": {
							"type": "string"
						}
					},
					"leveldb_properties": {
						"type": "object",
						"additionalProperties": {
							"type": "string"
						}
					},
					"node_version": {
						"type": "string"
					},
					"pid": {
						"type": "integer"
					},
					"started_at": {
						"type": "integer"
					},
					"now": {
						"type": "integer"
					},
					"commands": {
						"type": "object",
						"required": [
							"engine",
							"running",
							"waiting",
							"timeouts",
							"survivors",
							"survivors_total",
							"left_behind",
							"left_behind_stopped_total"
						],
						"properties": {
							"engine": {
								"type": "string",
								"enum": [
									"native",
									"child_process"
								]
							},
							"running": {
								"type": "integer"
							},
							"waiting": {
								"type": "integer"
							},
							"timeouts": {
								"type": "integer"
							},
							"survivors": {
								"type": "integer"
							},
							"survivors_total": {
								"type": "integer"
							},
							"left_behind": {
								"type": "integer"
							},
							"left_behind_stopped_total": {
								"type": "integer"
							}
						}
					},
					"connections": {
						"type": "object",
						"required": [
							"open",
							"waiting"
						],
						"properties": {
							"open": {
								"type": "integer"
							},
							"waiting": {
								"type": "integer"
							}
						}
					},
					"relay": {
						"type": "object",
						"required": [
							"requests",
							"slow_hops"
						],
						"properties": {
							"requests": {
								"type": "integer"
							},
							"slow_hops": {
								"type": "array",
								"items": {
									"type": "string"
								}
							}
						}
					},
					"nrpe": {
						"type": [
							"object",
							"null"
						],
						"required": [
							"address",
							"port",
							"plain_text"
						],
						"properties": {
							"address": {
								"type": "string"
							},
							"port": {
								"type": "integer"
							},
							"plain_text": {
								"type": "string",
								"enum": [
									"no",
									"loopback"
								]
							}
						}
					},
					"event_loop": {
						"type": "object",
						"required": [
							"mean_delay_ms",
							"max_delay_ms"
						],
						"properties": {
							"mean_delay_ms": {
								"type": "number"
							},
							"max_delay_ms": {
								"type": "number"
							}
						}
					},
					"collection": {
						"type": "object",
						"required": [
							"enabled",
							"last_pass"
						],
						"properties": {
							"enabled": {
								"type": "boolean"
							},
							"interval_seconds": {
								"type": "integer"
							},
							"config_error": {
								"type": [
									"string",
									"null"
								]
							},
							"config_warnings": {
								"type": "array",
								"items": {
									"type": "string"
								}
							},
							"last_pass": {
								"$ref": "#/components/schemas/CollectionPass"
							}
						}
					},
					"store": {
						"type": "object",
						"required": [
							"directory",
							"available",
							"reason",
							"disk_bytes",
							"full",
							"refused_writes",
							"retention_waits",
							"damages",
							"lost_entries",
							"last_damage"
						],
						"properties": {
							"directory": {
								"type": "string"
							},
							"available": {
								"type": "boolean"
							},
							"reason": {
								"type": [
									"string",
									"null"
								]
							},
							"disk_bytes": {
								"type": "integer"
							},
							"full": {
								"type": [
									"string",
									"null"
								]
							},
							"refused_writes": {
								"type": "integer"
							},
							"retention_waits": {
								"type": [
									"string",
									"null"
								]
							},
							"damages": {
								"type": "integer"
							},
							"lost_entries": {
								"type": "integer"
							},
							"last_damage": {
								"type": [
									"object",
									"null"
								],
								"required": [
									"at",
									"reason",
									"copy"
								],
								"properties": {
									"at": {
										"type": "integer"
									},
									"reason": {
										"type": "string"
									},
									"copy": {
										"type": [
											"string",
											"null"
										]
									}
								}
							}
						}
					},
					"certificate": {
						"type": "object",
						"required": [
							"file",
							"subject",
							"not_after",
							"fingerprint_sha256"
						],
						"properties": {
							"file": {
								"type": "string"
							},
							"subject": {
								"type": "string"
							},
							"not_after": {
								"type": "integer"
							},
							"fingerprint_sha256": {
								"type": "string"
							},
							"problem": {
								"type": "string"
							}
						}
					},
					"audit_log": {
						"type": [
							"object",
							"null"
						],
						"required": [
							"file",
							"written",
							"lost",
							"problem"
						],
						"properties": {
							"file": {
								"type": "string"
							},
							"written": {
								"type": "integer"
							},
							"lost": {
								"type": "integer"
							},
							"problem": {
								"type": [
									"string",
									"null"
								]
							}
						}
					},
					"client_certificates": {
						"type": [
							"object",
							"null"
						],
						"required": [
							"ca_file",
							"authorities",
							"crl_file",
							"revocation_lists"
						],
						"properties": {
							"ca_file": {
								"type": "string"
							},
							"authorities": {
								"type": "array",
								"items": {
									"type": "object",
									"required": [
										"subject",
										"not_after",
										"fingerprint_sha256"
									],
									"properties": {
										"subject": {
											"type": "string"
										},
										"not_after": {
											"type": "integer"
										},
										"fingerprint_sha256": {
											"type": "string"
										}
									}
								}
							},
							"crl_file": {
								"type": [
									"string",
									"null"
								]
							},
							"revocation_lists": {
								"type": "array",
								"items": {
									"type": "object",
									"required": [
										"issuer",
										"this_update",
										"next_update",
										"revoked"
									],
									"properties": {
										"issuer": {
											"type": "string"
										},
										"this_update": {
											"type": "integer"
										},
										"next_update": {
											"type": "integer"
										},
										"revoked": {
											"type": "integer"
										}
									}
								}
							},
							"problem": {
								"type": "string"
							}
						}
					},
					"policy": {
						"type": [
							"object",
							"null"
						],
						"required": [
							"file",
							"mode",
							"commands",
							"rules",
							"decisions",
							"problem"
						],
						"properties": {
							"file": {
								"type": "string"
							},
							"mode": {
								"type": "string",
								"enum": [
									"observe",
									"enforce"
								]
							},
							"commands": {
								"type": "integer"
							},
							"rules": {
								"type": "integer"
							},
							"decisions": {
								"type": "object",
								"required": [
									"allowed",
									"refused",
									"would_refuse",
									"limited"
								],
								"properties": {
									"allowed": {
										"type": "integer"
									},
									"refused": {
										"type": "integer"
									},
									"would_refuse": {
										"type": "integer"
									},
									"limited": {
										"type": "integer"
									}
								}
							},
							"problem": {
								"type": [
									"string",
									"null"
								]
							}
						}
					},
					"settings": {
						"type": "object",
						"additionalProperties": {
							"type": "string"
						}
					}
				}
			},
			"MemoryStatus": {
				"type": "object",
				"required": [
					"Alloc",
					"TotalAlloc",
					"Sys",
					"HeapAlloc",
					"HeapSys",
					"HeapIdle",
					"HeapInuse",
					"NumGC",
					"PauseTotalNs",
					"LastGC"
				],
				"properties": {
					"Alloc": {
						"type": "integer"
					},
					"TotalAlloc": {
						"type": "integer"
					},
					"Sys": {
						"type": "integer"
					},
					"Mallocs": {
						"type": "integer"
					},
					"HeapAlloc": {
						"type": "integer"
					},
					"HeapSys": {
						"type": "integer"
					},
					"HeapIdle": {
						"type": "integer"
					},
					"HeapInuse": {
						"type": "integer"
					},
					"HeapReleased": {
						"type": "integer"
					},
					"NextGC": {
						"type": "integer"
					},
					"NumGC": {
						"type": "integer"
					},
					"PauseTotalNs": {
						"type": "integer"
					},
					"LastGC": {
						"type": "integer"
					},
					"PauseNs": {
						"type": "array",
						"items": {
							"type": "integer"
						}
					},
					"PauseEnd": {
						"type": "array",
						"items": {
							"type": "integer"
						}
					},
					"NumForcedGC": {
						"type": "integer"
					},
					"GCCPUFraction": {
						"type": "number"
					},
					"EnableGC": {
						"type": "boolean"
					},
					"node": {
						"type": "object",
						"required": [
							"rss",
							"heapTotal",
							"heapUsed",
							"external",
							"arrayBuffers",
							"heapSizeLimit",
							"mallocedMemory"
						],
						"additionalProperties": {
							"type": "number"
						}
					}
				},
				"additionalProperties": true
			},
			"RequestStatus": {
				"type": "object",
				"required": [
					"last1",
					"last5"
				],
				"properties": {
					"last1": {
						"$ref": "#/components/schemas/RequestCounts"
					},
					"last5": {
						"$ref": "#/components/schemas/RequestCounts"
					}
				}
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
			"MachineStateList": {
				"type": "object",
				"required": [
					"keys"
				],
				"properties": {
					"keys": {
						"type": "array",
						"items": {
							"type": "string"
						}
					}
				}
			},
			"CommandList": {
				"type": "object",
				"required": [
					"mode",
					"commands",
					"plugins"
				],
				"properties": {
					"mode": {
						"type": "string",
						"enum": [
							"none",
							"observe",
							"enforce"
						]
					},
					"commands": {
						"type": "array",
						"items": {
							"type": "object",
							"required": [
								"name",
								"for",
								"plugin",
								"timeout_seconds",
								"slots"
							],
							"properties": {
								"name": {
									"type": "string"
								},
								"description": {
									"type": "string"
								},
								"for": {
									"type": "string",
									"enum": [
										"check",
										"inventory"
									]
								},
								"plugin": {
									"type": "string"
								},
								"timeout_seconds": {
									"type": [
										"integer",
										"null"
									]
								},
								"slots": {
									"type": "array",
									"items": {
										"$ref": "#/components/schemas/Slot"
									}
								}
							}
						}
					},
					"plugins": {
						"type": "array",
						"items": {
							"type": "string"
						}
					}
				}
			},
			"ResultList": {
				"type": "object",
				"required": [
					"results"
				],
				"properties": {
					"results": {
						"type": "array",
						"items": {
							"type": "object",
							"required": [
								"check",
								"plugin",
								"state",
								"exit_status",
								"timed_out",
								"ended_at",
								"duration_seconds",
								"cpu_seconds",
								"max_rss_bytes",
								"output",
								"asked_by",
								"variants"
							],
							"properties": {
								"check": {
									"type": "string"
								},
								"plugin": {
									"type": "string"
								},
								"state": {
									"type": "string",
									"enum": [
										"OK",
										"WARNING",
										"CRITICAL",
										"UNKNOWN"
									]
								},
								"exit_status": {
									"type": [
										"integer",
										"null"
									]
								},
								"timed_out": {
									"type": "boolean"
								},
								"ended_at": {
									"type": "integer"
								},
								"duration_seconds": {
									"type": "number"
								},
								"cpu_seconds": {
									"type": [
										"number",
										"null"
									]
								},
								"max_rss_bytes": {
									"type": [
										"integer",
										"null"
									]
								},
								"output": {
									"type": [
										"string",
										"null"
									]
								},
								"asked_by": {
									"$ref": "#/components/schemas/AskedBy"
								},
								"variants": {
									"type": "integer",
									"minimum": 1,
									"maximum": 16
								}
							}
						}
					}
				}
			},
			"RefusalList": {
				"type": "object",
				"required": [
					"refusals"
				],
				"properties": {
					"refusals": {
						"type": "array",
						"items": {
							"type": "object",
							"required": [
								"decision",
								"count",
								"first_at",
								"last_at",
								"who",
								"proof",
								"unproved_hops",
								"protocol",
								"operation",
								"permission",
								"hop",
								"rule",
								"reason",
								"allow"
							],
							"properties": {
								"id": {
									"type": "string"
								},
								"decision": {
									"type": "string",
									"enum": [
										"refused",
										"would-refuse",
										"limited"
									]
								},
								"count": {
									"type": "integer"
								},
								"first_at": {
									"type": "integer"
								},
								"last_at": {
									"type": "integer"
								},
								"who": {
									"type": "array",
									"items": {
										"type": "string"
									}
								},
								"proof": {
									"type": "object",
									"properties": {
										"admin": {
											"type": "boolean"
										},
										"address": {
											"type": "string"
										},
										"certificate": {
											"type": "object",
											"required": [
												"fingerprint"
											],
											"properties": {
												"fingerprint": {
													"type": "string"
												},
												"uri": {
													"type": "array",
													"items": {
														"type": "string"
													}
												},
												"dns": {
													"type": "array",
													"items": {
														"type": "string"
													}
												},
												"email": {
													"type": "array",
													"items": {
														"type": "string"
													}
												},
												"cn": {
													"type": "string"
												}
											}
										},
										"key": {
											"type": "string"
										}
									}
								},
								"unproved_hops": {
									"type": "integer"
								},
								"protocol": {
									"type": "string",
									"enum": [
										"https",
										"nrpe"
									]
								},
								"operation": {
									"type": "string"
								},
								"permission": {
									"type": "string"
								},
								"command": {
									"type": "string"
								},
								"options": {
									"type": "array",
									"items": {
										"type": "string"
									}
								},
								"hop": {
									"type": [
										"string",
										"null"
									]
								},
								"rule": {
									"type": [
										"integer",
										"null"
									]
								},
								"reason": {
									"type": "string"
								},
								"allow": {
									"type": [
										"string",
										"null"
									]
								}
							}
						}
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
			},
			"ApiKey": {
				"type": [
					"string",
					"null"
				]
			},
			"Metrics": {
				"type": "object",
				"required": [
					"metric_data",
					"message"
				],
				"properties": {
					"metric_data": {
						"type": [
							"array",
							"null"
						],
						"items": {
							"$ref": "#/components/schemas/StoredSample"
						}
					},
					"message": {
						"type": "string"
					}
				}
			},
			"Sample": {
				"type": "object",
				"required": [
					"hostname",
					"timestamp",
					"metrics"
				],
				"properties": {
					"hostname": {
						"type": "string"
					},
					"timestamp": {
						"type": "integer",
						"minimum": -9007199254740991,
						"maximum": 9007199254740991
					},
					"metrics": {
						"type": "object",
						"additionalProperties": {
							"type": "number"
						}
					}
				}
			},
			"BatchLimit": {
				"type": [
					"integer",
					"null"
				],
				"minimum": 1,
				"maximum": 3600
			},
			"Consumer": {
				"type": [
					"string",
					"null"
				]
			},
			"StoredSample": {
				"type": "object",
				"required": [
					"hostname",
					"timestamp",
					"metrics"
				],
				"properties": {
					"hostname": {
						"type": "string"
					},
					"timestamp": {
						"type": "integer"
					},
					"metrics": {
						"type": [
							"object",
							"null"
						],
						"additionalProperties": {
							"type": "number"
						}
					}
				}
			},
			"MetricConfig": {
				"type": "object",
				"required": [
					"metrics"
				],
				"properties": {
					"metrics": {
						"type": "array",
						"items": {
							"type": "object",
							"required": [
								"hostname",
								"plugins"
							],
							"properties": {
								"hostname": {
									"type": "string"
								},
								"plugins": {
									"type": "array",
									"items": {
										"type": "object",
										"required": [
											"plugin_name",
											"plugin_option"
										],
										"properties": {
											"plugin_name": {
												"type": "string"
											},
											"plugin_option": {
												"type": "string"
											}
										}
									}
								}
							}
						}
					}
				}
			},
			"CollectionPass": {
				"type": [
					"object",
					"null"
				],
				"required": [
					"started_at",
					"duration_seconds",
					"stored",
					"plugins"
				],
				"properties": {
					"started_at": {
						"type": "integer"
					},
					"age_seconds": {
						"type": "integer"
					},
					"duration_seconds": {
						"type": "number"
					},
					"stored": {
						"type": "boolean"
					},
					"error": {
						"type": "string"
					},
					"plugins": {
						"type": "array",
						"items": {
							"type": "object",
							"required": [
								"hostname",
								"plugin_name",
								"result",
								"samples",
								"bad_lines"
							],
							"properties": {
								"hostname": {
									"type": "string"
								},
								"plugin_name": {
									"type": "string"
								},
								"result": {
									"type": "string",
									"enum": [
										"ok",
										"failed",
										"timeout",
										"missing",
										"empty"
									]
								},
								"samples": {
									"type": "integer"
								},
								"bad_lines": {
									"type": "integer"
								},
								"first_bad_line": {
									"type": "string"
								}
							}
						}
					}
				}
			},
			"RequestCounts": {
				"type": [
					"array",
					"null"
				],
				"items": {
					"type": "object",
					"required": [
						"url",
						"counts"
					],
					"properties": {
						"url": {
							"type": "string"
						},
						"counts": {
							"type": "object",
							"additionalProperties": {
								"type": "integer"
							}
						}
					}
				}
			},
			"Slot": {
				"type": "object",
				"required": [
					"name",
					"type",
					"required",
					"secret",
					"several"
				],
				"properties": {
					"name": {
						"type": "string"
					},
					"description": {
						"type": "string"
					},
					"type": {
						"type": "string"
					},
					"required": {
						"type": "boolean"
					},
					"secret": {
						"type": "boolean"
					},
					"several": {
						"type": "boolean"
					},
					"default": {
						"type": "string"
					},
					"min": {
						"type": "number"
					},
					"max": {
						"type": "number"
					},
					"negative": {
						"type": "boolean"
					},
					"values": {
						"type": "array",
						"items": {
							"type": "string"
						}
					},
					"below": {
						"type": "array",
						"items": {
							"type": "string"
						}
					},
					"schemes": {
						"type": "array",
						"items": {
							"type": "string"
						}
					},
					"pattern": {
						"type": "string"
					},
					"at_most": {
						"type": "integer"
					},
					"without": {
						"type": "string"
					},
					"options": {
						"type": "array",
						"items": {
							"type": "object",
							"required": [
								"name"
							],
							"properties": {
								"name": {
									"type": "string"
								},
								"value": {
									"$ref": "#/components/schemas/SlotType"
								}
							}
						}
					},
					"others": {
						"$ref": "#/components/schemas/SlotType"
					}
				}
			},
			"AskedBy": {
				"type": "object",
				"required": [
					"who",
					"address",
					"unproved_hops"
				],
				"properties": {
					"who": {
						"type": "array",
						"items": {
							"type": "string"
						}
					},
					"address": {
						"type": [
							"string",
							"null"
						]
					},
					"unproved_hops": {
						"type": "integer"
					}
				}
			},
			"SlotType": {
				"type": "object",
				"required": [
					"type",
					"secret"
				],
				"properties": {
					"type": {
						"type": "string"
					},
					"secret": {
						"type": "boolean"
					},
					"min": {
						"type": "number"
					},
					"max": {
						"type": "number"
					},
					"negative": {
						"type": "boolean"
					},
					"values": {
						"type": "array",
						"items": {
							"type": "string"
						}
					},
					"below": {
						"type": "array",
						"items": {
							"type": "string"
						}
					},
					"schemes": {
						"type": "array",
						"items": {
							"type": "string"
						}
					},
					"pattern": {
						"type": "string"
					},
					"at_most": {
						"type": "integer"
					},
					"without": {
						"type": "string"
					}
				}
			}
		},
		"headers": {
			"RetryAfter": {
				"required": true,
				"schema": {
					"type": "string",
					"pattern": "^[0-9]+$"
				}
			}
		}
	}
};

// Written by `npm run generate` from openapi.yaml. Do not edit.
/** The version of the product, which is the contract's. */
export const version = "2.0.0";

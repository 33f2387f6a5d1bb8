import { createRemoteJWKSet, jwtVerify } from "jose";
const { ISSUER: issuer, TOKEN: token } = process.env;
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
const { payload } = await jwtVerify(token, keys, { algorithms: ["EdDSA"], issuer, audience: issuer, typ: "at+jwt", requiredClaims: ["exp", "sub"] });
console.log(payload.sub);

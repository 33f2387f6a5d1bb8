// jose verifies tokens with the published keys.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { calculateJwkThumbprint, createRemoteJWKSet, decodeProtectedHeader, errors, jwtVerify } from "jose";
import { key, start } from "./server.mjs";

const ALGORITHMS = ["EdDSA", "ES256", "RS256"];
const CLAIMS = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "roles", "key_id"];
const servers = {};

before(async () => {
  for (const algorithm of ALGORITHMS) servers[algorithm] = await start(algorithm);
});
after(() => Promise.all(Object.values(servers).map((server) => server.stop())));

async function login(server) {
  const headers = { "X-API-Key": key("billing") };
  const answer = await fetch(`${server.url}/login`, { method: "POST", headers });
  assert.equal(answer.status, 200);
  return (await answer.json()).access_token;
}

const keysOf = (server) => createRemoteJWKSet(new URL(`${server.url}/.well-known/jwks.json`));

for (const algorithm of ALGORITHMS) {
  test(`a token signed with ${algorithm} is verified`, async () => {
    const server = servers[algorithm];
    const [keys, token] = [keysOf(server), await login(server)];
    const expected = {
      algorithms: [algorithm], issuer: server.url, audience: server.url, typ: "at+jwt", requiredClaims: CLAIMS,
    };
    const { payload, protectedHeader } = await jwtVerify(token, keys, expected);
    assert.deepEqual([payload.sub, payload.roles], ["billing", ["reader"]]);
    assert.equal(keys.jwks().keys[0].kid, protectedHeader.kid);
    for (const [other, claim] of [
      [{ issuer: "https://elsewhere.example" }, "iss"],
      [{ audience: "https://elsewhere.example" }, "aud"],
      [{ typ: "JWT" }, "typ"],
    ]) {
      await assert.rejects(jwtVerify(token, keys, { ...expected, ...other }), { claim });
    }
    const [header, body, signature] = token.split(".");
    const forged = `${header}.${body}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
    await assert.rejects(jwtVerify(forged, keys, expected), errors.JWSSignatureVerificationFailed);
  });
}

test("a token is not verified with the keys of another server", async () => {
  const token = await login(servers.EdDSA);
  await assert.rejects(jwtVerify(token, keysOf(servers.ES256)), errors.JWKSNoMatchingKey);
});

test("the kid is the thumbprint of the key", async () => {
  for (const server of Object.values(servers)) {
    const { kid } = decodeProtectedHeader(await login(server));
    const { keys } = await (await fetch(`${server.url}/.well-known/jwks.json`)).json();
    assert.equal(await calculateJwkThumbprint(keys[0]), kid);
  }
});

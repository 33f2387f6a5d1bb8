// Constant load: workers that log in, send their tokens, and verify them with a cached JWK Set.

import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { eventually, key } from "./server.mjs";

/** How long each worker keeps a token at most, in milliseconds. */
const HOLDS = [0, 1000, Infinity, Infinity];
/** How long before its expiry a token is no longer used, in milliseconds. */
const MARGIN = 1000;

export function load(issuer) {
  const errors = [];
  const issued = new Map(); // kid -> expiry of its last token
  let stopped = false;
  const fail = (what) => void errors.push(what);

  const workers = HOLDS.map((hold) => {
    // An unknown kid does not make this verifier fetch the keys.
    const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`), {
      cacheMaxAge: 1000,
      cooldownDuration: Infinity,
    });
    const worker = { keys, rounds: 0 };

    async function login() {
      const headers = { "X-API-Key": key("billing") };
      const answer = await fetch(`${issuer}/login`, { method: "POST", headers });
      if (answer.status !== 200) return fail(`login: ${answer.status}`);
      const text = (await answer.json()).access_token;
      const [{ kid }, end] = [decodeProtectedHeader(text), decodeJwt(text).exp * 1000];
      issued.set(kid, Math.max(issued.get(kid) ?? 0, end));
      return { text, kid, end, until: Math.min(Date.now() + hold, end - MARGIN) };
    }

    async function present(token) {
      const headers = { Authorization: `Bearer ${token.text}` };
      const { status } = await fetch(`${issuer}/request`, { headers });
      const late = () => Date.now() >= token.end;
      if (status !== 200 && !late()) fail(`request: ${status} for a token of ${token.kid}`);
      const expected = { issuer, audience: issuer, typ: "at+jwt", algorithms: ["EdDSA"] };
      await jwtVerify(token.text, keys, expected).catch((error) => late() || fail(`jose: ${error.code}`));
    }

    worker.done = (async () => {
      let token;
      while (!stopped) {
        try {
          if (!token || Date.now() >= token.until) token = await login();
          if (token) await present(token);
        } catch (error) {
          fail(`${error} ${error.cause ?? ""}`);
        }
        worker.rounds += 1;
      }
    })();
    return worker;
  });

  return {
    errors,
    issued,

    /** Waits until every worker has done some more rounds. */
    async rounds() {
      const before = workers.map((worker) => worker.rounds);
      await eventually("workers continue", () =>
        workers.every((worker, index) => worker.rounds >= before[index] + 5),
      );
    },

    /** Waits until every verifier has cached exactly these keys. */
    cached: (kids) =>
      eventually("every verifier has cached the keys", () =>
        workers.every(({ keys }) => String(keys.jwks()?.keys.map(({ kid }) => kid)) === String(kids)),
      ),

    async stop() {
      stopped = true;
      await Promise.all(workers.map((worker) => worker.done));
      return workers.reduce((sum, worker) => sum + worker.rounds, 0);
    },
  };
}

// Tokens of an OpenID provider, and forgeries of them.

import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader, exportJWK, SignJWT, UnsecuredJWT } from 'jose';
import { key } from '../peers/node/server.mjs';
import { provide, trusting, until } from './harness.mjs';

const ONE_FETCH = ['/.well-known/openid-configuration', '/jwks'];
const REFUSED = '401 invalid_token';
/** The least time between fetches, as the provider sees it: it reads the clock later than the server does. */
const PAUSE = 10_000 - 1_000;

/** A test that stops at its end what it has started. */
function scenario(name, body) {
  test(name, { timeout: 60_000 }, async (context) => {
    const running = [];
    const keep = (start) => async (...settings) => {
      const thing = await start(...settings);
      running.push(thing);
      return thing;
    };
    try {
      await body({ provide: keep(provide), trusting: keep(trusting), keep, context });
    } finally {
      for (const thing of running.reverse()) await thing.stop();
    }
  });
}

describe('an external issuer', { concurrency: true }, () => {
  for (const algorithm of ['RS256', 'PS256', 'ES256', 'EdDSA']) {
    scenario(`${algorithm} tokens are accepted`, async ({ provide, trusting }) => {
      const corp = await provide({ ALG: algorithm });
      const server = await trusting({ corp });
      const token = await corp.token('billing', { scope: 'invoices:read' });
      assert.equal(decodeProtectedHeader(token).alg, algorithm);
      const { status, body } = await server.get('/request', token);
      const { iat, exp } = decodeJwt(token);
      const seconds = (text) => Date.parse(text) / 1000;
      assert.equal(status, 200);
      const { issued_at, expires_at, ...rest } = body;
      assert.deepEqual([seconds(issued_at), seconds(expires_at)], [iat, exp]);
      assert.deepEqual(rest, {
        sub: 'billing',
        kind: 'client',
        roles: ['reader'],
        scope: 'invoices:read reader', // roles count as scopes
        scheme: 'corp',
        issuer: 'corp',
        client_id: 'billing',
      });
      assert.equal(await server.authenticate(await corp.token('billing')), 200);
      assert.deepEqual(corp.fetched(), ONE_FETCH);
    });
  }

  scenario('/clients requires admin, as a role or as a scope', async ({ provide, trusting }) => {
    const corp = await provide();
    const server = await trusting({ corp });
    const clients = async (...token) => server.get('/clients', await corp.token(...token));
    const without = await clients('billing', { scope: 'invoices:read' });
    assert.equal(without.status, 403);
    assert.equal(without.body.code, 'insufficient_scope');
    assert.match(without.challenge, /error="insufficient_scope".*scope="admin"/);
    assert.equal((await clients('admin')).status, 200);
    assert.equal((await clients('scoped')).status, 403);
    assert.equal((await clients('scoped', { scope: 'admin' })).status, 200);

    const withoutClaim = await trusting({ corp }, '');
    const role = await withoutClaim.get('/clients', await corp.token('admin'));
    assert.equal(role.status, 403, 'without roles_claim its tokens have no roles');
    const scope = await withoutClaim.get('/clients', await corp.token('admin', { scope: 'admin' }));
    assert.equal(scope.status, 200);
  });

  scenario('tokens of another audience, expired tokens, and tokens of unknown issuers are refused', async ({ provide, trusting }) => {
    const [corp, other, stranger] = await Promise.all([provide(), provide(), provide()]);
    const server = await trusting({ corp, other });
    const elsewhere = { resource: 'https://elsewhere.test' };
    const refused = async (token, detail) => {
      const { status, body, challenge } = await server.get('/request', token);
      assert.deepEqual([status, body.code], [401, 'invalid_token']);
      assert.match(body.detail, detail);
      assert.match(challenge, /error="invalid_token"/);
    };
    await refused(await stranger.token('admin'), /not valid/);
    assert.deepEqual([corp.fetched(), other.fetched(), stranger.fetched()], [[], [], []]);
    await refused(await corp.token('billing', elsewhere), /not valid/);
    await refused(await corp.token('late'), /expired/);
    assert.deepEqual([corp.fetched(), other.fetched()], [ONE_FETCH, []]);
    for (const [name, provider] of Object.entries({ corp, other })) {
      const { status, body } = await server.get('/request', await provider.token('billing'));
      assert.deepEqual([status, body.issuer, body.scheme], [200, name, name]);
    }
    assert.deepEqual(stranger.fetched(), []);
  });

  scenario('the document lists the issuer, and tokens of hallpass still work', async ({ provide, trusting }) => {
    const corp = await provide();
    const server = await trusting({ corp });
    const { body: document } = await server.get('/openapi.json');
    const { type, openIdConnectUrl } = document.components.securitySchemes.corp;
    assert.equal(type, 'openIdConnect');
    assert.equal(openIdConnectUrl, `${corp.url}/.well-known/openid-configuration`);
    const found = await (await fetch(openIdConnectUrl)).json();
    assert.equal(found.issuer, corp.url);
    let alternatives = 0;
    for (const [path, item] of Object.entries(document.paths)) {
      for (const [method, { security = [] }] of Object.entries(item)) {
        const wanted = security
          .filter((demands) => !('corp' in demands))
          .flatMap((demands) =>
            Object.keys(demands).join() === 'bearer' ? [demands, { corp: demands.bearer }] : [demands],
          );
        assert.deepEqual(security, wanted, `${method} ${path}`);
        alternatives += security.filter((demands) => 'corp' in demands).length;
      }
    }
    assert.deepEqual(document.paths['/clients'].get.security.slice(0, 2), [
      { bearer: ['admin'] },
      { corp: ['admin'] },
    ]);
    assert.ok(alternatives >= 2, `${alternatives} alternatives`);

    const login = await fetch(`${server.url}/login`, {
      method: 'POST',
      headers: { 'x-api-key': key('billing') },
    });
    const { body } = await server.get('/request', (await login.json()).access_token);
    assert.deepEqual([body.sub, body.scheme, 'issuer' in body], ['billing', 'bearer', false]);
    assert.deepEqual(corp.fetched(), [], 'tokens of hallpass cause no fetch');
  });

  scenario('a change of keys causes one fetch', async ({ provide, trusting, context }) => {
    const before = await provide();
    const server = await trusting({ corp: before });
    const crowd = async (provider) => {
      const token = await provider.token('billing');
      return Promise.all(Array.from({ length: 20 }, () => server.authenticate(token)));
    };
    assert.deepEqual(await crowd(before), Array(20).fill(200));
    assert.deepEqual(before.fetched(), ONE_FETCH);
    const old = await before.token('billing');

    await before.stop();
    const after = await before.restart();
    const early = await crowd(after);
    await until('tokens of the new key are good', async () => {
      const crowded = await crowd(after);
      return crowded.every((status) => status === 200);
    });
    assert.deepEqual(after.fetched(), ONE_FETCH);
    const pause = after.fetches[0].at - before.fetches[0].at;
    assert.ok(pause > PAUSE, `${pause} ms from fetch to fetch`);
    assert.equal(await server.authenticate(old), REFUSED, 'the old key is gone');
    context.diagnostic(`${pause} ms from fetch to fetch, at first ${[...new Set(early)]}`);
  });

  scenario('while it is down, known keys go on working', async ({ provide, trusting }) => {
    const before = await provide();
    const server = await trusting({ corp: before });
    const known = await before.token('billing');
    assert.equal(await server.health(), 'ok', 'nothing was fetched yet');
    assert.equal(await server.authenticate(known), 200);
    await before.stop();
    assert.equal(await server.authenticate(known), 200);
    assert.equal(await server.health(), 'ok', 'no fetch has failed');

    // Signed with another key, so that hallpass tries to fetch, which fails.
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const unknown = await new SignJWT(decodeJwt(known))
      .setProtectedHeader({ alg: 'RS256', kid: 'unknown' })
      .sign(privateKey);
    await until('a fetch fails', async () => {
      assert.equal(await server.authenticate(unknown), REFUSED);
      assert.equal(await server.authenticate(known), 200);
      return (await server.health()) === 'degraded';
    });
    assert.equal(await server.authenticate(known), 200);

    const after = await before.restart();
    const next = await after.token('billing');
    await until('its tokens are accepted again', async () => (await server.authenticate(next)) === 200);
    assert.equal(await server.health(), 'ok');
    assert.deepEqual(after.fetched(), ONE_FETCH);
  });

  scenario('a server starts while the issuer is down', async ({ provide, trusting }) => {
    const before = await provide();
    const known = await before.token('billing');
    await before.stop();
    const server = await trusting({ corp: before });
    assert.equal(await server.health(), 'ok', 'nothing was fetched yet');
    assert.equal(await server.authenticate(known), REFUSED);
    assert.equal(await server.health(), 'degraded');
    const after = await before.restart();
    const next = await after.token('billing');
    await until('its tokens are accepted', async () => (await server.authenticate(next)) === 200);
    assert.equal(await server.health(), 'ok');
    assert.equal(await server.authenticate(known), REFUSED);
    assert.deepEqual(after.fetched(), ONE_FETCH);
  });

  scenario('forged tokens are refused and cause no fetch', async ({ provide, trusting, keep }) => {
    const corp = await provide();
    const server = await trusting({ corp });
    const good = await corp.token('admin');
    const claims = decodeJwt(good);
    const genuine = await corp.publicKey();
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = { ...(await exportJWK(publicKey)), kid: 'forged', alg: 'RS256', use: 'sig' };

    const asked = [];
    const bait = await keep(async () => {
      const http = createServer((request, answer) => {
        asked.push(request.url);
        answer.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }));
      }).listen(0, '127.0.0.1');
      await once(http, 'listening');
      const stop = () => (http.closeAllConnections(), http.close());
      return { url: `http://127.0.0.1:${http.address().port}`, stop };
    })();

    const sign = (header, payload = claims, by = privateKey) =>
      new SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid: genuine.kid, ...header }).sign(by);
    const pem = createPublicKey({ key: genuine, format: 'jwk' }).export({ format: 'pem', type: 'spki' });
    const der = createPublicKey({ key: genuine, format: 'jwk' }).export({ format: 'der', type: 'spki' });
    const none = new UnsecuredJWT(claims).encode();
    const jku = `${bait.url}/jwks`;
    const forgeries = {
      'alg none': none,
      'alg none with a kid': [
        btoa(JSON.stringify({ alg: 'none', kid: genuine.kid })).replaceAll('=', ''),
        ...none.split('.').slice(1),
      ].join('.'),
      'HS256 with the public key as PEM': await sign({ alg: 'HS256' }, claims, Buffer.from(pem)),
      'HS256 with the public key as DER': await sign({ alg: 'HS256' }, claims, der),
      'HS256 with the modulus': await sign({ alg: 'HS256' }, claims, Buffer.from(genuine.n, 'base64url')),
      'iss of another host': await sign({ kid: 'forged' }, { ...claims, iss: bait.url }),
      'iss with a slash': await sign({}, { ...claims, iss: `${corp.url}/` }),
      'iss in capitals': await sign({}, { ...claims, iss: corp.url.toUpperCase() }),
      'two iss': await sign({}, { ...claims, iss: [corp.url, bait.url] }),
      'no iss': await sign({}, { ...claims, iss: undefined }),
      'iss of hallpass': await sign({}, { ...claims, iss: server.url }),
    };
    // Keys and addresses of keys in a header are ignored, so that these ask for a key of the issuer like any token.
    const ignoredHeaders = {
      'jwk in the header': await sign({ jwk, kid: 'forged' }),
      'jku of another host': await sign({ jku, kid: 'forged' }),
      'x5u of another host': await sign({ x5u: jku, kid: 'forged' }),
      'jku and jwk with the genuine kid': await sign({ jku, jwk }),
      'jku of the provider': await sign({ jku: `${corp.url}/jwks` }),
    };
    const refuseAll = async (tokens) => {
      for (const [name, forged] of Object.entries(tokens)) {
        assert.equal(await server.authenticate(forged), REFUSED, name);
        assert.equal((await server.get('/clients', forged)).status, 401, name);
      }
    };
    // Nothing was fetched yet, so the interval between fetches does not prevent one.
    await refuseAll(forgeries);
    assert.deepEqual([corp.fetched(), asked], [[], []]);
    assert.equal(await server.health(), 'ok');

    // With known keys the signature is checked.
    assert.equal(await server.authenticate(good), 200);
    assert.deepEqual(corp.fetched(), ONE_FETCH, 'fetches are counted');
    await refuseAll({ ...forgeries, ...ignoredHeaders });
    const [header, , signature] = good.split('.');
    const payload = Buffer.from(JSON.stringify({ ...claims, sub: 'root' })).toString('base64url');
    assert.equal(await server.authenticate([header, payload, signature].join('.')), REFUSED);
    assert.equal(await server.authenticate(await sign({})), REFUSED, 'the genuine kid, a forged signature');
    assert.equal(await server.authenticate(await sign({ kid: undefined })), REFUSED, 'no kid');
    assert.equal(await server.authenticate(await sign({ kid: 'forged' })), REFUSED, 'an unknown kid');
    assert.deepEqual([corp.fetched(), asked], [ONE_FETCH, []]);
    await fetch(jku);
    assert.deepEqual(asked, ['/jwks'], 'the server of the forged keys works');
  });

  scenario('tokens of an issuer that was removed are refused within two seconds', async ({ provide, trusting, context }) => {
    const [corp, other] = await Promise.all([provide(), provide()]);
    const server = await trusting({ corp, other });
    const token = await corp.token('billing');
    const unaffected = await other.token('billing');
    assert.deepEqual([await server.authenticate(token), await server.authenticate(unaffected)], [200, 200]);

    const changed = Date.now();
    let accepted = changed;
    server.trust({ other });
    await until('its tokens are refused', async () => {
      const begun = Date.now();
      const outcome = await server.authenticate(token);
      if (outcome === 200) accepted = begun;
      return outcome === REFUSED;
    });
    assert.ok(accepted - changed < 2000, `accepted for ${accepted - changed} ms`);
    context.diagnostic(`accepted for ${accepted - changed} ms`);
    assert.equal(await server.authenticate(unaffected), 200);
    assert.equal(await server.health(), 'ok');

    server.trust({ corp, other });
    await until('it is back', async () => (await server.authenticate(token)) === 200);
  });
});

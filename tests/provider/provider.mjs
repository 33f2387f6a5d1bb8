// A real OpenID provider for the tests: gives JWT access tokens to two clients by client_credentials.
//
//   PORT=0 node provider.mjs     first line on stdout: listening on http://127.0.0.1:PORT
//
//   curl -u billing:billing-secret http://127.0.0.1:PORT/token \
//     -d grant_type=client_credentials -d resource=https://hallpass.test -d scope=invoices:read
//
// Its keys are made at each start: start it again on the same port to change them. ALG chooses RS256, PS256,
// ES256 or EdDSA; LIFETIME the seconds that a token lives.

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const algorithm = process.env.ALG ?? 'RS256';
const lifetime = Number(process.env.LIFETIME ?? 60);
const audience = process.env.AUDIENCE ?? 'hallpass';
const roles = { billing: ['reader'], admin: ['reader', 'admin'] };

const kinds = {
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  EdDSA: ['ed25519', {}],
};

function key() {
  const { privateKey } = generateKeyPairSync(...kinds[algorithm]);
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: algorithm };
}

function client(name) {
  return {
    client_id: name,
    client_secret: `${name}-secret`,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    scope: 'invoices:read invoices:write',
    id_token_signed_response_alg: algorithm,
  };
}

const configuration = {
  clients: Object.keys(roles).map(client),
  jwks: { keys: [key()] },
  scopes: ['invoices:read', 'invoices:write'],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'invoices:read invoices:write',
        audience,
        accessTokenTTL: lifetime,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: algorithm } },
      }),
    },
  },
  extraTokenClaims: (context, token) => ({ roles: roles[token.clientId] }),
};

const server = createServer((request, response) => handle(request, response));
let handle;
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  handle = new Provider(url, configuration).callback();
  console.log(`listening on ${url}`);
});

// An OpenID provider for the tests: issues JWT access tokens by client_credentials to a few clients.
//
//   PORT=0 node provider.mjs     first line on stdout: listening on http://127.0.0.1:PORT
//
//   curl -u billing:billing-secret http://127.0.0.1:PORT/token \
//     -d grant_type=client_credentials -d resource=https://hallpass.test -d scope=invoices:read
//
// Each start makes new keys. ALG is the algorithm: RS256, PS256, ES256 or EdDSA. LIFETIME is the lifetime of tokens
// in seconds. A resource other than the one above becomes the audience of the token. Tokens of the client `late` were
// issued an hour ago. Every request is logged to stdout, with its time and user agent.

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const algorithm = process.env.ALG ?? 'RS256';
const lifetime = Number(process.env.LIFETIME ?? 60);
const audience = process.env.AUDIENCE ?? 'hallpass';
const roles = { billing: ['reader'], admin: ['reader', 'admin'], scoped: [], late: ['reader'] };
const scope = 'invoices:read invoices:write admin';

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
    scope,
    id_token_signed_response_alg: algorithm,
  };
}

const configuration = {
  clients: Object.keys(roles).map(client),
  jwks: { keys: [key()] },
  scopes: scope.split(' '),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (context, resource) => ({
        scope,
        audience: resource === 'https://hallpass.test' ? audience : resource,
        accessTokenTTL: lifetime,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: algorithm } },
      }),
    },
  },
  formats: {
    customizers: {
      jwt(context, token, { payload }) {
        if (token.clientId !== 'late') return;
        payload.iat -= 3600;
        payload.exp -= 3600;
      },
    },
  },
  extraTokenClaims: (context, token) => ({ roles: roles[token.clientId] }),
};

const server = createServer((request, response) => {
  console.log(Date.now(), request.method, request.url, request.headers['user-agent']);
  handle(request, response);
});
let handle;
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  handle = new Provider(url, configuration).callback();
  console.log(`listening on ${url}`);
});

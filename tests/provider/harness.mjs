// Starts the provider and a hallpass that trusts it: `provide()`, `trusting({ corp: provider })`.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { file, start } from '../peers/node/server.mjs';

const PROGRAM = fileURLToPath(new URL('provider.mjs', import.meta.url));
const DEADLINE = 30_000;

const rosters = mkdtempSync(join(tmpdir(), 'provider-'));
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(rosters, { recursive: true });
});

const fresh = { connection: 'close' };

/** Starts a provider with new keys; `settings` are its environment. */
export async function provide(settings = {}) {
  const child = spawn(process.execPath, [PROGRAM], {
    env: { LIFETIME: '600', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (text) => (log += text));
  children.add(child);
  const end = once(child, 'exit').finally(() => children.delete(child));
  const fetches = [];
  const url = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('the provider does not start')), DEADLINE);
    end.then(() => reject(new Error(`the provider ended: ${log}`)), reject);
    createInterface(child.stdout).on('line', (line) => {
      const [, address] = line.match(/^listening on (.*)/) ?? [];
      const [, at, path] = line.match(/^(\d+) GET (\S+) hallpass/) ?? [];
      if (path) fetches.push({ path, at: Number(at) });
      if (address) resolve(address);
      if (address) clearTimeout(late);
    });
  });
  return {
    url,
    /** The requests of hallpass, with their times. */
    fetches,
    /** The paths of these requests. */
    fetched: () => fetches.map(({ path }) => path),

    async token(client, { scope, resource = 'https://hallpass.test' } = {}) {
      const form = new URLSearchParams({ grant_type: 'client_credentials', resource });
      if (scope) form.set('scope', scope);
      const authorization = `Basic ${btoa(`${client}:${client}-secret`)}`;
      const options = { method: 'POST', body: form, headers: { authorization, ...fresh } };
      const answer = await fetch(`${url}/token`, options);
      const body = await answer.json();
      if (!answer.ok) throw new Error(`no token: ${JSON.stringify(body)}`);
      return body.access_token;
    },

    /** Its first published key. */
    async publicKey() {
      return (await (await fetch(`${url}/jwks`, { headers: fresh })).json()).keys[0];
    },

    async stop() {
      child.kill('SIGKILL');
      await end;
    },

    /** Starts a provider at the same address with other keys. */
    restart: () => provide({ ...settings, PORT: new URL(url).port }),
  };
}

let count = 0;

/** Starts a hallpass that trusts these providers. */
export async function trusting(providers, claim = 'roles_claim = "roles"\n') {
  const path = join(rosters, `${(count += 1)}.toml`);
  const table = ([name, { url }]) =>
    `\n[issuers.${name}]\nurl = "${url}"\naudience = "hallpass"\n${claim}`;
  const text = (trusted) => file('roster.toml') + Object.entries(trusted).map(table).join('');
  const trust = (trusted) => {
    writeFileSync(`${path}.new`, text(trusted), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  };
  trust(providers);
  const server = await start('EdDSA', { HALLPASS_ROSTER: path });

  async function get(path, token) {
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    const answer = await fetch(server.url + path, { headers });
    const body = await answer.json();
    return { status: answer.status, body, challenge: answer.headers.get('www-authenticate') };
  }
  return {
    ...server,
    /** Replaces the roster atomically. */
    trust,
    get,
    /** The status of `GET /request` with this token, with the code of a refusal. */
    async authenticate(token) {
      const { status, body } = await get('/request', token);
      return status === 200 ? 200 : `${status} ${body.code}`;
    },
    health: async () => (await get('/health/ready')).body.status,
  };
}

/** Calls `ask` until its answer is truthy, and returns it. */
export async function until(what, ask, limit = DEADLINE) {
  const end = Date.now() + limit;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`timed out: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

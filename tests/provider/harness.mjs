// The real provider and a real server that trusts it: `provide()`, `trusting({ corp: provider })`.

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

/** A running provider with keys of its own; `settings` are its environment. */
export async function provide(settings = {}) {
  const child = spawn(process.execPath, [PROGRAM], {
    env: { LIFETIME: '600', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaints = '';
  child.stderr.on('data', (text) => (complaints += text));
  children.add(child);
  const end = once(child, 'exit').finally(() => children.delete(child));
  const fetches = [];
  const url = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('the provider does not start')), DEADLINE);
    end.then(() => reject(new Error(`the provider ended: ${complaints}`)), reject);
    createInterface(child.stdout).on('line', (line) => {
      const [, place] = line.match(/^listening on (.*)/) ?? [];
      const [, at, path] = line.match(/^(\d+) GET (\S+) hallpass/) ?? [];
      if (path) fetches.push({ path, at: Number(at) });
      if (place) resolve(place);
      if (place) clearTimeout(late);
    });
  });
  return {
    url,
    /** What hallpass asked for, and when. */
    fetches,
    /** The paths of that. */
    asked: () => fetches.map(({ path }) => path),

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

    /** Its first public key, as it publishes it. */
    async publicKey() {
      return (await (await fetch(`${url}/jwks`, { headers: fresh })).json()).keys[0];
    },

    async stop() {
      child.kill('SIGKILL');
      await end;
    },

    /** A provider at the same address, with other keys. */
    again: () => provide({ ...settings, PORT: new URL(url).port }),
  };
}

let count = 0;

/** A server that trusts these providers. */
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
    /** Puts another roster in the place of the old one, in one step. */
    trust,
    get,
    /** The status of `GET /request` with this token, and the code of a refusal. */
    async judge(token) {
      const { status, body } = await get('/request', token);
      return status === 200 ? 200 : `${status} ${body.code}`;
    },
    health: async () => (await get('/health/ready')).body.status,
  };
}

/** Asks until the answer is as wanted, or time is up; gives the answer that it was. */
export async function until(what, ask, limit = DEADLINE) {
  const end = Date.now() + limit;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

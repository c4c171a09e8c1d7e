// An OAuth server to run the library against: oidc-provider, which is certified, rotates the refresh tokens
// of public clients and ends a login whose refresh token comes twice. Every user agrees at once.
//
//   node server.mjs DIRECTORY    where DIRECTORY has the node_modules
//
// Prints its origin when it is ready, and ends when its standard input does.
//
//   GET  /admin/stats    what has happened, as JSON
//   POST /admin/knobs    a JSON object with any of the knobs below
//   GET  /v1/me          who an access token is of, as Spotify's Web API responds

import { createServer } from 'node:http';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const modules = join(resolve(process.argv[2]), 'node_modules');
const { Provider } = await import(pathToFileURL(join(modules, 'oidc-provider', 'lib', 'index.js')));

const knobs = {
  lifetime: 3600, // of an access token, in seconds
  rotates: true, // whether a public client gets a new refresh token each time
  user: 'wizzler', // who logs in next
  denies: false, // whether they refuse
  hang_before: 0, // seconds that the next token request waits before it is looked at
  hang_after: 0, // seconds that its response waits after a token has been rotated
  lose: 0, // responses to token requests that are made, and never sent
  fail: 0, // token requests that get HTTP 503 and are not looked at
};

const stats = {
  token_requests: 0, // that have arrived
  in_flight: 0,
  granted: {}, // by grant type
  refused: {}, // by error code
  rotations: 0,
  reused: 0, // refresh tokens that came again after they were rotated
};

const server = createServer().listen(0, '127.0.0.1');
await new Promise((ready) => server.once('listening', ready));
const origin = `http://127.0.0.1:${server.address().port}`;
const redirects = ['http://127.0.0.1:8888/callback', 'http://127.0.0.1/callback'];
const userGrants = ['authorization_code', 'refresh_token'];

const provider = new Provider(origin, {
  clients: [
    {
      client_id: 'public',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: userGrants,
      redirect_uris: redirects,
    },
    {
      client_id: 'confidential',
      client_secret: 'the-secret-of-the-client',
      application_type: 'native',
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: [...userGrants, 'client_credentials'],
      redirect_uris: redirects,
    },
  ],
  cookies: { keys: ['a key of no secrecy'] },
  features: { devInteractions: { enabled: false }, clientCredentials: { enabled: true } },
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: () => true,
  pkce: { required: (_, client) => client.clientAuthMethod === 'none' },
  rotateRefreshToken: (ctx) => knobs.rotates && ctx.oidc.client.clientAuthMethod === 'none',
  scopes: ['openid', 'user-read-email', 'user-read-private', 'playlist-read-private'],
  ttl: {
    AccessToken: () => knobs.lifetime,
    ClientCredentials: () => knobs.lifetime,
    AuthorizationCode: 60,
    Grant: 86400,
    IdToken: 3600,
    Interaction: 600,
    RefreshToken: 86400,
    Session: 86400,
  },
});

const count = (table, key) => { table[key] = (table[key] ?? 0) + 1; };
const rotated = new Set();

provider.on('grant.success', (ctx) => {
  const { params, entities } = ctx.oidc;
  count(stats.granted, params.grant_type);
  if (entities.RotatedRefreshToken) {
    stats.rotations += 1;
    rotated.add(params.refresh_token);
  }
});
provider.on('grant.error', (ctx, error) => {
  count(stats.refused, error.error);
  if (rotated.has(ctx.oidc.params?.refresh_token)) stats.reused += 1;
});
provider.on('server_error', (_, error) => console.error(error));

/** The value of a knob that counts down. */
const take = (name) => {
  const value = knobs[name];
  if (value > 0) knobs[name] -= 1;
  return value > 0;
};

/** The value of a knob that is good for one request. */
const takeSeconds = async (name) => {
  const seconds = knobs[name];
  knobs[name] = 0;
  if (seconds > 0) await new Promise((later) => setTimeout(later, seconds * 1000));
};

async function token(ctx, next) {
  stats.token_requests += 1;
  stats.in_flight += 1;
  try {
    if (take('fail')) {
      ctx.status = 503;
      return;
    }
    await takeSeconds('hang_before');
    await next();
    await takeSeconds('hang_after');
    if (take('lose')) {
      ctx.respond = false;
      ctx.req.socket.destroy();
    }
  } finally {
    stats.in_flight -= 1;
  }
}

/** Logs the user in and agrees for them. */
async function interaction(ctx) {
  const { prompt, params } = await provider.interactionDetails(ctx.req, ctx.res);
  let result;
  if (knobs.denies) {
    result = { error: 'access_denied', error_description: 'the user refused' };
  } else if (prompt.name === 'login') {
    result = { login: { accountId: knobs.user } };
  } else {
    const { session } = await provider.interactionDetails(ctx.req, ctx.res);
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    if (params.scope) grant.addOIDCScope(params.scope);
    result = { consent: { grantId: await grant.save() } };
  }
  ctx.respond = false;
  await provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: true });
}

async function me(ctx) {
  const bearer = ctx.get('authorization').replace(/^Bearer /, '');
  const user = await provider.AccessToken.find(bearer);
  const app = user ? undefined : await provider.ClientCredentials.find(bearer);
  if (user) {
    const id = user.accountId;
    ctx.body = { id, display_name: id, uri: `spotify:user:${id}`, type: 'user' };
    return;
  }
  const message = app ? 'Valid user authentication required' : 'The access token expired';
  ctx.status = 401;
  ctx.body = { error: { status: 401, message } };
}

async function admin(ctx) {
  if (ctx.method === 'POST') {
    let body = '';
    for await (const piece of ctx.req) body += piece;
    Object.assign(knobs, JSON.parse(body));
  }
  ctx.body = stats;
}

provider.use(async (ctx, next) => {
  if (ctx.path.startsWith('/admin/')) return admin(ctx);
  if (ctx.path.startsWith('/interaction/')) return interaction(ctx);
  if (ctx.path === '/v1/me') return me(ctx);
  if (ctx.path === '/token') return token(ctx, next);
  return next();
});

server.on('request', provider.callback());
process.stdin.resume().on('end', () => process.exit()).on('error', () => process.exit());
console.log(origin);

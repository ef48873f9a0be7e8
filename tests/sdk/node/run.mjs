// Auth0's own SDK for Node, unmodified, does every call that this server has.
//
// One run is one server. The SDK always speaks https to a bare host and trusts our throw-away
// authority through NODE_EXTRA_CA_CERTS; over http it is given a `fetch` that changes the scheme
// and nothing else. Its newest generation has no class for logging in, so people log in by a
// plain request.
//
// What one would get wrong: the SDK repeats what was answered 429 or 5xx, never a 409.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { ManagementClient } from "auth0";

const DATABASE = "Username-Password-Authentication";
const PASSWORD = "correct horse Battery 9";

// Every call that exists here; the run must have made each of them.
const EXPECTED = [
    "ManagementClient token by client credentials",
    "clientGrants.create",
    "clientGrants.delete",
    "clientGrants.get",
    "clientGrants.list",
    "clientGrants.update",
    "clients.create",
    "clients.delete",
    "clients.get",
    "clients.list",
    "clients.rotateSecret",
    "clients.update",
    "connections.checkStatus",
    "connections.clients.get",
    "connections.clients.update",
    "connections.create",
    "connections.delete",
    "connections.get",
    "connections.list",
    "connections.update",
    "connections.users.deleteByEmail",
    "jobs.errors.get",
    "jobs.get",
    "jobs.usersExports.create",
    "jobs.usersImports.create",
    "jobs.verificationEmail.create",
    "logs.get",
    "logs.list",
    "resourceServers.get",
    "resourceServers.list",
    "stats.getActiveUsersCount",
    "stats.getDaily",
    "tenants.settings.get",
    "userBlocks.delete",
    "userBlocks.deleteByIdentifier",
    "userBlocks.list",
    "userBlocks.listByIdentifier",
    "users.authenticationMethods.list",
    "users.create",
    "users.delete",
    "users.enrollments.get",
    "users.get",
    "users.identities.delete",
    "users.identities.link by name",
    "users.identities.link by proof",
    "users.list",
    "users.list with a query",
    "users.listUsersByEmail",
    "users.logs.list",
    "users.organizations.list",
    "users.permissions.list",
    "users.refreshToken.delete",
    "users.refreshToken.list",
    "users.revokeAccess",
    "users.roles.list",
    "users.sessions.delete",
    "users.sessions.list",
    "users.update",
];

const { values: given } = parseArgs({
    options: {
        protocol: { type: "string" },
        host: { type: "string" },
        tenant: { type: "string" },
        client: { type: "string" },
    },
});
const read = (file) => JSON.parse(readFileSync(file, "utf8"));
const tenant = read(given.tenant).auth0;
const people = read(given.client);
const origin = `${given.protocol}://${given.host}`;
const suffix = given.protocol;

const made = new Set();

// Makes a call, and remembers which.
function call(name, work) {
    made.add(name);
    return work();
}

// A call that must be refused, in the form that the SDK reads.
async function refused(name, status, work) {
    const error = await call(name, work).then(
        () => assert.fail(`${name} was not refused`),
        (error) => error,
    );
    assert.equal(error.statusCode, status, `${name}: ${error.message}`);
    assert.equal(error.body.statusCode, status);
    assert.ok(error.body.error && error.body.message, error.message);
    return error.body;
}

// All items of a pager, page after page.
async function all(pager) {
    const items = [];
    for await (const item of await pager) items.push(item);
    return items;
}

const plain = given.protocol === "http" && {
    fetch: (url, init) => fetch(String(url).replace(/^https:/, "http:"), init),
};
const api_of = (credentials) => new ManagementClient({ domain: given.host, ...plain, ...credentials });

async function log_in(person, scope) {
    const answer = await fetch(`${origin}/oauth/token`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
            grant_type: "http://auth0.com/oauth/grant-type/password-realm",
            client_id: people.client_id,
            client_secret: people.client_secret,
            username: person,
            password: PASSWORD,
            realm: `people-${suffix}`,
            audience: `${origin}/api/v2/`,
            scope,
        }),
    });
    assert.equal(answer.status, 200, await answer.clone().text());
    return answer.json();
}

// Connections: made, found, listed.
async function connections(api) {
    const database = await call("connections.create", () =>
        api.connections.create({ name: `people-${suffix}`, strategy: "auth0", display_name: "People" }),
    );
    assert.match(database.id, /^con_[A-Za-z0-9]{16}$/);
    const found = await call("connections.get", () => api.connections.get(database.id));
    assert.deepEqual([found.name, found.display_name], [`people-${suffix}`, "People"]);
    await call("connections.create", () => api.connections.create({ name: `github-${suffix}`, strategy: "github" }));
    const names = await call("connections.list", () => all(api.connections.list()));
    for (const name of [DATABASE, `people-${suffix}`, `github-${suffix}`]) {
        assert.ok(names.some((one) => one.name === name), name);
    }
    const some = await call("connections.list", () => all(api.connections.list({ take: 1, strategy: ["github"] })));
    assert.ok(some.every((one) => one.strategy === "github") && some.length > 0);
    await refused("connections.create", 409, () =>
        api.connections.create({ name: `people-${suffix}`, strategy: "auth0" }),
    );
    await refused("connections.get", 404, () => api.connections.get("con_0000000000000001"));
    return database;
}

// Users: made, found, changed, listed, erased.
async function users(api) {
    const five = [];
    for (let n = 0; n < 5; n += 1) {
        five.push(
            await call("users.create", () =>
                api.users.create({
                    connection: `people-${suffix}`,
                    email: `node${n}@${suffix}.example`,
                    password: PASSWORD,
                    name: `Node ${n}`,
                    user_metadata: { n },
                    app_metadata: { plan: "free" },
                }),
            ),
        );
    }
    const [first, second] = five;
    const found = await call("users.get", () => api.users.get(first.user_id));
    assert.deepEqual([found.email, found.user_metadata], [`node0@${suffix}.example`, { n: 0 }]);
    const brief = await call("users.get", () => api.users.get(first.user_id, { fields: "email", include_fields: true }));
    assert.deepEqual(Object.keys(brief), ["email"]);
    const changed = await call("users.update", () =>
        api.users.update(first.user_id, { name: "Ines", user_metadata: { m: 1 }, app_metadata: { plan: null } }),
    );
    assert.deepEqual([changed.name, changed.user_metadata, changed.app_metadata], ["Ines", { n: 0, m: 1 }, undefined]);
    const listed = await call("users.list", () => all(api.users.list({ page: 0, per_page: 2, include_totals: true })));
    const ids = new Set(listed.map((user) => user.user_id));
    assert.equal(ids.size, listed.length);
    assert.ok(five.every((user) => ids.has(user.user_id)));
    const search = (q, sort) => call("users.list with a query", () => all(api.users.list({ q, sort, search_engine: "v3" })));
    assert.deepEqual((await search(`email:"${second.email}"`)).map((user) => user.user_id), [second.user_id]);
    const sorted = await search(`email:node* AND user_metadata.n:[1 TO 3]`, "email:-1").catch((error) => error);
    assert.equal(sorted.statusCode, 400, "no ranges in user_metadata");
    const some = await search(`email:node* AND email.domain:"${suffix}.example" AND NOT name:Ines`, "email:-1");
    assert.deepEqual(some.map((user) => user.email), [4, 3, 2, 1].map((n) => `node${n}@${suffix}.example`));
    const same = await call("users.listUsersByEmail", () => api.users.listUsersByEmail({ email: second.email }));
    assert.deepEqual(same.map((user) => user.user_id), [second.user_id]);
    await refused("users.create", 409, () =>
        api.users.create({ connection: `people-${suffix}`, email: first.email, password: PASSWORD }),
    );
    await refused("users.create", 400, () =>
        api.users.create({ connection: `people-${suffix}`, email: `weak@${suffix}.example`, password: "a" }),
    );
    const last = five[4].user_id;
    await call("users.delete", () => api.users.delete(last));
    await refused("users.get", 404, () => api.users.get(last));
    await call("users.delete", () => api.users.delete(last));
    return five;
}

// Linking by name and by the ID token of the second account, and taking apart again.
async function identities(api, database, five) {
    const primary = five[0].user_id;
    const spelled = (list) => list.map((one) => `${one.provider}|${one.user_id}`);
    const link = (by, who, body) =>
        call(`users.identities.link by ${by}`, () => who.users.identities.link(primary, body));
    const unlink = (who, user) => call("users.identities.delete", () => who.users.identities.delete(primary, ...user.split("|")));

    const user_id = five[1].user_id.split("|")[1];
    const named = { provider: "auth0", user_id, connection_id: database.id };
    const linked = await link("name", api, named);
    assert.deepEqual(spelled(linked), [primary, five[1].user_id]);
    assert.equal(linked[1].profileData.email, five[1].email);
    await refused("users.get", 404, () => api.users.get(five[1].user_id));
    await refused("users.identities.link by name", 409, () => link("name", api, named));
    await refused("users.identities.link by name", 400, () => link("name", api, { ...named, user_id: "nobody" }));
    assert.deepEqual(spelled(await unlink(api, five[1].user_id)), [primary]);
    const back = await call("users.get", () => api.users.get(five[1].user_id));
    assert.deepEqual([back.email, back.user_metadata], [five[1].email, undefined]);
    const main = await refused("users.identities.delete", 400, () => unlink(api, primary));
    assert.equal(main.message, "Main identity cannot be removed.");

    const own = await log_in(five[0].email, "openid read:current_user update:current_user_identities");
    const herself = api_of({ token: own.access_token });
    const second = await log_in(five[2].email, "openid profile email");
    const proved = await link("proof", herself, { link_with: second.id_token });
    assert.deepEqual(spelled(proved), [primary, five[2].user_id]);
    assert.deepEqual(spelled(await unlink(herself, five[2].user_id)), [primary]);
    await refused("users.identities.delete", 403, () =>
        herself.users.identities.delete(five[3].user_id, ...five[2].user_id.split("|")),
    );
}

// Connections: changed, enabled for clients, and deleted with their people.
async function changes(api) {
    const brief = await call("connections.create", () =>
        api.connections.create({ name: `brief-${suffix}`, strategy: "auth0" }),
    );
    const changed = await call("connections.update", () =>
        api.connections.update(brief.id, { display_name: "Brief", options: { requires_username: false } }),
    );
    assert.equal(changed.display_name, "Brief");
    const client = await call("clients.create", () =>
        api.clients.create({ name: `for-${suffix}`, app_type: "non_interactive" }),
    );
    await call("connections.clients.update", () =>
        api.connections.clients.update(brief.id, [{ client_id: client.client_id, status: true }]),
    );
    const enabled = await call("connections.clients.get", () => all(api.connections.clients.get(brief.id)));
    assert.deepEqual(enabled.map((one) => one.client_id), [client.client_id]);
    await call("connections.checkStatus", () => api.connections.checkStatus(brief.id));
    const email = `brief@${suffix}.example`;
    const user = await call("users.create", () => api.users.create({ connection: brief.name, email, password: PASSWORD }));
    await call("connections.users.deleteByEmail", () => api.connections.users.deleteByEmail(brief.id, { email }));
    await refused("users.get", 404, () => api.users.get(user.user_id));
    await call("connections.delete", () => api.connections.delete(brief.id));
    await refused("connections.get", 404, () => api.connections.get(brief.id));
    await call("connections.delete", () => api.connections.delete(brief.id));
    await call("clients.delete", () => api.clients.delete(client.client_id));
}

// Clients: made, granted rights, changed, removed.
async function clients(api) {
    const backend = await call("clients.create", () =>
        api.clients.create({ name: `backend-${suffix}`, app_type: "non_interactive", client_metadata: { team: "a" } }),
    );
    assert.equal(backend.client_secret.length, 64);
    const { client_id } = backend;
    const found = await call("clients.get", () => api.clients.get(client_id));
    assert.deepEqual([found.name, found.client_secret], [`backend-${suffix}`, undefined]);
    const changed = await call("clients.update", () => api.clients.update(client_id, { description: "what for" }));
    assert.equal(changed.description, "what for");
    const listed = await call("clients.list", () => all(api.clients.list()));
    assert.ok(listed.some((one) => one.client_id === client_id));
    const grant = await call("clientGrants.create", () =>
        api.clientGrants.create({ client_id, audience: `${origin}/api/v2/`, scope: ["read:users"] }),
    );
    assert.deepEqual((await call("clientGrants.get", () => api.clientGrants.get(grant.id))).scope, ["read:users"]);
    await call("clientGrants.update", () => api.clientGrants.update(grant.id, { scope: ["read:users", "read:logs"] }));
    const grants = await call("clientGrants.list", () => all(api.clientGrants.list({ client_id })));
    assert.deepEqual(grants.map((one) => [one.id, one.scope]), [[grant.id, ["read:users", "read:logs"]]]);
    const herself = api_of({ clientId: client_id, clientSecret: backend.client_secret });
    await call("ManagementClient token by client credentials", () => herself.users.list({ per_page: 1 }));
    await refused("users.create", 403, () => herself.users.create({ connection: DATABASE, email: "x@x.example" }));
    const rotated = await call("clients.rotateSecret", () => api.clients.rotateSecret(client_id));
    assert.notEqual(rotated.client_secret, backend.client_secret);
    await refused("users.list", 401, () => herself.users.list({ per_page: 1 }));
    await call("clientGrants.delete", () => api.clientGrants.delete(grant.id));
    await refused("clientGrants.get", 404, () => api.clientGrants.get(grant.id));
    await call("clients.delete", () => api.clients.delete(client_id));
    await refused("clients.get", 404, () => api.clients.get(client_id));
}

// What other tools ask for, and what of it is always empty here.
async function extras(api, user_id) {
    for (const name of ["roles", "permissions", "organizations", "authenticationMethods", "sessions", "refreshToken"]) {
        assert.deepEqual(await call(`users.${name}.list`, () => all(api.users[name].list(user_id))), [], name);
    }
    assert.deepEqual(await call("users.enrollments.get", () => api.users.enrollments.get(user_id)), []);
    await call("users.sessions.delete", () => api.users.sessions.delete(user_id));
    await call("users.refreshToken.delete", () => api.users.refreshToken.delete(user_id));
    await call("users.revokeAccess", () => api.users.revokeAccess(user_id));
    const identifier = { identifier: "x@x.example" };
    assert.deepEqual((await call("userBlocks.list", () => api.userBlocks.list(user_id))).blocked_for, []);
    await call("userBlocks.delete", () => api.userBlocks.delete(user_id));
    const by = await call("userBlocks.listByIdentifier", () => api.userBlocks.listByIdentifier(identifier));
    assert.deepEqual(by.blocked_for, []);
    await call("userBlocks.deleteByIdentifier", () => api.userBlocks.deleteByIdentifier(identifier));
    assert.ok((await call("stats.getActiveUsersCount", () => api.stats.getActiveUsersCount())) >= 1);
    const days = await call("stats.getDaily", () => api.stats.getDaily());
    assert.ok(days.reduce((sum, day) => sum + day.signups, 0) >= 5);
    const logs = await call("logs.list", () => all(api.logs.list({ per_page: 50 })));
    for (const type of ["sapi", "fapi", "ss", "seccft"]) assert.ok(logs.some((log) => log.type === type), type);
    assert.equal((await call("logs.get", () => api.logs.get(logs[0].log_id))).type, logs[0].type);
    const told = await call("users.logs.list", () => all(api.users.logs.list(user_id, { sort: "date:1" })));
    assert.ok(told.length > 0 && told.every((log) => [user_id, undefined].includes(log.user_id)));
    assert.ok((await call("tenants.settings.get", () => api.tenants.settings.get())).friendly_name);
    const [server] = await call("resourceServers.list", () => all(api.resourceServers.list()));
    assert.equal(server.identifier, `${origin}/api/v2/`);
    assert.ok((await call("resourceServers.get", () => api.resourceServers.get(server.id))).is_system);
}

// Jobs: users are imported and exported.
async function jobs(api, connection_id) {
    const done = async (job) => {
        for (let n = 0; n < 1000; n++) {
            const found = await call("jobs.get", () => api.jobs.get(job.id));
            if (found.status !== "pending") return found;
            await new Promise((resolve) => setTimeout(resolve, 10));
        }
        assert.fail(`${job.id} never ends`);
    };
    const email = `import-${suffix}@x.example`;
    const rows = [{ email, user_metadata: { n: 1 } }, { email: "broken", password_hash: "x" }];
    const users = new File([JSON.stringify(rows)], "users.json", { type: "application/json" });
    const body = { users, connection_id, upsert: true, external_id: "batch", send_completion_email: false };
    let job = await call("jobs.usersImports.create", () => api.jobs.usersImports.create(body));
    assert.deepEqual([job.type, job.status, job.external_id], ["users_import", "pending", "batch"]);
    let ended = await done(job);
    assert.equal(ended.status, "completed");
    assert.deepEqual([ended.summary.inserted, ended.summary.failed, ended.summary.total], [1, 1, 2]);
    const [error] = await call("jobs.errors.get", () => api.jobs.errors.get(job.id));
    assert.deepEqual([error.errors[0].code, error.user.password_hash], ["FORMAT", "*****"]);
    const fields = [{ name: "email" }, { name: "user_metadata.n", export_as: "n" }];
    const asked = { connection_id, format: "json", limit: 1000, fields };
    job = await call("jobs.usersExports.create", () => api.jobs.usersExports.create(asked));
    assert.deepEqual([job.type, job.status, job.format], ["users_export", "pending", "json"]);
    ended = await done(job);
    assert.equal(ended.status, "completed");
    const file = await (await fetch(ended.location)).text();
    const found = file.trim().split("\n").map((line) => JSON.parse(line));
    assert.ok(found.some((one) => one.email === email && one.n === 1));
    const [user] = await api.users.listUsersByEmail({ email });
    const mail = { user_id: user.user_id };
    job = await call("jobs.verificationEmail.create", () => api.jobs.verificationEmail.create(mail));
    assert.deepEqual([job.type, job.status], ["verification_email", "pending"]);
    // The server of this test has no way to send mail, and says so.
    assert.equal((await done(job)).status, "failed");
    await refused("jobs.get", 404, () => api.jobs.get("job_0000000000000001"));
}

const api = api_of({ clientId: tenant.client_id, clientSecret: tenant.client_secret });
await call("ManagementClient token by client credentials", () => api.users.list({ per_page: 1 }));
const database = await connections(api);
const five = await users(api);
await identities(api, database, five);
await changes(api);
await clients(api);
await extras(api, five[0].user_id);
await jobs(api, database.id);
assert.deepEqual([...made].sort(), EXPECTED);
console.log(`${made.size} distinct calls of the SDK over ${given.protocol}`);

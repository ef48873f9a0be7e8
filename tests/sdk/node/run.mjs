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
    "connections.create",
    "connections.get",
    "connections.list",
    "users.create",
    "users.delete",
    "users.get",
    "users.identities.delete",
    "users.identities.link by name",
    "users.identities.link by proof",
    "users.list",
    "users.listUsersByEmail",
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

const api = api_of({ clientId: tenant.client_id, clientSecret: tenant.client_secret });
await call("ManagementClient token by client credentials", () => api.users.list({ per_page: 1 }));
const database = await connections(api);
const five = await users(api);
await identities(api, database, five);
assert.deepEqual([...made].sort(), EXPECTED);
console.log(`${made.size} distinct calls of the SDK over ${given.protocol}`);

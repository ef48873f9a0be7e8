// Kii's own SDK for JavaScript, unmodified: only the address of its site is another one.
//
// Accounts come from the simulated networks, whose control interface is asked by plain requests. What one
// would get wrong: the SDK has one current user, so whoever acts is logged in first; and it fails by a
// message that has the code of the answer.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";

const { values: given } = parseArgs({
    options: {
        site: { type: "string" },
        app: { type: "string" },
        "client-id": { type: "string" },
        "client-secret": { type: "string" },
        sandbox: { type: "string" },
    },
});
const sdk = createRequire(import.meta.url)("kii-cloud-sdk").create();
const { Kii, KiiUser, KiiSocialConnect, KiiSocialNetworkName: Net } = sdk;
Kii.initializeWithSite(given.app, "ignored", given.site);

const PASSWORD = "correct-horse";
const done = new Set();

// Notes that a call of the SDK was made and ended as it should.
async function call(name, promise) {
    const result = await promise;
    done.add(name);
    return result;
}

// The same for one that must fail with this code.
async function refused(name, promise, code) {
    await assert.rejects(promise, (error) => error.message.includes(`${code} `) || error.message.startsWith(`${code}: `) || assert.fail(error.message));
    done.add(`${name} refused`);
}

async function account(network, name) {
    const response = await fetch(`${given.sandbox}/_control/accounts`, {
        method: "POST",
        body: JSON.stringify({ network, name, client_id: "our-app" }),
    });
    assert.equal(response.status, 200, await response.clone().text());
    return response.json();
}

function options(network, made) {
    switch (network) {
        case "twitter":
            return { oauth_token: made.access_token, oauth_token_secret: made.token_secret };
        case "qq":
            return { access_token: made.access_token, openID: made.id };
        default:
            return { access_token: made.access_token };
    }
}

const linked = () => KiiUser.getCurrentUser().getLinkedSocialAccounts();

// People: registered, logged in, changed, found.
const registered = KiiUser.userWithCredentials("mika@x.example", "+819012345678", "mika", PASSWORD);
registered.set("colour", "teal");
await call("KiiUser.register", registered.register());
const id = KiiUser.getCurrentUser().getID();
await refused("KiiUser.register", KiiUser.userWithUsername("mika", PASSWORD).register(), "USER_ALREADY_EXISTS");
await refused("KiiUser.authenticate", KiiUser.authenticate("mika", "wrong-horse"), "invalid_grant");
for (const name of ["mika", "mika@x.example", "+819012345678"]) {
    const mika = await call("KiiUser.authenticate", KiiUser.authenticate(name, PASSWORD));
    assert.equal(mika.getID(), id, name);
}
const mika = await call("KiiUser.authenticateWithToken", KiiUser.authenticateWithToken(KiiUser.getCurrentUser().getAccessToken()));
assert.equal(mika.get("colour"), "teal");
assert.equal(mika.isPseudoUser(), false);
await call("KiiUser.update", mika.update({ username: "mika-2" }, undefined, { displayName: "Mika", size: 7 }, ["colour"]));
await call("KiiUser.refresh", mika.refresh());
assert.deepEqual([mika.getUsername(), mika.getDisplayName(), mika.get("size"), mika.get("colour")], ["mika-2", "Mika", 7, undefined]);
mika.setCountry("JP");
await call("KiiUser.save", mika.save());
await call("KiiUser.changeEmail", mika.changeEmail("mika-2@x.example"));
await call("KiiUser.changePhone", mika.changePhone("+819012345679"));
for (const found of [
    await call("KiiUser.findUserByUsername", KiiUser.findUserByUsername("mika-2")),
    await call("KiiUser.findUserByEmail", KiiUser.findUserByEmail("mika-2@x.example")),
    await call("KiiUser.findUserByPhone", KiiUser.findUserByPhone("+819012345679")),
]) {
    assert.equal(found.getID(), id);
}
await refused("KiiUser.findUserByUsername", KiiUser.findUserByUsername("nobody"), "USER_NOT_FOUND");

// Accounts elsewhere: linked, listed, unlinked, logged in with.
for (const [network, number, key] of [
    ["twitter", Net.TWITTER, "twitter"],
    ["facebook", Net.FACEBOOK, "facebook"],
    ["google", Net.GOOGLEPLUS, "googleplus"],
    ["qq", Net.QQ, "qq"],
]) {
    await KiiUser.authenticate("mika-2", PASSWORD);
    const made = await account(network, "Mika");
    await call(`link ${network}`, KiiSocialConnect.linkCurrentUserWithNetwork(number, options(network, made)));
    assert.equal(linked()[key].id, made.id);
    await call(`logIn ${network}`, KiiSocialConnect.logIn(number, options(network, made)));
    assert.equal(KiiUser.getCurrentUser().getID(), id);
    assert.equal(KiiSocialConnect.getAccessTokenObjectForNetwork(number).kii_new_user, false);
    await call(`unlink ${network}`, KiiSocialConnect.unLinkCurrentUserFromNetwork(number));
    assert.equal(linked()[key], undefined);
    await refused(`unlink ${network}`, KiiSocialConnect.unLinkCurrentUserFromNetwork(number), "USER_NOT_LINKED");
    const stranger = await account(network, "Stranger");
    await call(`logIn ${network}`, KiiSocialConnect.logIn(number, options(network, stranger)));
    assert.equal(KiiSocialConnect.getAccessTokenObjectForNetwork(number).kii_new_user, true);
    assert.equal(KiiUser.getCurrentUser().isPseudoUser(), true);
    await KiiUser.authenticate("mika-2", PASSWORD);
    const taken = KiiSocialConnect.linkCurrentUserWithNetwork(number, options(network, stranger));
    await refused(`link ${network}`, taken, `${network.toUpperCase()}_USER_ALREADY_LINKED`);
}

// A pseudo user, who gets a name and a password.
const guest = await call("KiiUser.registerAsPseudoUser", KiiUser.registerAsPseudoUser(undefined, { theme: "dark" }));
const guestId = guest.getID();
assert.equal(guest.isPseudoUser(), true);
const own = await account("facebook", "Guest");
await KiiSocialConnect.linkCurrentUserWithNetwork(Net.FACEBOOK, options("facebook", own));
await call("KiiUser.putIdentity", KiiUser.getCurrentUser().putIdentity({ username: "guest" }, PASSWORD));
assert.equal((await KiiUser.authenticate("guest", PASSWORD)).getID(), guestId);
await KiiUser.getCurrentUser().refresh();
assert.equal(linked().facebook.id, own.id);

// Passwords.
await call("KiiUser.updatePassword", KiiUser.getCurrentUser().updatePassword(PASSWORD, "other-horse"));
await refused("KiiUser.authenticate", KiiUser.authenticate("guest", PASSWORD), "invalid_grant");
await call("KiiUser.resetPassword", KiiUser.resetPassword("mika-2@x.example"));

// The administrator.
const admin = await call("Kii.authenticateAsAppAdmin", Kii.authenticateAsAppAdmin(given["client-id"], given["client-secret"]));
const [, user] = await call("KiiAppAdminContext.findUserByUsername", admin.findUserByUsername("guest"));
assert.equal(user.getID(), guestId);
await call("KiiUser.delete by the administrator", user.delete());

// The end.
await KiiUser.authenticate("mika-2", PASSWORD);
await call("KiiUser.delete", KiiUser.getCurrentUser().delete());
KiiUser.logOut();
await refused("KiiUser.authenticate", KiiUser.authenticate("mika-2", PASSWORD), "invalid_grant");
console.log(`${done.size} distinct calls of Kii's SDK`);

"""Auth0's own Python SDK, unmodified, does every call that this server has.

One run is one server. Over http the management client is pointed at it by `base_url`; over
https both halves of the SDK take a bare host, and trust our throw-away authority through
SSL_CERT_FILE (management, by httpx) and REQUESTS_CA_BUNDLE (GetToken, by requests).

What one would get wrong: the SDK repeats a request that was answered 409 twice, so a test
that expects one lasts seconds; one is enough, and it asks for no repetition where it can.
"""

import argparse
import json
import time
import urllib.request

from auth0.authentication import GetToken
from auth0.authentication.exceptions import Auth0Error
from auth0.management import ManagementClient
from auth0.management.client import Auth0
from auth0.management.core.api_error import ApiError

DATABASE = "Username-Password-Authentication"
PASSWORD = "correct horse Battery 9"

# Every call that exists here; the run must have made each of them. The one in which the
# client fetches its token itself only speaks https.
OVER_HTTPS = {"ManagementClient token by client credentials"}
EXPECTED = {
    "GetToken.client_credentials",
    "GetToken.login",
    "client_grants.create",
    "client_grants.delete",
    "client_grants.get",
    "client_grants.list",
    "client_grants.update",
    "clients.create",
    "clients.delete",
    "clients.get",
    "clients.list",
    "clients.rotate_secret",
    "clients.update",
    "connections.check_status",
    "connections.clients.get",
    "connections.clients.update",
    "connections.create",
    "connections.delete",
    "connections.get",
    "connections.list",
    "connections.update",
    "connections.users.delete_by_email",
    "jobs.errors.get",
    "jobs.get",
    "jobs.users_exports.create",
    "jobs.users_imports.create",
    "jobs.verification_email.create",
    "logs.get",
    "logs.list",
    "resource_servers.get",
    "resource_servers.list",
    "stats.get_active_users_count",
    "stats.get_daily",
    "tenants.settings.get",
    "user_blocks.delete",
    "user_blocks.delete_by_identifier",
    "user_blocks.list",
    "user_blocks.list_by_identifier",
    "users.authentication_methods.list",
    "users.create",
    "users.delete",
    "users.enrollments.get",
    "users.get",
    "users.identities.delete",
    "users.identities.link by name",
    "users.identities.link by proof",
    "users.list",
    "users.list by query",
    "users.list_users_by_email",
    "users.logs.list",
    "users.organizations.list",
    "users.permissions.list",
    "users.refresh_token.delete",
    "users.refresh_token.list",
    "users.revoke_access",
    "users.roles.list",
    "users.sessions.delete",
    "users.sessions.list",
    "users.update",
}


class Calls:
    """Makes calls, and remembers which."""

    def __init__(self):
        self.made = set()

    def __call__(self, name, call, /, *args, **kwargs):
        self.made.add(name)
        return call(*args, **kwargs)

    def refused(self, name, status, call, /, *args, **kwargs):
        """A call that must be refused, in the form that the SDK reads."""
        try:
            self(name, call, *args, **kwargs)
        except ApiError as error:
            assert error.status_code == status, (name, error.status_code, error.body)
            assert error.body["statusCode"] == status, error.body
            assert error.body["error"] and error.body["message"], error.body
            return error.body
        raise AssertionError(f"{name} was not refused")


def connections(call, api, suffix):
    """Connections: made, found, listed."""
    made = call("connections.create", api.connections.create, name=f"people-{suffix}", strategy="auth0",
                display_name="People", options={"requires_username": False})
    assert made.id.startswith("con_") and made.strategy == "auth0", made
    found = call("connections.get", api.connections.get, made.id)
    assert (found.id, found.name, found.display_name) == (made.id, f"people-{suffix}", "People"), found
    github = call("connections.create", api.connections.create, name=f"github-{suffix}", strategy="github")
    names = {one.name for one in call("connections.list", api.connections.list)}
    assert {DATABASE, f"people-{suffix}", f"github-{suffix}"} <= names, names
    pages = call("connections.list", api.connections.list, take=1, strategy=["github"], fields="name")
    assert f"github-{suffix}" in {one.name for one in pages}
    body = call.refused("connections.create", 409, api.connections.create, name=f"people-{suffix}",
                        strategy="auth0", request_options={"max_retries": 0})
    assert body["statusCode"] == 409
    call.refused("connections.get", 404, api.connections.get, "con_0000000000000001")
    return made, github


def users(call, api, suffix, people):
    """Users: made, found, changed, listed, erased."""
    made = [
        call("users.create", api.users.create, connection=people.name, email=f"person{n}@{suffix}.example",
             password=PASSWORD, name=f"Person {n}", user_metadata={"n": n}, app_metadata={"plan": "free"})
        for n in range(5)
    ]
    first = made[0]
    assert first.user_id.startswith("auth0|") and first.email == f"person0@{suffix}.example", first
    found = call("users.get", api.users.get, first.user_id)
    assert found.user_metadata["n"] == 0 and found.identities[0].connection == people.name, found
    brief = call("users.get", api.users.get, first.user_id, fields="email", include_fields=True)
    assert brief.email and brief.user_id is None, brief
    changed = call("users.update", api.users.update, first.user_id, name="Ines", user_metadata={"m": 1},
                   app_metadata={"plan": None})
    assert changed.name == "Ines" and changed.user_metadata == {"n": 0, "m": 1}, changed
    assert not changed.app_metadata, changed
    call("users.update", api.users.update, first.user_id, blocked=True)
    assert call("users.get", api.users.get, first.user_id).blocked is True
    call("users.update", api.users.update, first.user_id, blocked=False)

    pager = call("users.list", api.users.list, page=0, per_page=2, include_totals=True)
    assert pager.response.total >= 5 and pager.response.limit == 2, pager.response
    ids = [user.user_id for user in pager]
    assert len(ids) == len(set(ids)) and {user.user_id for user in made} <= set(ids), ids
    query = f'email.domain:"{suffix}.example" AND name:person AND NOT app_metadata.plan:none'
    pager = call("users.list by query", api.users.list, q=query, sort="email:-1", search_engine="v3", per_page=3)
    assert pager.response.total == 4, pager.response
    assert [user.user_id for user in pager] == [user.user_id for user in reversed(made[1:])]
    call.refused("users.list by query", 400, api.users.list, q="name:*")
    same = call("users.list_users_by_email", api.users.list_users_by_email, email=f"person1@{suffix}.example")
    assert [user.user_id for user in same] == [made[1].user_id], same
    none = call("users.list_users_by_email", api.users.list_users_by_email, email=f"PERSON1@{suffix}.example")
    assert none == [], none

    call.refused("users.create", 409, api.users.create, connection=people.name,
                 email=f"person0@{suffix}.example", password=PASSWORD, request_options={"max_retries": 0})
    call.refused("users.create", 400, api.users.create, connection=people.name,
                 email=f"weak@{suffix}.example", password="a")
    call("users.delete", api.users.delete, made[4].user_id)
    call.refused("users.get", 404, api.users.get, made[4].user_id)
    call("users.delete", api.users.delete, made[4].user_id)
    return made


def identities(call, api, suffix, people, made):
    """Linking by name, and taking apart again."""
    primary, secondary = made[0].user_id, made[1].user_id
    provider, local = secondary.split("|")
    linked = call("users.identities.link by name", api.users.identities.link, primary, provider=provider,
                  user_id=local, connection_id=people.id)
    assert [f"{one.provider}|{one.user_id}" for one in linked] == [primary, secondary], linked
    assert linked[1].profile_data.email == f"person1@{suffix}.example", linked
    call.refused("users.get", 404, api.users.get, secondary)
    call.refused("users.identities.link by name", 409, api.users.identities.link, primary, provider=provider,
                 user_id=local, connection_id=people.id, request_options={"max_retries": 0})
    call.refused("users.identities.link by name", 400, api.users.identities.link, primary, provider=provider,
                 user_id="nobody", connection_id=people.id)
    left = call("users.identities.delete", api.users.identities.delete, primary, provider, local)
    assert [one.user_id for one in left] == [primary.split("|")[1]], left
    back = call("users.get", api.users.get, secondary)
    assert back.email == f"person1@{suffix}.example" and not back.user_metadata, back
    body = call.refused("users.identities.delete", 400, api.users.identities.delete, primary,
                        *primary.split("|"))
    assert body["message"] == "Main identity cannot be removed.", body


def proofs(call, get_token, api_of, audience, suffix, people, made):
    """Linking by the ID token of the second account: by the tenant, and by the person."""
    def log_in(n, scope):
        return call("GetToken.login", get_token.login, username=f"person{n}@{suffix}.example",
                    password=PASSWORD, realm=people.name, scope=scope, audience=audience)

    machine = call("GetToken.client_credentials", get_token.client_credentials, audience)
    second = log_in(2, "openid profile email")
    linked = call("users.identities.link by proof", api_of(machine["access_token"]).users.identities.link,
                  made[0].user_id, link_with=second["id_token"])
    assert len(linked) == 2, linked

    own = api_of(log_in(0, "openid read:current_user update:current_user_identities")["access_token"])
    third = log_in(3, "openid")
    linked = call("users.identities.link by proof", own.users.identities.link, made[0].user_id,
                  link_with=third["id_token"])
    assert [f"{one.provider}|{one.user_id}" for one in linked] == [made[n].user_id for n in (0, 2, 3)], linked
    provider, local = made[3].user_id.split("|")
    left = call("users.identities.delete", own.users.identities.delete, made[0].user_id, provider, local)
    assert len(left) == 2, left
    body = call.refused("users.identities.delete", 403, own.users.identities.delete, made[1].user_id,
                        provider, local)
    assert body["statusCode"] == 403
    try:
        call("GetToken.login", get_token.login, username=f"person0@{suffix}.example", password="wrong",
             realm=people.name)
    except Auth0Error as error:
        assert (error.status_code, error.error_code) == (403, "invalid_grant"), error
    else:
        raise AssertionError("a wrong password was believed")


def changes(call, api, suffix):
    """Connections changed, enabled for clients, and deleted with their people."""
    made = call("connections.create", api.connections.create, name=f"short-lived-{suffix}", strategy="auth0")
    changed = call("connections.update", api.connections.update, made.id, display_name="Short",
                   options={"requires_username": False})
    assert changed.display_name == "Short", changed
    client = call("clients.create", api.clients.create, name=f"for-{suffix}", app_type="non_interactive")
    call("connections.clients.update", api.connections.clients.update, made.id,
         request=[{"client_id": client.client_id, "status": True}])
    enabled = call("connections.clients.get", api.connections.clients.get, made.id)
    assert [one.client_id for one in enabled] == [client.client_id]
    call("connections.check_status", api.connections.check_status, made.id)
    email = f"brief@{suffix}.example"
    user = call("users.create", api.users.create, connection=made.name, email=email, password=PASSWORD)
    call("connections.users.delete_by_email", api.connections.users.delete_by_email, made.id, email=email)
    call.refused("users.get", 404, api.users.get, user.user_id)
    call("connections.delete", api.connections.delete, made.id)
    call.refused("connections.get", 404, api.connections.get, made.id)
    call("connections.delete", api.connections.delete, made.id)
    call("clients.delete", api.clients.delete, client.client_id)


def clients(call, api, token_of, suffix, audience):
    """Clients made, granted rights, changed, and removed."""
    made = call("clients.create", api.clients.create, name=f"backend-{suffix}", app_type="non_interactive",
                callbacks=["https://app.example/cb"], client_metadata={"team": "a"})
    assert len(made.client_secret) == 64 and made.client_metadata == {"team": "a"}, made
    found = call("clients.get", api.clients.get, made.client_id)
    assert found.name == f"backend-{suffix}" and found.client_secret is None, found
    changed = call("clients.update", api.clients.update, made.client_id, description="what it is for")
    assert changed.description == "what it is for", changed
    assert made.client_id in {one.client_id for one in call("clients.list", api.clients.list)}
    grant = call("client_grants.create", api.client_grants.create, client_id=made.client_id, audience=audience,
                 scope=["read:users"])
    assert call("client_grants.get", api.client_grants.get, grant.id).scope == ["read:users"]
    call("client_grants.update", api.client_grants.update, grant.id, scope=["read:users", "read:logs"])
    listed = call("client_grants.list", api.client_grants.list, client_id=made.client_id)
    assert [one.id for one in listed] == [grant.id]
    token = call("GetToken.client_credentials", token_of(made.client_id, made.client_secret).client_credentials,
                 audience)
    assert token["scope"] == "read:users read:logs", token
    rotated = call("clients.rotate_secret", api.clients.rotate_secret, made.client_id)
    assert rotated.client_secret != made.client_secret
    call("client_grants.delete", api.client_grants.delete, grant.id)
    call.refused("client_grants.get", 404, api.client_grants.get, grant.id)
    call("clients.delete", api.clients.delete, made.client_id)
    call.refused("clients.get", 404, api.clients.get, made.client_id)


def extras(call, api, user_id, audience):
    """What other tools ask for, and what of it is always empty here."""
    for name, ask in [
        ("users.roles.list", api.users.roles.list),
        ("users.permissions.list", api.users.permissions.list),
        ("users.organizations.list", api.users.organizations.list),
        ("users.authentication_methods.list", api.users.authentication_methods.list),
        ("users.sessions.list", api.users.sessions.list),
        ("users.refresh_token.list", api.users.refresh_token.list),
        ("users.enrollments.get", api.users.enrollments.get),
    ]:
        assert list(call(name, ask, user_id)) == [], name
    call("users.sessions.delete", api.users.sessions.delete, user_id)
    call("users.refresh_token.delete", api.users.refresh_token.delete, user_id)
    call("users.revoke_access", api.users.revoke_access, user_id)
    assert not call("user_blocks.list", api.user_blocks.list, user_id).blocked_for
    call("user_blocks.delete", api.user_blocks.delete, user_id)
    assert not call("user_blocks.list_by_identifier", api.user_blocks.list_by_identifier, identifier="x").blocked_for
    call("user_blocks.delete_by_identifier", api.user_blocks.delete_by_identifier, identifier="x")
    assert call("stats.get_active_users_count", api.stats.get_active_users_count) >= 1
    assert sum(day.signups for day in call("stats.get_daily", api.stats.get_daily)) >= 5
    logs = list(call("logs.list", api.logs.list, per_page=50))
    assert {"sapi", "fapi", "ss", "seccft", "s"} <= {log.type for log in logs}, {log.type for log in logs}
    assert call("logs.get", api.logs.get, logs[0].log_id).type == logs[0].type
    told = list(call("users.logs.list", api.users.logs.list, user_id, sort="date:1"))
    assert told and all(log.user_id in (user_id, None) for log in told), told
    assert call("tenants.settings.get", api.tenants.settings.get).friendly_name
    (server,) = call("resource_servers.list", api.resource_servers.list)
    assert server.identifier == audience, server
    assert call("resource_servers.get", api.resource_servers.get, server.id).is_system


def jobs(call, api, suffix, people):
    """Jobs: users are imported and exported."""
    def done(job):
        for _ in range(1000):
            found = call("jobs.get", api.jobs.get, job.id)
            if found.status != "pending":
                return found
            time.sleep(0.01)
        raise AssertionError(f"{job.id} never ends")

    rows = [{"email": f"import-{suffix}@x.example", "user_metadata": {"n": 1}}, {"email": "broken", "password_hash": "x"}]
    job = call("jobs.users_imports.create", api.jobs.users_imports.create,
               users=("users.json", json.dumps(rows), "application/json"), connection_id=people.id, upsert=True,
               external_id="batch", send_completion_email=False)
    assert (job.type, job.status, job.connection_id, job.external_id) == (
        "users_import", "pending", people.id, "batch"), job
    ended = done(job)
    assert ended.status == "completed", ended
    assert (ended.summary.inserted, ended.summary.failed, ended.summary.total) == (1, 1, 2), ended
    (error,) = call("jobs.errors.get", api.jobs.errors.get, job.id)
    assert error.errors[0].code == "FORMAT" and error.user["password_hash"] == "*****", error
    job = call("jobs.users_exports.create", api.jobs.users_exports.create, connection_id=people.id, format="json",
               limit=1000, fields=[{"name": "email"}, {"name": "user_metadata.n", "export_as": "n"}])
    assert (job.type, job.status, job.format) == ("users_export", "pending", "json"), job
    ended = done(job)
    assert ended.status == "completed" and ended.location, ended
    assert call("jobs.errors.get", api.jobs.errors.get, job.id) is None
    with urllib.request.urlopen(ended.location) as file:
        found = [json.loads(line) for line in file]
    assert {"email": f"import-{suffix}@x.example", "n": 1} in found, found
    users = api.users.list_users_by_email(email=f"import-{suffix}@x.example")
    job = call("jobs.verification_email.create", api.jobs.verification_email.create, user_id=users[0].user_id)
    assert (job.type, job.status) == ("verification_email", "pending"), job
    # The server of this test has no way to send mail, and says so.
    assert done(job).status == "failed"
    call.refused("jobs.get", 404, api.jobs.get, "job_0000000000000001")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--protocol", choices=["http", "https"], required=True)
    parser.add_argument("--host", required=True, help="host:port")
    parser.add_argument("--tenant", required=True, help="what `oneself tenant create --json` printed, a file")
    parser.add_argument("--client", required=True, help="what `oneself client add --json` printed, a file")
    args = parser.parse_args()
    with open(args.tenant, encoding="utf-8") as file:
        tenant = json.load(file)["auth0"]
    with open(args.client, encoding="utf-8") as file:
        people_client = json.load(file)

    call = Calls()
    base = f"{args.protocol}://{args.host}/api/v2"
    get_token = GetToken(args.host, tenant["client_id"], client_secret=tenant["client_secret"],
                         protocol=args.protocol)
    token = call("GetToken.client_credentials", get_token.client_credentials, f"{base}/")
    assert token["token_type"] == "Bearer" and token["expires_in"] > 0, token

    def api_of(bearer):
        return Auth0(base_url=base, token=bearer)

    if args.protocol == "https":
        api = call(*OVER_HTTPS, ManagementClient, domain=args.host,
                   client_id=tenant["client_id"], client_secret=tenant["client_secret"])
    else:
        api = api_of(token["access_token"])

    suffix = args.protocol
    people, _ = connections(call, api, suffix)
    made = users(call, api, suffix, people)
    identities(call, api, suffix, people, made)
    people_token = GetToken(args.host, people_client["client_id"], client_secret=people_client["client_secret"],
                            protocol=args.protocol)
    proofs(call, people_token, api_of, f"{base}/", suffix, people, made)
    changes(call, api, suffix)

    def token_of(client_id, client_secret):
        return GetToken(args.host, client_id, client_secret=client_secret, protocol=args.protocol)

    clients(call, api, token_of, suffix, f"{base}/")
    extras(call, api, made[0].user_id, f"{base}/")
    jobs(call, api, suffix, people)

    expected = EXPECTED | (OVER_HTTPS if args.protocol == "https" else set())
    assert call.made == expected, call.made ^ expected
    print(f"{len(call.made)} distinct calls of the SDK over {args.protocol}")


if __name__ == "__main__":
    main()

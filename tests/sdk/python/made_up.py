"""Thousands of requests made up from a description, and answers held against it.

Schemathesis makes them up, from an OpenAPI document that a running server serves, and checks
that no answer is a 500, of an undocumented status, or another than the document says in type,
headers and schema; that what the document forbids is refused; and that other methods are.
As a program this sets a tenant up, validates the document and its examples, and starts
Schemathesis once for each kind of caller; as the module that Schemathesis loads, it puts ids of
users, connections and clients that exist into most requests, and counts answers.

What one would get wrong: a made-up request may delete what the next ones are about, or take the
rights from the client that asks. So the former are made anew now and then, and the latter is left
alone.
"""

import argparse
import atexit
import collections
import json
import os
import random
import subprocess
import sys
from urllib.parse import quote

import jsonschema
import openapi_spec_validator
import requests
import schemathesis

DATABASE = "Username-Password-Authentication"
PASSWORD = "correct horse Battery 9"

# The connections that are not made-up requests' to delete.
LASTING = {DATABASE, "github", "oneself"}

# With how many of these the requests are made up again after so many of them.
PEOPLE, CLIENTS, RENEWED_AFTER = 8, 3, 150

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
]

# What a request may get that the document forbids.
REFUSALS = [400, 401, 403, 404, 405, 409, 413, 414, 415]

QUERIES = [
    "email:*example*",
    "name:ma* AND NOT blocked:true",
    'identities.provider:"github" OR logins_count:[1 TO 9}',
    "_exists_:user_metadata.theme",
    "created_at:[2020-01-01 TO *]",
]


class World:
    """What there is at the server, as far as requests are to be about it."""

    def __init__(self, url, tenant, token):
        self.url, self.tenant, self.token = url, tenant, token
        self.chance = random.Random(1)
        self.asked = self.made = 0
        self.job = "job_0000000000000000"
        self.answers = collections.defaultdict(collections.Counter)

    def ask(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = requests.request(method, self.url + path, json=body, headers=headers, timeout=30)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def renew(self):
        """Makes what has become of too few, and looks at what there is."""
        names = {one["name"] for one in self.ask("GET", "/api/v2/connections")}
        if "github" not in names:
            self.ask("POST", "/api/v2/connections", {"name": "github", "strategy": "github"})
        if not names - LASTING:
            self.made += 1
            name = f"Other-{self.made}-{self.chance.getrandbits(32):x}"
            self.ask("POST", "/api/v2/connections", {"name": name, "strategy": "auth0"})
        people = self.ask("GET", "/api/v2/users?sort=created_at:-1&per_page=20")
        for _ in range(len(people), PEOPLE):
            self.made += 1
            name = f"made{self.made}-{self.chance.getrandbits(32):x}"
            self.ask("POST", "/link/v1/users", {
                "name": name,
                "email": f"{name}@x.example",
                "password": PASSWORD,
                "identity": {"connection": "github", "subject": str(self.chance.getrandbits(40))},
            })
            body = {"connection": DATABASE, "email": f"other-{name}@x.example", "password": PASSWORD, "user_id": name}
            self.ask("POST", "/api/v2/users", body)
        clients = self.ask("GET", "/api/v2/clients?per_page=100")
        for _ in range(len(clients), CLIENTS + 1):
            self.ask("POST", "/api/v2/clients", {"name": "made up", "grant_types": ["client_credentials"]})
        self.people = self.ask("GET", "/api/v2/users?sort=created_at:-1&per_page=20")
        self.clients = [one["client_id"] for one in self.ask("GET", "/api/v2/clients?per_page=100")]
        self.clients.remove(self.tenant["client_id"])
        self.grants = [
            one["id"]
            for one in self.ask("GET", "/api/v2/client-grants")
            if one["client_id"] != self.tenant["client_id"]
        ] or ["cgr_0000000000000000"]
        self.connections = self.ask("GET", "/api/v2/connections")
        self.others = [one for one in self.connections if one["name"] not in LASTING]
        # Few jobs may be under way, and old ones are dropped.
        headers = {"Authorization": f"Bearer {self.token}"}
        job = requests.post(f"{self.url}/api/v2/jobs/users-exports", json={}, headers=headers, timeout=30)
        if job.status_code < 300:
            self.job = job.json()["id"]
        page = self.ask("GET", "/link/v1/users?limit=5")
        self.listed, self.next = page["users"], page["next"]

    def one(self, among):
        return self.chance.choice(among)

    def often(self):
        return self.chance.random() < 0.75

    def address(self, person):
        return person.get("email", "nobody@x.example")

    def put_in(self, case):
        """Makes a request about what there is, more often than not."""
        self.asked += 1
        if self.asked % RENEWED_AFTER == 1:
            self.renew()
        path, person = case.operation.path, self.one(self.people)
        identity = self.one(person["identities"])
        if case.path_parameters and self.often():
            ids = {}
            self.put_in_path(path, case.method, ids, case.path_parameters, person, identity)
            # What Schemathesis makes up for a path is encoded already.
            case.path_parameters.update({name: quote(id, safe="") for name, id in ids.items()})
        if isinstance(case.query, dict):
            self.put_in_query(case.query, person)
        if isinstance(case.body, dict):
            self.put_in_body(path, case.method, case.body, person, identity)
        elif isinstance(case.body, list):
            for item in case.body:
                if isinstance(item, dict) and "client_id" in item and self.often():
                    item["client_id"] = self.one(self.clients)
        own = self.tenant["client_id"]
        ids = case.path_parameters or {}
        lasting = {one["id"] for one in self.connections if one["name"] in LASTING}
        if case.method == "DELETE" and path == "/api/v2/connections/{id}" and ids.get("id") in lasting:
            ids["id"] = self.one(self.others)["id"]
        if case.method != "GET" and str(ids.get("id", "")).endswith(own[16:]):
            ids["id"] = self.one(self.clients)

    def put_in_path(self, path, method, ids, named, person, identity):
        if path.startswith("/link/v1"):
            if "connection" in named:
                ids.update(connection=identity["connection"], subject=str(identity["user_id"]))
            elif "identity" in named:
                listed = self.one(self.listed)
                ids.update(id=listed["id"], identity=listed["identities"][-1]["id"])
            else:
                ids["id"] = self.one([person["user_id"], self.one(self.listed)["id"]])
        elif path.startswith("/api/v2/connections"):
            among = self.connections
            if path.endswith("/users"):
                # By an address only databases know anybody.
                among = [one for one in among if one["name"] == DATABASE]
            elif method == "DELETE":
                among = self.others
            ids["id"] = self.one(among)["id"]
        elif path.startswith("/api/v2/client-grants"):
            ids["id"] = self.one(self.grants)
        elif path.startswith("/api/v2/clients"):
            ids["id"] = self.one(self.clients)
        elif path.startswith("/api/v2/jobs"):
            ids["id"] = self.job
        elif path.startswith("/api/v2/resource-servers"):
            ids["id"] = f"{self.url}/api/v2/"
        else:
            ids["id"] = person["user_id"]
            if "provider" in named:
                other = identity if self.often() else person["identities"][-1]
                ids.update(provider=other["provider"], user_id=str(other["user_id"]))

    def put_in_query(self, query, person):
        known = {
            "q": lambda: self.one(QUERIES),
            "sort": lambda: self.one(["email:1", "created_at:-1"]),
            "email": lambda: self.address(person),
            "client_id": lambda: self.one(self.clients),
            "after": lambda: self.next,
            "from": lambda: "20260101",
        }
        for name, value in known.items():
            if name in query and self.often() and (name != "from" or "to" in query):
                query[name] = value()
        if query.get("from") == "20260101":
            query["to"] = "20260401"

    def put_in_body(self, path, method, body, person, identity):
        if path == "/oauth/token" and self.often():
            secret = {name: self.tenant[name] for name in ("client_id", "client_secret")}
            body.update(grant_type="client_credentials", audience=f"{self.url}/api/v2/", **secret)
            body.pop("scope", None)
            body.pop("organization", None)
        elif path == "/api/v2/users" and self.often():
            body["connection"] = self.one([DATABASE, self.others[0]["name"]])
            body.setdefault("password", PASSWORD)
            body.setdefault("email", f"a{self.chance.getrandbits(48):x}@x.example")
            body.pop("username", None)
        elif path.endswith("/identities") and "link_with" not in body and self.often():
            if path.startswith("/link/v1"):
                body["connection"] = "github"
            else:
                body.update(provider=identity["provider"], user_id=identity["user_id"])
                body.pop("connection_id", None)
        elif path == "/api/v2/jobs/users-imports" and self.often():
            database = next(one["id"] for one in self.connections if one["name"] == DATABASE)
            people = [{"email": f"a{self.chance.getrandbits(48):x}@x.example"}]
            body.update(connection_id=database, users=json.dumps(people))
        elif path == "/api/v2/client-grants" and self.often():
            body.update(client_id=self.one(self.clients), audience=f"{self.url}/api/v2/")
        elif path == "/link/v1/identities:resolve" and self.often():
            one = {"connection": identity["connection"], "subject": str(identity["user_id"])}
            body["identities"] = [one]
        elif path == "/link/v1/users" and isinstance(body.get("identity"), dict) and self.often():
            body["identity"]["connection"] = "github"


def hooks():
    """Makes Schemathesis ask about the world that the environment describes."""
    given = json.loads(os.environ["MADE_UP"])
    world = World(given["url"], given["tenant"], given["token"])

    @schemathesis.hook
    def before_call(context, case, kwargs):
        world.put_in(case)
        # Clients prove themselves in one way only.
        if given["sends"] and case.operation.path != "/oauth/token":
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {given['sends']}"}

    @schemathesis.hook
    def after_call(context, case, response):
        world.answers[f"{case.method} {case.operation.path}"][response.status_code] += 1

    @atexit.register
    def tell():
        with open(given["answers"], "w") as file:
            json.dump(world.answers, file)


def validate(document):
    """That the document is one, and its examples are what it says."""
    openapi_spec_validator.validate(document)
    checked = 0
    for path, item in document["paths"].items():
        for method, operation in item.items():
            contents = [operation.get("requestBody", {}).get("content", {})]
            contents += [answer.get("content", {}) for answer in operation["responses"].values()]
            for content in (one for contents in contents for one in contents.values()):
                if "example" in content:
                    schema = {**content["schema"], "components": document["components"]}
                    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
                    jsonschema.Draft202012Validator(schema, format_checker=checker).validate(content["example"])
                    checked += 1
    return checked


def run(each, document, token, world, checks, phases, mode="all"):
    """One run of Schemathesis; how often each operation was answered with which status."""
    answers = os.path.abspath("answers.json")
    given = {"url": world.url, "tenant": world.tenant, "token": world.token, "sends": token, "answers": answers}
    environment = os.environ | {
        "MADE_UP": json.dumps(given),
        "SCHEMATHESIS_HOOKS": "made_up",
        "PYTHONPATH": os.path.dirname(os.path.abspath(__file__)),
    }
    program = os.path.join(os.path.dirname(sys.executable), "schemathesis")
    with open("schemathesis.toml", "w") as file:
        file.write(f"[checks.negative_data_rejection]\nexpected-statuses = {REFUSALS}\n")
    command = [program, "--no-color", "run", document, "--url", world.url, "--checks", ",".join(checks)]
    command += ["--phases", phases, "--max-examples", str(each), "--mode", mode, "--seed", "1", "--warnings", "off"]
    command += ["--generation-database", "none", "--suppress-health-check", "all", "--no-shrink"]
    command += ["--generation-with-security-parameters", "false"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        lines = [line[:400] for line in (done.stdout + done.stderr).splitlines()]
        sys.exit("\n".join(lines[-400:]))
    with open(answers) as file:
        return json.load(file)


def token_of(url, client):
    request = {"grant_type": "client_credentials", "audience": f"{url}/api/v2/"}
    request |= {name: client[name] for name in ("client_id", "client_secret")}
    return requests.post(f"{url}/oauth/token", json=request, timeout=30).json()["access_token"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host")
    parser.add_argument("--tenant")
    parser.add_argument("--document", help="the path at which the server serves it")
    parser.add_argument("--each", type=int, help="how many requests are made up for an operation")
    parser.add_argument("--thorough", action="store_true", help="the edges of each schema, and chains of requests")
    arguments = parser.parse_args()
    url = f"http://{arguments.host}"
    with open(arguments.tenant) as file:
        tenant = json.load(file)["auth0"]
    world = World(url, tenant, token_of(url, tenant))
    world.renew()
    nobody = world.ask("POST", "/api/v2/clients", {"name": "no rights", "grant_types": ["client_credentials"]})
    grant = {"client_id": nobody["client_id"], "audience": f"{url}/api/v2/", "scope": []}
    world.ask("POST", "/api/v2/client-grants", grant)

    document = requests.get(url + arguments.document, timeout=30).json()
    with open("document.json", "w") as file:
        json.dump(document, file)
    examples = validate(document)
    operations = {
        f"{method.upper()} {path}": operation.get("security", document.get("security"))
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }

    # Whoever has no right learns nothing but that, whatever she asks.
    without, statuses = 0, {}
    for token, refused in [("", 401), (token_of(url, nobody), 403)]:
        checks = ["not_a_server_error", "status_code_conformance", "response_schema_conformance"]
        for name, found in run(3, "document.json", token, world, checks, "fuzzing", "positive").items():
            without += sum(found.values())
            if operations.get(name):
                statuses.setdefault(str(refused), set()).update(found)
    # In /link/v1 it is the verbs that ask for rights, once the request is understood.
    unread = {"400", "404"} if arguments.document.startswith("/link/v1") else set()
    for refused, found in statuses.items():
        allowed = {refused, "414"} | (unread if refused == "403" else set())
        assert found <= allowed, f"expected {allowed} alone: {found}"

    phases = "examples,coverage,fuzzing,stateful" if arguments.thorough else "examples,fuzzing"
    answers = run(arguments.each, "document.json", world.token, world, CHECKS, phases)
    world.renew()
    never = [name for name in operations if not any(status < "300" for status in answers.get(name, {}))]
    # A few requests do not reach everything.
    assert not (never and arguments.thorough), f"these were never answered well: {never}"
    asked = sum(sum(found.values()) for found in answers.values())
    print(f"{asked} requests to {len(operations)} operations, {without} without rights, {examples} examples")


if __name__ == "__main__":
    main()
elif "MADE_UP" in os.environ:
    hooks()

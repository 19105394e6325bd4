#!/usr/bin/env python3
"""A client of BILL's v2 API, written from docs/protocol.md with the standard library only.

usage: stranger.py ORIGIN

Signs in to a sandbox, works in the session, lets it expire and signs out. Prints a line for
every step and exits with 1 at the first surprise. It needs a sandbox that nobody else uses, with
the demo account and the seed of 2,500 vendors.
"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request

USER, PASSWORD = "demo@example.com", "demo-password"
TOKEN_NAME, TOKEN_VALUE = "demo-token", "demo-token-value"
ORGANIZATION = "00800000000000000001"
DEVELOPER_KEY = "demo-dev-key"

# No proxy of the environment between this program and its own machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Refused(Exception):
    """A failure in BILL's envelope."""

    def __init__(self, status, code):
        super().__init__(f"HTTP {status}, {code}")
        self.status = status
        self.code = code


def http(request):
    """The status and the JSON of an answer, whatever its status."""
    try:
        with OPENER.open(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def post(origin, operation, **fields):
    """`response_data` of one v2 request."""
    request = urllib.request.Request(
        f"{origin}/api/v2/{operation}.json",
        data=urllib.parse.urlencode(fields).encode(),
        headers={
            "accept": "application/json",
            "content-type": "application/x-www-form-urlencoded",
        },
    )
    status, envelope = http(request)
    data = envelope["response_data"]
    if envelope["response_status"] != 0:
        raise Refused(status, data["error_code"])
    expect(status, 200)
    return data


def sandbox(origin, name, body=None):
    """One request to the sandbox's control endpoints."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"} if data else {}
    request = urllib.request.Request(f"{origin}/_sandbox/{name}", data=data, headers=headers)
    status, answer = http(request)
    expect(status, 200)
    return answer


class Session:
    """A signed-in session."""

    def __init__(self, origin, user=USER, password=PASSWORD):
        data = post(
            origin,
            "Login",
            userName=user,
            password=password,
            orgId=ORGANIZATION,
            devKey=DEVELOPER_KEY,
        )
        expect(data["orgId"], ORGANIZATION)
        expect(data["apiEndPoint"], f"{origin}/api/v2")
        expect(data["usersId"][:3], "006")
        self.origin = origin
        self.id = data["sessionId"]

    def call(self, operation, data=None):
        fields = {"devKey": DEVELOPER_KEY, "sessionId": self.id}
        if data is not None:
            fields["data"] = json.dumps(data)
        return post(self.origin, operation, **fields)

    def pages(self, entity):
        """Pages of 999 until a short one, which is the last."""
        start = 0
        while True:
            page = self.call(
                f"List/{entity}",
                {
                    "start": start,
                    "max": 999,
                    "filters": [{"field": "isActive", "op": "=", "value": "1"}],
                    "sort": [{"field": "createdTime", "asc": "true"}],
                },
            )
            yield page
            if len(page) < 999:
                return
            start += len(page)


def expect(seen, wanted):
    if seen != wanted:
        raise AssertionError(f"expected {wanted!r}, saw {seen!r}")


def expect_refusal(code, status, work):
    try:
        work()
    except Refused as refused:
        expect((refused.code, refused.status), (code, status))
    else:
        raise AssertionError(f"expected {code}, saw a success")


def signs_in(origin):
    session = Session(origin)
    expect(session.call("GetSessionInfo")["orgId"], ORGANIZATION)
    other = Session(origin)
    if other.id == session.id:
        raise AssertionError("two sign-ins made one session")
    other.call("Logout")


def lists_organizations(origin):
    organizations = post(
        origin, "ListOrgs", userName=USER, password=PASSWORD, devKey=DEVELOPER_KEY
    )
    if ORGANIZATION not in [each["orgId"] for each in organizations]:
        raise AssertionError("the demo organisation is not listed")


def lists_in_pages(origin):
    pages = list(Session(origin).pages("Vendor"))
    expect([len(page) for page in pages], [999, 999, 502])
    ids = {vendor["id"] for page in pages for vendor in page}
    expect(len(ids), 2500)
    expect({each[:3] for each in ids}, {"009"})


def creates_reads_updates_deletes(origin):
    session = Session(origin)
    name = "Fish & Chips = 100% + Söhne"
    made = session.call("Crud/Create/Vendor", {"obj": {"entity": "Vendor", "name": name}})
    expect(made["name"], name)
    by_id = {"id": made["id"]}
    expect(session.call("Crud/Read/Vendor", by_id), made)
    change = {"obj": {"entity": "Vendor", "id": made["id"], "email": "fish@example.com"}}
    session.call("Crud/Update/Vendor", change)
    read = session.call("Crud/Read/Vendor", by_id)
    expect((read["name"], read["email"]), (name, "fish@example.com"))
    session.call("Crud/Delete/Vendor", by_id)
    expect(session.call("Crud/Read/Vendor", by_id)["isActive"], "2")
    session.call("Crud/Undelete/Vendor", by_id)
    expect(session.call("Crud/Read/Vendor", by_id)["isActive"], "1")
    session.call("Crud/Delete/Vendor", by_id)


def is_refused_with_a_made_up_session(origin):
    session = Session(origin)
    session.id = "made-up"
    expect_refusal("BDC_1109", 200, lambda: session.call("GetSessionInfo"))


def is_refused_with_a_wrong_password(origin):
    expect_refusal("BDC_1101", 200, lambda: Session(origin, password="wrong"))


def is_refused_with_a_wrong_developer_key(origin):
    fields = {"userName": USER, "password": PASSWORD, "orgId": ORGANIZATION, "devKey": "wrong"}
    expect_refusal("BDC_1102", 200, lambda: post(origin, "Login", **fields))


def is_refused_at_a_wrong_path(origin):
    session = Session(origin)
    expect_refusal("BDC_1121", 404, lambda: session.call("NoSuchOperation"))


def expires_after_35_idle_minutes(origin):
    session = Session(origin)
    # A sandbox's clock may also run by itself, so this stays a second away from the limit.
    for _ in range(3):
        sandbox(origin, "advance", {"seconds": 34 * 60 + 59})
        session.call("GetSessionInfo")
    sandbox(origin, "advance", {"seconds": 35 * 60})
    expect_refusal("BDC_1109", 200, lambda: session.call("GetSessionInfo"))
    Session(origin).call("GetSessionInfo")


def outlives_30_idle_days_with_a_token(origin):
    session = Session(origin, TOKEN_NAME, TOKEN_VALUE)
    sandbox(origin, "advance", {"seconds": 30 * 86_400})
    session.call("GetSessionInfo")


def signs_out_twice(origin):
    session = Session(origin)
    session.call("Logout")
    expect_refusal("BDC_1109", 200, lambda: session.call("GetSessionInfo"))
    expect_refusal("BDC_1109", 200, lambda: session.call("Logout"))


def is_struck_by_a_fault(origin):
    fault = {"kind": {"envelope": {"status": 200, "code": "BDC_1144"}}, "on": "Login"}
    sandbox(origin, "fault", fault)
    expect_refusal("BDC_1144", 200, lambda: Session(origin))
    Session(origin)


def leaked_nothing(origin):
    stats = sandbox(origin, "stats")
    expect(stats["secrets_in_url"], 0)
    strict = [name for name in stats["rejected"] if not name.startswith("BDC_")]
    expect(strict, [])


STEPS = [
    signs_in,
    lists_organizations,
    lists_in_pages,
    creates_reads_updates_deletes,
    is_refused_with_a_made_up_session,
    is_refused_with_a_wrong_password,
    is_refused_with_a_wrong_developer_key,
    is_refused_at_a_wrong_path,
    expires_after_35_idle_minutes,
    outlives_30_idle_days_with_a_token,
    signs_out_twice,
    is_struck_by_a_fault,
    leaked_nothing,
]


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: stranger.py ORIGIN")
    origin = sys.argv[1].rstrip("/")
    for step in STEPS:
        name = step.__name__.replace("_", " ")
        try:
            step(origin)
        except Exception as surprise:  # a missing key is a surprise as much as a wrong answer
            print(f"stranger {name}: FAILED: {surprise!r}", flush=True)
            sys.exit(1)
        print(f"stranger {name}: ok", flush=True)


if __name__ == "__main__":
    main()

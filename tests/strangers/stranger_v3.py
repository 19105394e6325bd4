#!/usr/bin/env python3
"""A client of BILL's v3 API, written from docs/protocol.md with the standard library only.

usage: stranger_v3.py ORIGIN

Signs in to a sandbox, reads a list page by page, works on objects, passes a challenge of the
second factor, pays, comes back as a remembered device, uploads a file and signs out. Prints a line
for every step and exits with 1 at the first surprise. It needs a sandbox that nobody else uses,
with the demo account and the seed of 2,500 vendors.
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
MFA_CODE = "123456"
BILL = "00n01000000000000001"

# No proxy of the environment between this program and its own machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Refused(Exception):
    """An array of errors in place of an answer."""

    def __init__(self, status, errors):
        self.status = status
        self.codes = [error["code"] for error in errors]
        super().__init__(f"HTTP {status}, {self.codes}")
        for error in errors:
            expect(set(error), {"timestamp", "code", "severity", "category", "message"})


def expect(seen, wanted):
    if seen != wanted:
        raise AssertionError(f"expected {wanted!r}, saw {seen!r}")


def expect_refusal(status, code, work):
    try:
        work()
    except Refused as refused:
        expect((refused.status, refused.codes), (status, [code]))
    else:
        raise AssertionError(f"expected {code}, saw a success")


def http(method, url, headers, body):
    """The status and the bytes of an answer, whatever its status."""
    headers = {"accept": "application/json", **headers}
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    try:
        with OPENER.open(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def ask(origin, method, path, *, json_body=None, raw=None, query=None, headers=()):
    """The JSON of one v3 request, or nothing for an answer without a body."""
    url = f"{origin}/connect/v3/{path}"
    if query:
        url += "?" + urllib.parse.urlencode(query)
    headers, body = dict(headers), raw
    if json_body is not None:
        headers["content-type"] = "application/json"
        body = json.dumps(json_body).encode()
    status, answer = http(method, url, headers, body)
    if status >= 300:
        raise Refused(status, json.loads(answer))
    return json.loads(answer) if answer else None


def sandbox(origin, name, body=None):
    """One request to the sandbox's control endpoints."""
    data = None if body is None else json.dumps(body).encode()
    headers = {} if data is None else {"content-type": "application/json"}
    method = "GET" if data is None else "POST"
    status, answer = http(method, f"{origin}/_sandbox/{name}", headers, data)
    expect(status, 200)
    return json.loads(answer)


class Session:
    """A signed-in session."""

    def __init__(self, origin, user=USER, password=PASSWORD, organization=ORGANIZATION,
                 key=DEVELOPER_KEY, **device):
        login = {"username": user, "password": password, "organizationId": organization,
                 "devKey": key, **device}
        data = ask(origin, "POST", "login", json_body=login)
        expect(set(data), {"organizationId", "sessionId", "trusted", "userId"})
        expect(data["organizationId"], organization)
        self.origin, self.key, self.id = origin, key, data["sessionId"]
        self.trusted = data["trusted"]

    def call(self, method, path, body=None, **more):
        more["headers"] = {"sessionId": self.id, "devKey": self.key, **more.get("headers", {})}
        return ask(self.origin, method, path, json_body=body, **more)

    def pages(self, resource, size):
        """A list in pages until one has no cursor."""
        query = {"max": size}
        while True:
            page = self.call("GET", resource, query=query)
            yield page["results"]
            if "nextPage" not in page:
                return
            query["page"] = page["nextPage"]

    def status(self):
        return self.call("GET", "login/session")["mfaStatus"]

    def challenge(self):
        return self.call("POST", "mfa/challenge", {"useBackup": "false"})["challengeId"]

    def validate(self, challenge, code, remember=True):
        answer = {"challengeId": challenge, "token": code, "device": "stranger",
                  "machineName": "a machine", "rememberMe": remember}
        return self.call("POST", "mfa/challenge/validate", answer)

    def pay(self):
        return self.call("POST", "payments", {"billId": BILL, "amount": 12.5})


def signs_in(origin):
    session, other = Session(origin), Session(origin)
    if session.id == other.id:
        raise AssertionError("two sign-ins made one session")
    about = session.call("GET", "login/session")
    expect(set(about), {"organizationId", "userId", "mfaStatus", "mfaBypass"})
    expect((about["organizationId"], about["mfaStatus"]), (ORGANIZATION, "CHALLENGE"))
    expect((session.trusted, about["mfaBypass"]), (False, False))
    other.call("POST", "logout")


def lists_organizations(origin):
    pages = list(Session(origin).pages("login/organizations", 1))
    expect([len(page) for page in pages], [1, 1])
    expect(pages[0][0]["id"], ORGANIZATION)


def lists_in_pages(origin):
    session = Session(origin)
    pages = list(session.pages("vendors", 100))
    expect([len(page) for page in pages], [100] * 25)
    ids = [vendor["id"] for page in pages for vendor in page]
    expect((len(set(ids)), {each[:3] for each in ids}), (2500, {"009"}))
    expect(len(session.call("GET", "vendors")["results"]), 20)


def goes_on_after_an_empty_page(origin):
    session = Session(origin)
    sandbox(origin, "fault", {"kind": "empty_page", "on": "v3/List/bills"})
    expect([len(page) for page in session.pages("bills", 15)], [0, 15, 5])


def is_refused_for_a_wrong_size_or_cursor(origin):
    session = Session(origin)
    for query in [{"max": 0}, {"max": 101}, {"page": "made-up"}]:
        expect_refusal(422, "BDC_1002", lambda: session.call("GET", "vendors", query=query))


def creates_reads_updates_deletes(origin):
    session = Session(origin)
    name = "Fish & Chips = 100% + Söhne"
    made = session.call("POST", "vendors", {"name": name})
    expect((made["name"], made["archived"]), (name, False))
    path = f"vendors/{made['id']}"
    expect(session.call("GET", path), made)
    session.call("PATCH", path, {"email": "fish@example.com"})
    read = session.call("GET", path)
    expect((read["name"], read["email"]), (name, "fish@example.com"))
    session.call("PUT", path, {"name": "Chips"})
    read = session.call("GET", path)
    expect((read["name"], "email" in read), ("Chips", False))
    session.call("DELETE", path)
    expect_refusal(404, "BDC_1002", lambda: session.call("GET", path))
    expect_refusal(422, "BDC_1002", lambda: session.call("POST", "vendors", {"name": ""}))


def is_refused_with_a_made_up_session(origin):
    session = Session(origin)
    session.id = "made-up"
    expect_refusal(401, "BDC_1109", lambda: session.call("GET", "vendors"))


def is_refused_with_wrong_credentials(origin):
    expect_refusal(401, "BDC_1101", lambda: Session(origin, password="wrong"))
    expect_refusal(401, "BDC_1102", lambda: Session(origin, key="wrong"))
    elsewhere = "00800000000000000009"
    expect_refusal(403, "BDC_1107", lambda: Session(origin, organization=elsewhere))


def is_refused_at_a_wrong_path(origin):
    session = Session(origin)
    expect_refusal(404, "BDC_1121", lambda: session.call("GET", "login/elsewhere"))


def passes_a_challenge_to_pay(origin):
    session = Session(origin)
    expect_refusal(403, "BDC_1361", session.pay)
    challenge = session.challenge()
    expect_refusal(422, "BDC_1357", lambda: session.validate(challenge, "000000"))
    expect(session.validate(challenge, MFA_CODE, remember=False), {})
    expect(session.status(), "COMPLETE")
    expect(session.pay()["amount"], 12.5)


def is_too_late_or_too_often_wrong(origin):
    session = Session(origin)
    late, tried = session.challenge(), session.challenge()
    for _ in range(3):
        expect_refusal(422, "BDC_1357", lambda: session.validate(tried, "000000"))
    expect_refusal(422, "BDC_1358", lambda: session.validate(tried, MFA_CODE))
    sandbox(origin, "advance", {"seconds": 600})
    expect_refusal(422, "BDC_1356", lambda: session.validate(late, MFA_CODE))


def comes_back_as_a_remembered_device(origin):
    session = Session(origin)
    remembered = session.validate(session.challenge(), MFA_CODE)["rememberMeId"]
    device = {"rememberMeId": remembered, "device": "stranger"}
    session.call("POST", "logout")
    again = Session(origin, **device)
    expect((again.trusted, again.status()), (True, "COMPLETE"))
    expect(again.pay()["amount"], 12.5)
    without = Session(origin)
    expect(without.trusted, False)
    expect(without.call("POST", "mfa/step-up", device), {"trusted": True})
    expect(without.status(), "COMPLETE")
    another = {**device, "device": "another"}
    expect(Session(origin, **another).trusted, False)
    sandbox(origin, "advance", {"seconds": 30 * 86_400})
    expect(Session(origin, **device).trusted, False)


def can_neither_pay_nor_be_challenged_with_a_token(origin):
    session = Session(origin, TOKEN_NAME, TOKEN_VALUE)
    expect_refusal(403, "BDC_1120", session.pay)
    expect_refusal(403, "BDC_1120", session.challenge)
    sandbox(origin, "advance", {"seconds": 30 * 86_400})
    session.status()


def uploads_a_file(origin):
    session = Session(origin)
    more = {"query": {"name": "a b+ä.pdf"}, "headers": {"content-type": "application/pdf"}}
    content = bytes(range(256)) * 1_000
    answer = session.call("POST", f"documents/bills/{BILL}", raw=content, **more)
    expect(list(answer), ["uploadId"])
    nowhere = "documents/bills/00nowhere"
    expect_refusal(404, "BDC_1002", lambda: session.call("POST", nowhere, raw=b"x", **more))


def expires_after_35_idle_minutes(origin):
    session = Session(origin)
    # A sandbox's clock may also run by itself, so this stays a second away from the limit.
    for _ in range(3):
        sandbox(origin, "advance", {"seconds": 34 * 60 + 59})
        session.status()
    sandbox(origin, "advance", {"seconds": 35 * 60})
    expect_refusal(401, "BDC_1109", session.status)


def is_struck_by_faults(origin):
    session = Session(origin)
    errors = [{"code": "BDC_1001"}, {"code": "BDC_1002", "message": "so it is"}]
    sandbox(origin, "fault", {"kind": {"errors": {"status": 500, "errors": errors}}, "on": "v3"})
    try:
        session.status()
    except Refused as refused:
        expect((refused.status, refused.codes), (500, ["BDC_1001", "BDC_1002"]))
    else:
        raise AssertionError("expected two errors, saw a success")
    fault = {"envelope": {"status": 200, "code": "BDC_1144"}}
    sandbox(origin, "fault", {"kind": fault, "on": "v3/Login"})
    expect_refusal(429, "BDC_1144", lambda: Session(origin))


def signs_out_twice(origin):
    session = Session(origin)
    expect(session.call("POST", "logout"), None)
    expect_refusal(401, "BDC_1109", session.status)
    expect_refusal(401, "BDC_1109", lambda: session.call("POST", "logout"))


def leaked_nothing(origin):
    stats = sandbox(origin, "stats")
    expect(stats["secrets_in_url"], 0)
    strict = [name for name in stats["rejected"] if not name.startswith("BDC_")]
    expect(strict, [])
    expect(stats["sign_ins"], stats["sign_ins_v3"])
    expect(stats["calls"], stats["calls_v3"])
    expect(stats["max_in_flight"], 1)


STEPS = [
    signs_in,
    lists_organizations,
    lists_in_pages,
    goes_on_after_an_empty_page,
    is_refused_for_a_wrong_size_or_cursor,
    creates_reads_updates_deletes,
    is_refused_with_a_made_up_session,
    is_refused_with_wrong_credentials,
    is_refused_at_a_wrong_path,
    passes_a_challenge_to_pay,
    is_too_late_or_too_often_wrong,
    comes_back_as_a_remembered_device,
    can_neither_pay_nor_be_challenged_with_a_token,
    uploads_a_file,
    expires_after_35_idle_minutes,
    is_struck_by_faults,
    signs_out_twice,
    leaked_nothing,
]


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: stranger_v3.py ORIGIN")
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

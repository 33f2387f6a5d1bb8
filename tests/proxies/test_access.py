"""Every operation of the example, with every kind of credential, through every proxy."""

import base64

from wire import send

# What the client gets: 200 is the backend's answer.
TABLE = """
operation          nothing bad key token admin scoped basic query cookie both
GET /public            200 200 200   200   200    200   200   200    200  200
GET /optional          200 401 200   200   200    200   200   200    200  200
GET /items             401 401 200   200   200    200   401   401    401  200
POST /items            401 401 403   403   200    403   401   401    401  200
GET /items/7           401 401 200   200   200    200   401   401    401  200
DELETE /items/7        401 401 401   403   200    403   401   401    401  200
GET /items/special     401 401 401   403   200    403   401   401    401  200
GET /admin/stats       401 401 403   403   200    403   401   401    401  200
GET /reports           401 401 401   403   403    200   401   401    401  403
GET /legacy            401 401 401   401   401    401   200   401    401  401
GET /query             401 401 401   401   401    401   401   200    401  401
GET /profile           401 401 401   401   401    401   401   401    200  401
POST /profile          401 401 401   401   401    401   401   401    200  401
GET /socket            401 401 401   200   200    200   401   401    200  200
PUT /both              401 401 401   403   401    403   401   401    401  200
GET /undeclared        403 403 403   403   403    403   403   403    403  403
GET /unknown           403 403 403   403   403    403   403   403    403  403
PATCH /items           403 403 403   403   403    403   403   403    403  403
HEAD /items            401 401 200   200   200    200   401   401    401  200
"""
COLUMNS, *ROWS = [line.split() for line in TABLE.strip().splitlines()]


def credentials(hallpass, login):
    key = hallpass.keys["reader"]
    bearer = {client: ("Authorization", f"Bearer {login(client)}") for client in ("reader", "admin", "scoped")}
    basic = base64.b64encode(f"reader:{key}".encode()).decode()
    bad = key[:-1] + ("0" if key[-1] != "0" else "1")
    return {
        "nothing": ("", []),
        "bad": ("", [("Authorization", "Bearer a.b.c"), ("X-API-Key", bad)]),
        "key": ("", [("X-API-Key", key)]),
        "token": ("", [bearer["reader"]]),
        "admin": ("", [bearer["admin"]]),
        "scoped": ("", [bearer["scoped"]]),
        "basic": ("", [("Authorization", f"Basic {basic}")]),
        "query": (f"?api_key={key}", []),
        "cookie": ("", [("Cookie", f"access_token={login('reader')}")]),
        "both": ("", [bearer["admin"], ("X-API-Key", hallpass.keys["admin"])]),
    }


def test_every_operation_with_every_credential(proxy, hallpass, login, backend, table):
    sent = credentials(hallpass, login)
    seen = []
    for method, path, *_ in ROWS:
        statuses = []
        for query, headers in (sent[column] for column in COLUMNS[1:]):
            backend.take()
            answer = send(proxy.port, method, path + query, headers)
            statuses.append(str(answer.status))
            passed = [(request.method, request.target) for request in backend.take()]
            assert passed == ([(method, path + query)] if answer.status == 200 else []), (method, path, answer)
        seen.append([method, path, *statuses])
    table(f"\n{proxy.name:22} " + " ".join(f"{column:7}" for column in COLUMNS[1:]))
    for method, path, *statuses in seen:
        table(f"{method:6} {path:15} " + " ".join(f"{status:7}" for status in statuses))
    assert seen == ROWS

"""The scenario with the SDK that openapi-python-client writes."""

import os
from datetime import datetime

from hallpass_client import AuthenticatedClient, Client
from hallpass_client.api.administration import list_clients
from hallpass_client.api.oauth2 import token
from hallpass_client.api.tokens import login, logout, whoami
from hallpass_client.models import (
    ClientList, Code, LoginResponse, LogoutResponse, OAuthError, PrincipalKind, Problem, TokenRequest,
    TokenRequestGrantType, TokenType, WhoAmI,
)

ADDRESS = os.environ["HALLPASS"]


def log_in(key: str) -> AuthenticatedClient:
    api_key = AuthenticatedClient(ADDRESS, os.environ[key], prefix="", auth_header_name="X-API-Key")
    answer = login.sync(client=api_key)
    assert isinstance(answer, LoginResponse), answer
    assert answer.token_type == TokenType.BEARER, answer
    return AuthenticatedClient(ADDRESS, answer.access_token)


reader = log_in("READER_KEY")
who = whoami.sync(client=reader)
assert isinstance(who, WhoAmI), who
assert (who.sub, who.kind) == ("reader", PrincipalKind.CLIENT), who
assert isinstance(who.expires_at, datetime), who

refusal = list_clients.sync_detailed(client=reader)
assert isinstance(refusal.parsed, Problem), refusal
assert (refusal.status_code, refusal.parsed.code) == (403, Code.INSUFFICIENT_SCOPE), refusal

roster = list_clients.sync(client=log_in("ADMIN_KEY"))
assert isinstance(roster, ClientList), roster
assert [one.name for one in roster.clients] == ["operator", "reader"], roster

error = token.sync(client=Client(ADDRESS), body=TokenRequest(grant_type=TokenRequestGrantType.CLIENT_CREDENTIALS))
assert isinstance(error, OAuthError), error
assert error.error == "invalid_client", error

done = logout.sync(client=reader)
assert isinstance(done, LogoutResponse) and done.message, done
refusal = whoami.sync_detailed(client=reader)
assert isinstance(refusal.parsed, Problem), refusal
assert (refusal.status_code, refusal.parsed.code) == (401, Code.INVALID_TOKEN), refusal

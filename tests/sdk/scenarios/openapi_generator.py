"""The scenario with the SDK that openapi-generator writes in Python."""

import os
from datetime import datetime

import hallpass_sdk
from hallpass_sdk import AdministrationApi, ApiClient, Configuration, Oauth2Api, TokensApi
from hallpass_sdk.exceptions import ForbiddenException, UnauthorizedException
from hallpass_sdk.models import Code, OAuthError, PrincipalKind, Problem, TokenType


def client(**credentials: str) -> ApiClient:
    configuration = Configuration(host=os.environ["HALLPASS"], access_token=credentials.get("token"))
    if "key" in credentials:
        configuration.api_key["apiKey"] = credentials["key"]
    return ApiClient(configuration)


def log_in(key: str) -> hallpass_sdk.LoginResponse:
    return TokensApi(client(key=os.environ[key])).login()


login = log_in("READER_KEY")
assert (login.token_type, login.roles) == (TokenType.BEARER, ["reader"]), login
reader = client(token=login.access_token)

who = TokensApi(reader).whoami()
assert (who.sub, who.kind) == ("reader", PrincipalKind.CLIENT), who
assert isinstance(who.expires_at, datetime), who

try:
    AdministrationApi(reader).list_clients()
    raise AssertionError("a reader must not list the clients")
except ForbiddenException as refusal:
    assert isinstance(refusal.data, Problem), refusal.data
    assert (refusal.status, refusal.data.code) == (403, Code.INSUFFICIENT_SCOPE), refusal.data

operator = client(token=log_in("ADMIN_KEY").access_token)
roster = AdministrationApi(operator).list_clients()
assert [one.name for one in roster.clients] == ["operator", "reader"], roster

try:
    Oauth2Api(client()).token("client_credentials")
    raise AssertionError("client_credentials without a client must be refused")
except UnauthorizedException as refusal:
    assert isinstance(refusal.data, OAuthError), refusal.data
    assert refusal.data.error == "invalid_client", refusal.data

assert TokensApi(reader).logout().message
try:
    TokensApi(reader).whoami()
    raise AssertionError("the token is revoked")
except UnauthorizedException as refusal:
    assert isinstance(refusal.data, Problem), refusal.data
    assert refusal.data.code == Code.INVALID_TOKEN, refusal.data

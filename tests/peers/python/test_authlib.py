"""Authlib: metadata, tokens, introspection, revocation."""

import httpx
import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from authlib.oidc.discovery import OpenIDProviderMetadata

METHODS = ["client_secret_basic", "client_secret_post"]


@pytest.fixture
def server(serve):
    return serve("EdDSA")


@pytest.fixture
def metadata(server):
    return httpx.get(server.url + get_well_known_url(server.url)).raise_for_status().json()


@pytest.fixture
def client(server, metadata):
    with OAuth2Client("billing", server.key("billing"), **metadata) as client:
        yield client


def whoami(server, client):
    return client.get(f"{server.url}/request")


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256", "HS256"])
def test_metadata_is_valid(serve, algorithm):
    issuer = "https://hallpass.example"
    server = serve(algorithm, HALLPASS_ISSUER=issuer)
    oauth = httpx.get(server.url + get_well_known_url(issuer)).raise_for_status().json()
    assert oauth["issuer"] == issuer
    AuthorizationServerMetadata(oauth).validate()


def test_openid_configuration_is_valid(serve):
    # OpenID Connect requires RS256 of every provider, and Authlib checks that.
    issuer = "https://hallpass.example"
    server = serve("RS256", HALLPASS_ISSUER=issuer)
    path = get_well_known_url(issuer, suffix="openid-configuration")
    OpenIDProviderMetadata(httpx.get(server.url + path).raise_for_status().json()).validate()


@pytest.mark.parametrize("method", METHODS)
def test_client_credentials(server, metadata, method):
    assert method in metadata["token_endpoint_auth_methods_supported"]
    key = server.key("billing")
    with OAuth2Client("billing", key, token_endpoint_auth_method=method, **metadata) as client:
        token = client.fetch_token(grant_type="client_credentials", scope="invoices:read")
        assert token["token_type"] == "Bearer"
        assert token["scope"] == "invoices:read"
        assert token["expires_in"] == 1800
        answer = whoami(server, client).raise_for_status().json()
    assert (answer["sub"], answer["kind"], answer["roles"]) == ("billing", "client", ["reader"])


@pytest.mark.parametrize("method", METHODS)
def test_a_wrong_secret_is_an_invalid_client(server, metadata, method):
    key = server.key("audit")
    with OAuth2Client("billing", key, token_endpoint_auth_method=method, **metadata) as client:
        with pytest.raises(OAuthError) as refused:
            client.fetch_token(grant_type="client_credentials")
    assert refused.value.error == "invalid_client"


def test_a_scope_that_the_client_does_not_have_is_an_invalid_scope(client):
    with pytest.raises(OAuthError) as refused:
        client.fetch_token(grant_type="client_credentials", scope="everything")
    assert refused.value.error == "invalid_scope"


@pytest.mark.parametrize("through_a_client", [True, False])
def test_password(server, metadata, through_a_client):
    credentials = ("billing", server.key("billing")) if through_a_client else ()
    with OAuth2Client(*credentials, **metadata) as client:
        with pytest.raises(OAuthError) as refused:
            client.fetch_token(username="alice", password="wrong")
        assert refused.value.error == "invalid_grant"
        token = client.fetch_token(username="alice", password="correct horse battery staple")
        assert token["scope"] == "invoices:read"
        answer = whoami(server, client).raise_for_status().json()
    assert (answer["sub"], answer["kind"], answer["roles"]) == ("alice", "user", ["admin"])


def test_introspection_and_revocation(server, metadata, client):
    token = client.fetch_token(grant_type="client_credentials")["access_token"]

    def introspected():
        endpoint = metadata["introspection_endpoint"]
        return client.introspect_token(endpoint, token=token, token_type_hint="access_token").json()

    active = introspected()
    assert active["active"] is True
    assert (active["sub"], active["client_id"]) == ("billing", "billing")
    assert active["scope"].split() == ["invoices:read", "invoices:write"]
    with OAuth2Client("audit", server.key("audit")) as stranger:
        refused = stranger.revoke_token(metadata["revocation_endpoint"], token=token)
        assert refused.json()["error"] == "unauthorized_client"
    assert introspected()["active"] is True
    client.revoke_token(metadata["revocation_endpoint"], token=token).raise_for_status()
    assert introspected() == {"active": False}
    assert whoami(server, client).status_code == 401


def test_a_token_that_is_about_to_expire_is_replaced(serve):
    server = serve("EdDSA", HALLPASS_TOKEN_LIFETIME="30s")
    renewal = {"token_endpoint": f"{server.url}/token", "grant_type": "client_credentials"}
    with OAuth2Client("billing", server.key("billing"), **renewal) as client:
        first = client.fetch_token()
        whoami(server, client).raise_for_status()
        assert client.token["access_token"] != first["access_token"]

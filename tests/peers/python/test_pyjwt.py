"""PyJWT verifies tokens with the published keys."""

import httpx
import jwt
import pytest

ALGORITHMS = ["EdDSA", "ES256", "RS256"]
CLAIMS = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "roles", "key_id"]


def login(server):
    answer = httpx.post(f"{server.url}/login", headers={"X-API-Key": server.key("billing")})
    return answer.raise_for_status().json()["access_token"]


def verify(server, token, algorithm, **expected):
    keys = jwt.PyJWKClient(f"{server.url}/.well-known/jwks.json")
    expected = {"issuer": server.url, "audience": server.url} | expected
    key = keys.get_signing_key_from_jwt(token)
    return jwt.decode_complete(
        token, key, algorithms=[algorithm], options={"require": CLAIMS}, **expected
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_is_verified(serve, algorithm):
    server = serve(algorithm)
    verified = verify(server, login(server), algorithm)
    assert verified["header"]["typ"] == "at+jwt"
    claims = verified["payload"]
    assert claims["sub"] == claims["client_id"] == "billing"
    assert claims["scope"].split() == ["invoices:read", "invoices:write"]
    assert claims["roles"] == ["reader"]
    assert claims["key_id"] == server.key("billing")[3:15]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_with_another_audience_or_issuer_is_refused(serve, algorithm):
    server = serve(algorithm)
    token = login(server)
    with pytest.raises(jwt.InvalidAudienceError):
        verify(server, token, algorithm, audience="https://elsewhere.example")
    with pytest.raises(jwt.InvalidIssuerError):
        verify(server, token, algorithm, issuer="https://elsewhere.example")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_changed_token_is_refused(serve, algorithm):
    server = serve(algorithm)
    header, _, signature = login(server).split(".")
    payload = jwt.encode({"sub": "admin"}, "x" * 32).split(".")[1]
    with pytest.raises(jwt.InvalidSignatureError):
        verify(server, f"{header}.{payload}.{signature}", algorithm)


def test_a_token_is_not_verified_with_the_keys_of_another_server(serve):
    with pytest.raises(jwt.PyJWKClientError, match="Unable to find a signing key"):
        verify(serve("ES256"), login(serve("EdDSA")), "EdDSA")


def test_a_secret_is_not_published(serve):
    server = serve("HS256")
    with pytest.raises(jwt.PyJWTError, match="did not contain any"):
        verify(server, login(server), "HS256")


def test_a_local_verifier_does_not_notice_a_revocation(serve):
    """The signature is valid until `exp`. Verifiers ask `/introspect`, or rely on short lifetimes."""
    server = serve("EdDSA")
    token = login(server)
    billing = ("billing", server.key("billing"))

    def introspected():
        return httpx.post(f"{server.url}/introspect", auth=billing, data={"token": token}).json()

    assert introspected()["active"] is True
    httpx.post(f"{server.url}/revoke", auth=billing, data={"token": token}).raise_for_status()
    assert verify(server, token, "EdDSA")["payload"]["sub"] == "billing"
    assert introspected() == {"active": False}

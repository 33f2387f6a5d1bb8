import os, jwt
issuer, token = os.environ["ISSUER"], os.environ["TOKEN"]
key = jwt.PyJWKClient(f"{issuer}/.well-known/jwks.json").get_signing_key_from_jwt(token)
verified = jwt.decode_complete(token, key, algorithms=["EdDSA"], issuer=issuer, audience=issuer, options={"require": ["exp", "sub"]})
print(verified["payload"]["sub"] if verified["header"]["typ"] == "at+jwt" else exit("not an access token"))

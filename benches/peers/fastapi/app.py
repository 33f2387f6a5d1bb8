"""FastAPI with PyJWT, under uvicorn with uvloop and httptools."""

import os
from datetime import UTC, datetime
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

SECRET, ISSUER = os.environ["SECRET"], os.environ["ISSUER"]

app = FastAPI()


async def claims(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> dict:
    try:
        return jwt.decode(
            credentials.credentials, SECRET, algorithms=["HS256"], issuer=ISSUER, audience=ISSUER,
            options={"require": ["exp"]},
        )
    except jwt.PyJWTError as error:
        raise HTTPException(401, str(error)) from None


def time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@app.get("/request")
async def whoami(user: Annotated[dict, Depends(claims)]):
    return {
        "sub": user["sub"], "kind": "client", "roles": user["roles"], "scope": user["scope"], "scheme": "bearer",
        "client_id": user["client_id"], "issued_at": time(user["iat"]), "expires_at": time(user["exp"]),
    }

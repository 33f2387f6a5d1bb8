//! People and clients whom the application knows, and tokens for these people.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse, Responder, body::BoxBody, cookie::Cookie, http::header, web,
};

use crate::{
    authority::account::{Account, AccountError},
    server::{
        credentials::lookups::{Accounts, BoxError, Clients, LookupError},
        enforce::{audit, authenticated::Authenticated},
        gate::Gate,
        http::{code::Code, cookie, own_routes::OwnPaths, refusal::Refusal},
        routes::{access_token::TokenResponse, logout},
    },
};

impl Gate {
    /// Has the application say what becomes of the tokens of its accounts: without this they are refused. It counts for all
    /// clones of the gate, and the last one counts.
    #[must_use]
    pub fn with_accounts(self, accounts: impl Accounts) -> Self {
        self.context().lookups.set_accounts(accounts);
        self
    }

    /// Has the application find clients that are not in the roster, by their API keys. It counts for all clones of the gate,
    /// and the last one counts.
    #[must_use]
    pub fn with_clients(self, clients: impl Clients) -> Self {
        self.context().lookups.set_clients(clients);
        self
    }

    /// Issues a token for an account that the application has authenticated by a check of its own.
    ///
    /// It is a token like any other: `bearer` and `session` take it, `/logout` revokes it, and it carries what
    /// [`Accounts::find`] says of the account at this moment. Later it never allows what the account has lost since.
    ///
    /// # Errors
    /// The account is gone or disabled, was not granted what is asked for, or cannot be looked up. In a handler `?` makes
    /// a refusal of it: 403, 503, or 500 where the application asks for what cannot be.
    pub async fn issue(&self, account: Account) -> Result<TokenResponse, AccountError> {
        let context = self.context();
        let status = context.lookups.account(account.id()).await.map_err(|error| match error {
            LookupError::Nobody => AccountError::NoAccounts,
            LookupError::Failed(reason) => AccountError::Unavailable(reason),
        })?;
        let status = status.ok_or_else(|| AccountError::Unknown(account.id().clone()))?;
        let (authority, now) = (Arc::clone(&context.authority), context.clock.now());
        let subject = account.subject().to_string();
        let issued = if authority.signs_slowly() {
            web::block(move || authority.issue_to_account(&account, &status, now))
                .await
                .map_err(|error| AccountError::Signing(error.to_string()))?
        } else {
            authority.issue_to_account(&account, &status, now)
        }?;
        context.counters.issued_to_account();
        let fields = [("sub", Some(&*subject)), ("jti", Some(issued.id.as_str()))];
        audit::record_without_request("issue", &fields);
        Ok(TokenResponse::new(issued, now))
    }

    /// Revokes the token of a request, as `/logout` does, for a logout of the application's own. It counts once this
    /// returns. What remains is to delete the cookie, where a browser has one.
    ///
    /// # Errors
    /// 400 where the request was not authenticated with a token of ours, 503 where not every replica may know of it, 500
    /// where it could not be written down.
    pub async fn revoke(&self, authenticated: &Authenticated) -> Result<(), Refusal> {
        logout::revoke(self.context(), authenticated).await?;
        let sub = authenticated.principal.sub();
        audit::record_without_request("logout", &[("sub", Some(&*sub))]);
        Ok(())
    }

    /// The session cookie with this token, for browsers: operations under `session` take it, and `/logout` deletes it.
    pub fn session_cookie(&self, token: &TokenResponse) -> Cookie<'static> {
        let (settings, own) = (&self.context().settings, OwnPaths::default());
        cookie::session(settings, &own, token.access_token(), token.expires_in())
    }
}

/// 200 with the token as JSON (RFC 6749 §5.1), not to be stored.
impl Responder for TokenResponse {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(self)
    }
}

impl From<AccountError> for Refusal {
    fn from(error: AccountError) -> Self {
        let reason = error.to_string();
        match error {
            AccountError::Unknown(_) | AccountError::Disabled(_) => {
                Self::new(Code::Denied, "This account gets no token.").because(Some(reason), None)
            }
            AccountError::Unavailable(_) => Self::not_looked_up(reason),
            AccountError::Syntax(_)
            | AccountError::Claim(_)
            | AccountError::NotGranted(_)
            | AccountError::Lifetime(_)
            | AccountError::NoAccounts
            | AccountError::Signing(_) => Self::internal(reason),
        }
    }
}

/// 500: only the log is told what went wrong in the application.
impl From<BoxError> for Refusal {
    fn from(error: BoxError) -> Self {
        Self::internal(error.to_string())
    }
}

impl From<AccountError> for actix_web::Error {
    fn from(error: AccountError) -> Self {
        Refusal::from(error).into()
    }
}

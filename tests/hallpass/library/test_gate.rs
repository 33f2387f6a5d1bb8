//! Credentials for the tests of applications: of everybody, good, expired and revoked, and a clock that can be moved.

use std::time::Duration;

use actix_web::{get, http::StatusCode, test as actix_test};
use hallpass::{
    AccountId, AccountStatus, Accounts, BoxError, Principal, Site,
    testing::{TestClock, TestGate, TestPrincipal},
};
use utoipa::openapi::OpenApi;

/// Tells everything of the principal.
#[utoipa::path(
    responses((status = 200, body = String)),
    security(("bearer" = []), ("session" = []), ("apiKey" = []), ("basic" = [])),
)]
#[get("/me")]
async fn me(principal: Principal) -> String {
    let roles: Vec<_> = principal.roles().iter().map(|role| role.as_str()).collect();
    let scopes = principal.scopes().to_string();
    let tenant = principal.claim::<String>("tenant").map(|tenant| format!(" of {tenant}"));
    let (kind, tenant) = (principal.kind(), tenant.unwrap_or_default());
    format!("{kind:?} {}{tenant} [{}] [{scopes}]", principal.subject(), roles.join(" "))
}

fn site(gate: &TestGate) -> Site {
    let site = gate.protect(OpenApi::default(), |config| {
        config.service(me);
    });
    site.unwrap()
}

async fn ask(site: &Site, header: (&str, String)) -> Result<String, StatusCode> {
    let app = actix_test::init_service(site.app()).await;
    let request = actix_test::TestRequest::get().uri("/me").insert_header(header).to_request();
    let response = actix_test::call_service(&app, request).await;
    match response.status() {
        StatusCode::OK => {
            Ok(String::from_utf8(actix_test::read_body(response).await.to_vec()).unwrap())
        }
        status => Err(status),
    }
}

fn bearer(token: &str) -> (&'static str, String) {
    ("Authorization", format!("Bearer {token}"))
}

const REFUSED: Result<String, StatusCode> = Err(StatusCode::UNAUTHORIZED);

#[actix_web::test]
async fn clients_users_and_accounts_hold_the_credentials_that_they_can_have() {
    let gate = TestGate::new();
    let site = site(&gate);
    let with = |one: TestPrincipal<'static>| one.role("reader").role("writer").scope("a:b");
    // The gate outlives its principals.
    let gate: &'static TestGate = Box::leak(Box::new(gate));
    let (client, user, account) = (
        with(gate.as_client("billing")),
        with(gate.as_user("alice")),
        with(gate.as_account("user/17")),
    );
    for (one, told) in [
        (&client, "Client billing [reader writer] [a:b]"),
        (&user, "User alice [reader writer] [a:b]"),
        (&account, "Account user/17 [reader writer] [a:b]"),
    ] {
        let told = Ok(told.to_owned());
        assert_eq!(ask(&site, bearer(&one.token())).await, told);
        assert_eq!(ask(&site, ("Authorization", one.bearer())).await, told);
        assert_eq!(ask(&site, ("Cookie", one.cookie())).await, told);
        for bad in [one.clone().expired(), one.clone().revoked()] {
            assert_eq!(ask(&site, bearer(&bad.token())).await, REFUSED, "{bad:?}");
            assert_eq!(ask(&site, ("Cookie", bad.cookie())).await, REFUSED, "{bad:?}");
        }
        assert_eq!(ask(&site, bearer(&one.token())).await, told, "others were revoked");
    }
    let key = ("X-API-Key", client.key());
    assert_eq!(ask(&site, key).await, Ok("Client billing [reader writer] [a:b]".to_owned()));
    for bad in [client.clone().expired(), client.clone().revoked()] {
        assert_eq!(ask(&site, ("X-API-Key", bad.key())).await, REFUSED, "{bad:?}");
    }
    for one in [client.clone(), user.clone(), account.clone()] {
        let (plain, token) = (one.token(), one.clone().claim("tenant", "acme").token());
        assert!(ask(&site, bearer(&token)).await.unwrap().contains(" of acme [reader"), "{one:?}");
        assert!(!ask(&site, bearer(&plain)).await.unwrap().contains("acme"), "{one:?}");
    }
    let key = ("X-API-Key", client.clone().claim("tenant", "acme").key());
    assert_eq!(ask(&site, key).await.unwrap(), "Client billing of acme [reader writer] [a:b]");
    user.password("open sesame");
    let basic = ("Authorization", "Basic YWxpY2U6b3BlbiBzZXNhbWU=".to_owned());
    assert_eq!(ask(&site, basic).await, Ok("User alice [reader writer] [a:b]".to_owned()));
}

#[actix_web::test]
async fn credentials_keep_what_they_were_made_with() {
    let gate = TestGate::new();
    let site = site(&gate);
    type Begin = fn(&TestGate) -> TestPrincipal<'_>;
    let make: [(&str, Begin); 3] = [
        ("Client a", |gate| gate.as_client("a")),
        ("User b", |gate| gate.as_user("b")),
        ("Account c", |gate| gate.as_account("c")),
    ];
    for (who, one) in make {
        let reader = one(&gate).role("reader").token();
        let writer = one(&gate).role("writer").scope("a:b").token();
        assert_eq!(ask(&site, bearer(&reader)).await, Ok(format!("{who} [reader] []")));
        assert_eq!(ask(&site, bearer(&writer)).await, Ok(format!("{who} [writer] [a:b]")));
    }
}

#[actix_web::test]
async fn the_clock_moves_forward_and_credentials_expire() {
    let gate = TestGate::new();
    let (site, minute) = (site(&gate), Duration::from_secs(60));
    let client = gate.as_client("billing");
    let (token, key) = (client.token(), client.key());
    let short = client.clone().lifetime(10 * minute);
    let (short_token, short_key) = (short.token(), short.key());
    let accepted = async || {
        let mut accepted = Vec::new();
        for (name, header) in [
            ("token", bearer(&token)),
            ("short token", bearer(&short_token)),
            ("key", ("X-API-Key", key.clone())),
            ("short key", ("X-API-Key", short_key.clone())),
            ("account", bearer(&gate.as_account("a").lifetime(minute).token())),
        ] {
            if ask(&site, header).await.is_ok() {
                accepted.push(name);
            }
        }
        accepted
    };
    assert_eq!(accepted().await, ["token", "short token", "key", "short key", "account"]);
    gate.clock().advance(11 * minute);
    assert_eq!(accepted().await, ["token", "key", "account"]);
    gate.clock().advance(20 * minute);
    assert_eq!(accepted().await, ["key", "account"], "what is made now is good from now on");
    assert!(hallpass::testing::matrix(&site).await.contains("GET /me"));
}

/// An application whose accounts logged out everywhere at the time of its clock.
struct LoggedOut(TestClock);

impl Accounts for LoggedOut {
    async fn find(&self, _: &AccountId) -> Result<Option<AccountStatus>, BoxError> {
        let status = AccountStatus::new().roles(["reader"])?;
        Ok(Some(status.valid_since(self.0.now() - Duration::from_secs(60))))
    }
}

#[actix_web::test]
async fn the_accounts_of_the_application_say_what_account_tokens_may_do() {
    let gate = TestGate::new();
    let accounts = LoggedOut(gate.clock());
    let gate = gate.with_accounts(accounts);
    let site = site(&gate);
    let token = gate.as_account("17").role("reader").role("writer").token();
    assert_eq!(ask(&site, bearer(&token)).await, Ok("Account 17 [reader] []".to_owned()));
    gate.clock().advance(Duration::from_secs(120));
    assert_eq!(ask(&site, bearer(&token)).await, REFUSED, "older than `valid_since`");
    let token = gate.as_account("17").role("reader").token();
    assert_eq!(ask(&site, bearer(&token)).await, Ok("Account 17 [reader] []".to_owned()));
}

#[actix_web::test]
async fn the_service_counts_time_by_the_clock_too() {
    let gate = TestGate::new();
    let app = actix_test::init_service(site(&gate).app()).await;
    gate.clock().advance(Duration::from_secs(365 * 24 * 3600));
    let key = gate.key("billing", &["reader"], &[]);
    let request = actix_test::TestRequest::post().uri("/login").insert_header(("X-API-Key", key));
    let response = actix_test::call_service(&app, request.to_request()).await;
    let login: serde_json::Value = actix_test::read_body_json(response).await;
    let token = login["access_token"].as_str().unwrap().to_owned();
    let request = actix_test::TestRequest::get().uri("/me").insert_header(bearer(&token));
    let response = actix_test::call_service(&app, request.to_request()).await;
    assert_eq!(response.status(), 200);
    let logout = actix_test::TestRequest::post().uri("/logout").insert_header(bearer(&token));
    assert_eq!(actix_test::call_service(&app, logout.to_request()).await.status(), 200);
    let request = actix_test::TestRequest::get().uri("/me").insert_header(bearer(&token));
    let response = actix_test::call_service(&app, request.to_request()).await;
    assert_eq!(response.status(), 401, "it is revoked until it expires by that clock");
}

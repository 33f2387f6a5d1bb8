//! What a proxy demands in addition to the policy.

use actix_web::http::header::WWW_AUTHENTICATE;

use crate::{
    oauth::{Role, Scope},
    principal::Principal,
    server::{
        enforce::challenge::{self, BEARER},
        forward::original_path::Rejected,
        http::refusal::Refusal,
    },
};

/// `role` and `scope` in the query of `/verify` itself.
#[derive(Debug, Default)]
pub(super) struct Demands {
    roles: Vec<Role>,
    scopes: Vec<Scope>,
}

impl Demands {
    /// Reads the query of the asking request's target. It belongs to the original request where that one is embedded.
    ///
    /// # Errors
    /// A malformed role or scope.
    pub(super) fn read(target: &str, is_embedded: bool) -> Result<Self, Rejected> {
        let mut demands = Self::default();
        let query = target.split_once('?').filter(|_| !is_embedded);
        for (name, value) in
            url::form_urlencoded::parse(query.map_or("", |(_, query)| query).as_bytes())
        {
            let words = value.split(' ');
            match name.as_ref() {
                "role" => {
                    let roles: Result<Vec<_>, _> = words.map(Role::parse).collect();
                    demands.roles.extend(roles.map_err(|_| "`role` of /verify is no role")?);
                }
                "scope" => {
                    let scopes: Result<Vec<_>, _> = words.map(Scope::parse).collect();
                    demands.scopes.extend(scopes.map_err(|_| "`scope` of /verify is no scope")?);
                }
                _ => {}
            }
        }
        Ok(demands)
    }

    /// Requires that whoever sent the request has everything.
    ///
    /// # Errors
    /// 403; or 401 where nobody is known and something is demanded.
    pub(super) fn check(&self, sender: Option<&Principal>) -> Result<(), Refusal> {
        let Some(principal) = sender else {
            if self.roles.is_empty() && self.scopes.is_empty() {
                return Ok(());
            }
            let refusal =
                Refusal::missing_credentials("No credential was presented.", "a credential");
            return Err(refusal.header(WWW_AUTHENTICATE, BEARER));
        };
        let roles = self.roles.iter().map(|role| (role.as_str(), principal.has_role(role)));
        let scopes = self.scopes.iter().map(|scope| (scope.as_str(), principal.has_scope(scope)));
        for (what, words) in [("roles", roles.collect::<Vec<_>>()), ("scopes", scopes.collect())] {
            if words.iter().any(|(_, has)| !has) {
                let wanted: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                return Err(challenge::sent_by(principal, challenge::insufficient(what, &wanted)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::forward::original::embedded;

    #[test]
    fn additional_demands_are_read_from_the_own_query_only() {
        let read = |target| {
            let is_embedded = embedded(target, "/verify").is_some();
            Demands::read(target, is_embedded)
                .map(|demands| (demands.roles.len(), demands.scopes.len()))
                .ok()
        };
        for (target, demands) in [
            ("/verify", Some((0, 0))),
            ("/verify?", Some((0, 0))),
            ("/verify?role=admin", Some((1, 0))),
            ("/verify?role=admin&role=reader&scope=a+b", Some((2, 2))),
            ("/verify?scope=a%20b:c&other=x", Some((0, 2))),
            ("/verify/?role=admin", Some((0, 0))),
            ("/verify/a?scope=%22", Some((0, 0))),
            ("/verify?role=", None),
            ("/verify?role", None),
            ("/verify?scope=%22", None),
            ("/verify?scope=a++b", None),
        ] {
            assert_eq!(read(target), demands, "{target}");
        }
    }
}

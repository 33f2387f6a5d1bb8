//! What a new client or user gets, as flags of `key add` and `user add`.

use std::{collections::HashSet, time::Duration};

use anyhow::{anyhow, bail};
use clap::Args;
use ipnet::IpNet;
use serde_json::Value;

use crate::{
    cli::value_parsers::{audience, claim, network, role, scope, token_lifetime},
    notation::duration::format_duration,
    oauth::{Audience, Role, Scope, custom_claims::CustomClaims},
    roster::{edit::Entitlements, roster_entries::EntryOptions},
};

#[derive(Debug, Clone, Args)]
pub(super) struct EntryFlags {
    /// A role of the new client or user; may be repeated
    #[arg(long = "role", value_name = "ROLE", value_parser = role)]
    roles: Vec<Role>,
    /// A scope of the new client or user; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    scopes: Vec<Scope>,
    /// An address or network from which the keys or the password are taken, as in 10.0.0.0/8; may be repeated
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    from: Vec<IpNet>,
    /// How long tokens live, if shorter than HALLPASS_TOKEN_LIFETIME, as in 10m
    #[arg(long, value_name = "DURATION", value_parser = token_lifetime)]
    token_lifetime: Option<Duration>,
    /// An audience of tokens, the default first; may be repeated. Without it, HALLPASS_AUDIENCE
    #[arg(long = "audience", value_name = "AUDIENCE", value_parser = audience)]
    audiences: Vec<Audience>,
    /// A claim of tokens, as in tenant=acme; the value is JSON or else text; may be repeated
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    claims: Vec<(String, Value)>,
}

impl EntryFlags {
    /// What the flags give; tokens live no longer than `longest`, if that is known.
    ///
    /// # Errors
    /// `serve` would refuse it.
    pub(super) fn entitlements(self, longest: Option<Duration>) -> anyhow::Result<Entitlements> {
        if let (Some(lifetime), Some(longest)) = (self.token_lifetime, longest)
            && lifetime > longest
        {
            let longest = format_duration(longest);
            bail!("--token-lifetime is more than HALLPASS_TOKEN_LIFETIME, which is {longest}");
        }
        if let Some(name) = repeated(&self.claims) {
            bail!(
                "--claim {name} is there twice: write one, for several values a list: {name}='[\"a\",\"b\"]'"
            );
        }
        let from = Some(self.from).filter(|networks| !networks.is_empty());
        let claims = CustomClaims::listed(self.claims);
        let claims = claims.map_err(|error| anyhow!("the claims are too long: {error}"))?;
        let (token_lifetime, audiences) = (self.token_lifetime, self.audiences);
        Ok(Entitlements {
            roles: self.roles.into_iter().collect(),
            scopes: self.scopes.into_iter().collect(),
            options: EntryOptions { from, token_lifetime, audiences, claims },
        })
    }
}

/// A name that two of the claims have.
fn repeated(claims: &[(String, Value)]) -> Option<&str> {
    let mut seen = HashSet::new();
    claims.iter().map(|(name, _)| name.as_str()).find(|name| !seen.insert(*name))
}

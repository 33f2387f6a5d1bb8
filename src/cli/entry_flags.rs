//! What a new client or user gets, as flags of `key add` and `user add`.

use clap::Args;
use ipnet::IpNet;

use crate::{
    cli::value_parsers::{network, role, scope},
    oauth::{Role, Scope},
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
}

impl From<EntryFlags> for Entitlements {
    fn from(flags: EntryFlags) -> Self {
        let from = Some(flags.from).filter(|networks| !networks.is_empty());
        Self {
            roles: flags.roles.into_iter().collect(),
            scopes: flags.scopes.into_iter().collect(),
            options: EntryOptions { from },
        }
    }
}

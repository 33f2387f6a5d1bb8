//! The files that a gate follows, and what happens when they change.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use log::Level;

use crate::{
    diagnostics::Diagnostics,
    policy::diff::Change,
    roster::{roster::Roster, roster_file::RosterFile},
    server::{
        context::Context,
        followed_keys,
        forward::followed_policy::{FollowedPolicy, Reloaded},
        prepare::{OpenedPolicy, Prepared, warn_without_keys},
        publication::{Publications, Renewal},
        role_warnings,
        tls::Tls,
        watch::{
            FileRead, FilesRead, FollowedFiles, LOGGED_AT_ONCE, Watcher, log_not_reloaded,
            log_warnings,
        },
    },
};

/// The files of a gate.
pub(crate) struct GateFiles {
    roster: Option<(FollowedFiles, RosterFile)>,
    tls: Option<FollowedFiles>,
    keys: Option<FollowedFiles>,
    policy: Option<OpenedPolicy>,
}

impl GateFiles {
    pub(crate) fn take(prepared: &mut Prepared) -> Self {
        Self {
            roster: prepared.roster_file.take(),
            tls: prepared.tls_files.take(),
            keys: prepared.take_key_files(),
            policy: prepared.policy.take(),
        }
    }

    /// Follows them for as long as `context` lives. Returns what judges the requests that proxies ask about, if there is a
    /// policy file.
    ///
    /// # Errors
    /// The policy cannot be enforced.
    pub(crate) fn follow(
        self,
        context: &Arc<Context>,
        publications: &Arc<Publications>,
    ) -> Result<Option<Arc<FollowedPolicy>>, Diagnostics> {
        let Self { roster, tls, keys, policy } = self;
        let mut watchers = Vec::new();
        if let (Some(files), Some(tls)) = (tls, &context.tls) {
            let apply = |tls: &Tls, read: FilesRead| tls.reload(&read);
            let tls = Arc::downgrade(tls);
            watchers.push(Arc::new(Watcher::start("TLS certificate", files, tls, apply)));
        }
        if let Some(files) = keys {
            let apply = |context: &Context, read: FilesRead| followed_keys::reload(context, &read);
            let context = Arc::downgrade(context);
            watchers.push(Arc::new(Watcher::start(
                "directory of signing keys",
                files,
                context,
                apply,
            )));
        }
        let policy = match policy {
            Some((files, file, policy)) => {
                let followed = Arc::new(FollowedPolicy::new(Arc::clone(context), file, policy)?);
                let published = Arc::clone(publications);
                let apply = move |policy: &FollowedPolicy, read: FilesRead| {
                    read.first()
                        .into_iter()
                        .for_each(|(_, read)| reload_policy(policy, &published, read));
                };
                let policy = Arc::downgrade(&followed);
                watchers.push(Arc::new(Watcher::start("policy", files, policy, apply)));
                Some(followed)
            }
            None => None,
        };
        if let Some((files, file)) = roster {
            context.roster_file.get_or_init(|| Mutex::new(file));
            let published = Arc::clone(publications);
            let followed = policy.as_ref().map(Arc::downgrade);
            let apply = move |context: &Context, read: FilesRead| {
                let policy = followed.as_ref().and_then(Weak::upgrade);
                read.first().into_iter().for_each(|(_, read)| {
                    reload_roster(context, &published, policy.as_deref(), read);
                });
                role_warnings::warn(context, &published, policy.as_deref());
            };
            let context = Arc::downgrade(context);
            watchers.push(Arc::new(Watcher::start("roster", files, context, apply)));
        }
        context.watchers.get_or_init(|| watchers);
        Ok(policy)
    }
}

/// Takes over a roster together with the documents and the policy of its issuers, or not at all. An issuer that is gone
/// is not trusted from the roster on, and one that is new not before its documents are there.
fn reload_roster(
    context: &Context,
    publications: &Publications,
    policy: Option<&FollowedPolicy>,
    read: &FileRead,
) {
    let Some(file) = context.roster_file.get() else { return };
    let authority = &context.authority;
    let (now, before) = (context.clock.now(), authority.roster());
    let renew = |roster: &Roster| match before.issuers().eq(roster.issuers()) {
        true => Ok(None),
        false => publications.renew(roster.issuers().cloned().collect(), policy).map(Some),
    };
    let reread = file.lock().unwrap_or_else(PoisonError::into_inner).reread(read, &before, renew);
    let (read, renewal) = match reread {
        Ok((loaded, renewal)) => (Ok(loaded), renewal),
        Err(diagnostics) => (Err(diagnostics), None),
    };
    let reloaded = authority.reload(read, now);
    let told = renewal.and_then(Renewal::commit);
    match reloaded {
        Ok(warnings) => {
            let roster = authority.roster();
            let (clients, users) = (roster.clients().count(), roster.users().count());
            log::info!(clients, users; "reloaded the roster");
            log_warnings(&warnings);
            warn_without_keys(&roster, now);
        }
        Err(diagnostics) => log_not_reloaded("roster", &diagnostics),
    }
    told.into_iter().for_each(log_policy);
}

fn reload_policy(policy: &FollowedPolicy, publications: &Publications, read: &FileRead) {
    let reloaded = policy.reload(read);
    let is_other = reloaded.is_ok();
    log_policy(reloaded);
    if is_other {
        role_warnings::warn(policy.context(), publications, Some(policy));
    }
}

fn log_policy(reloaded: Result<Reloaded, Diagnostics>) {
    match reloaded {
        Ok(Reloaded { changes, warnings }) => {
            log_changes(changes);
            log_warnings(&warnings);
        }
        Err(diagnostics) => log_not_reloaded("policy", &diagnostics),
    }
}

/// Logs a reload with the first changes, those that weaken the protection before all others.
fn log_changes(mut changes: Vec<Change>) {
    changes.sort_by_key(|change| !change.is_weaker());
    let level = |weaker: bool| if weaker { Level::Warn } else { Level::Info };
    match changes.len() {
        0 => log::info!("reloaded the policy: the protection of no operation changed"),
        1 => log::info!("reloaded the policy: the protection of 1 operation changed"),
        count => log::info!("reloaded the policy: the protection of {count} operations changed"),
    }
    for change in changes.iter().take(LOGGED_AT_ONCE) {
        log::log!(level(change.is_weaker()), "policy: {change}");
    }
    let more = changes.get(LOGGED_AT_ONCE..).unwrap_or_default();
    if !more.is_empty() {
        let weaker = more.iter().filter(|change| change.is_weaker()).count();
        log::log!(
            level(weaker > 0),
            "policy: {} more changes, {weaker} of them weaker: `hallpass explain --diff OLD NEW` shows all",
            more.len()
        );
    }
}

//! The policy of another service: compiled from its OpenAPI file, and again after each change.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;

use crate::{
    config::policy_settings::PolicySettings,
    diagnostics::{Diagnostic, Diagnostics, printable},
    policy::{
        compile_options::CompileOptions,
        compiled::Policy,
        diff::{Change, changes},
        document_file,
    },
    roster::roster_entries::Issuer,
    server::{
        context::Context, credentials::scheme_issuers::SchemeIssuers, enforce::guard::Guard,
        http::endpoints::OPENID_CONFIGURATION, watch::FileRead,
    },
};

/// The policy that is enforced for proxies: that of the file, or the last good one.
#[derive(Debug)]
pub(crate) struct FollowedPolicy {
    context: Arc<Context>,
    file: PolicySettings,
    guard: ArcSwap<Guard>,
    /// The policy of the file, where the roster lacks one of its issuers. Whoever changes the guard holds it.
    waiting: Mutex<Option<WaitingPolicy>>,
}

/// A policy that counts once the roster has all of its issuers.
#[derive(Debug)]
struct WaitingPolicy {
    policy: Arc<Policy>,
    /// As [`warnings`].
    warnings: Diagnostics,
}

/// What a reload has changed.
#[derive(Debug)]
pub(crate) struct Reloaded {
    pub(crate) changes: Vec<Change>,
    /// As [`warnings`].
    pub(crate) warnings: Diagnostics,
}

/// Compiles what was read from the policy file.
///
/// # Errors
/// It cannot be read, is no OpenAPI document, or has something that cannot be enforced.
pub(crate) fn compile(
    file: &PolicySettings,
    cookie_name: &str,
    read: &FileRead,
) -> Result<Policy, Diagnostics> {
    let name = file.path.display().to_string();
    let content = read.as_ref().map_err(|error| {
        let Diagnostic { location, message } = document_file::unreadable(&name, error);
        Diagnostic::new(location, format!("{message}; HALLPASS_POLICY names this file"))
    })?;
    let options = CompileOptions::configured(&file.reading, cookie_name);
    document_file::compile(&name, content.bytes(), &options)
}

/// Finds the issuers of its schemes among those of the roster, or those `before`; `own` is ours.
///
/// # Errors
/// A scheme of another issuer.
pub(crate) fn issuers(
    file: &PolicySettings,
    policy: &Policy,
    roster: &[Issuer],
    own: &str,
    before: Option<&SchemeIssuers>,
) -> Result<SchemeIssuers, Diagnostics> {
    SchemeIssuers::new(policy, roster, own, OPENID_CONFIGURATION, before).map_err(|found| {
        let mut located = Diagnostics::default();
        for Diagnostic { location, message } in found.iter() {
            located.push(diagnostic(file, location, message));
        }
        located
    })
}

/// That everybody may write the file, and the operations that are denied because it does not say what they require.
pub(crate) fn warnings(file: &PolicySettings, read: &FileRead, policy: &Policy) -> Diagnostics {
    let what = "has no `security` and is denied: declare it, `security: []` for a public operation, or set \
         HALLPASS_POLICY_UNDECLARED=public";
    let mut found = Diagnostics::default();
    let writable = read.iter().map(|content| content.check_permissions(&file.path));
    writable.filter_map(Result::err).for_each(|diagnostic| found.push(diagnostic));
    for operation in policy.undeclared() {
        let operation = format!("{} {}", operation.method, operation.path);
        found.push(diagnostic(file, &operation, what));
    }
    found
}

/// A diagnostic at something in the file, which may hold any character.
fn diagnostic(file: &PolicySettings, place: &str, what: &str) -> Diagnostic {
    let location = format!("{}: {place}", file.path.display());
    Diagnostic::new(printable(&location), printable(what))
}

impl FollowedPolicy {
    /// Enforces a policy that was read from `file`.
    ///
    /// # Errors
    /// A scheme of an issuer that is not in the roster.
    pub(crate) fn new(
        context: Arc<Context>,
        file: PolicySettings,
        policy: Policy,
    ) -> Result<Self, Diagnostics> {
        let operations = policy.operations().count();
        let trusted: Vec<_> = context.authority.roster().issuers().cloned().collect();
        let issuers = issuers(&file, &policy, &trusted, context.authority.issuer(), None)?;
        let guard = Guard::for_proxies(Arc::new(policy), issuers, &context)?;
        let name = file.path.display().to_string();
        log::info!("/verify enforces the {operations} operations of {}", printable(&name));
        context.policy_status.record(true, context.clock.now());
        let guard = ArcSwap::from_pointee(guard);
        Ok(Self { context, file, guard, waiting: Mutex::default() })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.file.path
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// What judges requests at the moment.
    pub(crate) fn guard(&self) -> Arc<Guard> {
        self.guard.load_full()
    }

    /// Takes over what the file holds now.
    ///
    /// # Errors
    /// The file has faults; the last good policy stays in use.
    pub(crate) fn reload(&self, read: &FileRead) -> Result<Reloaded, Diagnostics> {
        let mut waiting = self.lock();
        *waiting = None;
        let compiled = compile(&self.file, &self.context.settings.document.cookie_name, read)
            .inspect_err(|_| self.record(false))?;
        let policy = Arc::new(compiled);
        let warnings = warnings(&self.file, read, &policy);
        let roster: Vec<_> = self.context.authority.roster().issuers().cloned().collect();
        match self.guarded(&policy, &roster, None) {
            Ok(guard) => Ok(self.replace(guard, warnings)),
            Err(found) => {
                *waiting = Some(WaitingPolicy { policy, warnings });
                self.record(false);
                Err(found)
            }
        }
    }

    /// Prepares for other issuers of the roster; nothing changes before [`PolicyRenewal::commit`]. A policy that waits for
    /// one of them is taken over. One that loses an issuer stays: tokens of that issuer are refused.
    ///
    /// # Errors
    /// A metric that cannot be made, by a mistake of ours.
    pub(crate) fn renew(&self, roster: &[Issuer]) -> Result<PolicyRenewal<'_>, Diagnostics> {
        let waiting = self.lock();
        let awaited = waiting.as_ref().and_then(|it| self.guarded(&it.policy, roster, None).ok());
        let (guard, renewed) = match awaited {
            Some(guard) => (guard, Renewed::Awaited),
            None => {
                let current = self.guard.load();
                match self.guarded(current.policy(), roster, None) {
                    Ok(guard) => (guard, Renewed::Same),
                    Err(found) => {
                        let before = Some(current.issuers());
                        (self.guarded(current.policy(), roster, before)?, Renewed::Lost(found))
                    }
                }
            }
        };
        Ok(PolicyRenewal { followed: self, waiting, guard, renewed })
    }

    fn guarded(
        &self,
        policy: &Arc<Policy>,
        roster: &[Issuer],
        before: Option<&SchemeIssuers>,
    ) -> Result<Guard, Diagnostics> {
        let own = self.context.authority.issuer();
        let issuers = issuers(&self.file, policy, roster, own, before)?;
        Guard::for_proxies(Arc::clone(policy), issuers, &self.context)
    }

    fn replace(&self, guard: Guard, warnings: Diagnostics) -> Reloaded {
        self.record(true);
        let guard = Arc::new(guard);
        let before = self.guard.swap(Arc::clone(&guard));
        Reloaded { changes: changes(before.policy(), guard.policy()), warnings }
    }

    fn record(&self, is_good: bool) {
        self.context.policy_status.record(is_good, self.context.clock.now());
    }

    fn lock(&self) -> MutexGuard<'_, Option<WaitingPolicy>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next state of the policy; as long as this is there, it does not change otherwise.
#[must_use]
pub(crate) struct PolicyRenewal<'p> {
    followed: &'p FollowedPolicy,
    waiting: MutexGuard<'p, Option<WaitingPolicy>>,
    guard: Guard,
    renewed: Renewed,
}

/// What other issuers mean for a policy.
enum Renewed {
    /// It has all of its issuers, as before.
    Same,
    /// The one that waited has all of its issuers now.
    Awaited,
    /// It has lost an issuer.
    Lost(Diagnostics),
}

impl PolicyRenewal<'_> {
    /// Enforces it from now on. Returns what is to be told of that, if anything is.
    pub(crate) fn commit(mut self) -> Option<Result<Reloaded, Diagnostics>> {
        match self.renewed {
            Renewed::Awaited => {
                let warnings = self.waiting.take().map(|it| it.warnings).unwrap_or_default();
                Some(Ok(self.followed.replace(self.guard, warnings)))
            }
            Renewed::Same => {
                self.followed.guard.store(Arc::new(self.guard));
                None
            }
            Renewed::Lost(found) => {
                let policy = Arc::clone(self.guard.policy());
                self.waiting
                    .get_or_insert(WaitingPolicy { policy, warnings: Diagnostics::default() });
                self.followed.guard.store(Arc::new(self.guard));
                self.followed.record(false);
                Some(Err(found))
            }
        }
    }
}

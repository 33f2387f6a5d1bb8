//! The policy of another service: compiled from its OpenAPI file, and again after each change.

use std::{path::Path, sync::Arc};

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
        watch::FileRead,
    },
};

/// The policy that is enforced for proxies: that of the file, or the last good one.
#[derive(Debug)]
pub(crate) struct FollowedPolicy {
    context: Arc<Context>,
    file: PolicySettings,
    guard: ArcSwap<Guard>,
}

/// What a reload of the policy file has changed.
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

/// Finds the issuers of its schemes among those of the roster; `own` is ours.
///
/// # Errors
/// A scheme of another issuer.
pub(crate) fn issuers(
    file: &PolicySettings,
    policy: &Policy,
    roster: &[Issuer],
    own: &str,
) -> Result<SchemeIssuers, Diagnostics> {
    SchemeIssuers::new(policy, roster, own, None).map_err(|found| {
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
        let guard = ArcSwap::from_pointee(guard(&context, &file, policy)?);
        let name = file.path.display().to_string();
        log::info!("/verify enforces the {operations} operations of {}", printable(&name));
        context.policy_status.record(true, context.clock.now());
        Ok(Self { context, file, guard })
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
        let guard = compile(&self.file, &self.context.settings.document.cookie_name, read)
            .and_then(|policy| guard(&self.context, &self.file, policy));
        self.context.policy_status.record(guard.is_ok(), self.context.clock.now());
        let guard = Arc::new(guard?);
        let before = self.guard.swap(Arc::clone(&guard));
        let changes = changes(before.policy(), guard.policy());
        Ok(Reloaded { changes, warnings: warnings(&self.file, read, guard.policy()) })
    }
}

/// The issuers are those of the roster as it is now: unlike the published document, the policy may change.
fn guard(context: &Context, file: &PolicySettings, policy: Policy) -> Result<Guard, Diagnostics> {
    let authority = &context.authority;
    let trusted: Vec<_> = authority.roster().issuers().cloned().collect();
    let issuers = issuers(file, &policy, &trusted, authority.issuer())?;
    Guard::for_proxies(policy, issuers, context)
}

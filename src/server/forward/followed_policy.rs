//! The policy of another service: compiled from its OpenAPI file, and again after each change.

use std::sync::{Arc, atomic::Ordering};

use arc_swap::ArcSwap;

use crate::{
    config::{policy_settings::PolicySettings, settings::Settings},
    diagnostics::{Diagnostic, Diagnostics},
    policy::{compile_options::CompileOptions, compiled::Policy, document_file},
    server::{context::Context, enforce::guard::Guard, watch::FileRead},
};

/// The policy that is enforced for proxies: that of the file, or the last good one.
#[derive(Debug)]
pub(crate) struct FollowedPolicy {
    context: Arc<Context>,
    file: PolicySettings,
    guard: ArcSwap<Guard>,
}

/// Compiles what was read from the policy file.
///
/// # Errors
/// It cannot be read, is no OpenAPI document, or has something that cannot be enforced.
pub(crate) fn compile(
    file: &PolicySettings,
    settings: &Settings,
    read: &FileRead,
) -> Result<Policy, Diagnostics> {
    let name = file.path.display().to_string();
    let content = read.as_ref().map_err(|error| {
        Diagnostic::new(&name, format!("{error}; HALLPASS_POLICY names this file"))
    })?;
    let options = CompileOptions::configured(&file.reading, &settings.document.cookie_name);
    document_file::compile(&name, content.bytes(), &options)
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
        tell_undeclared(&policy);
        let guard = ArcSwap::from_pointee(Guard::for_proxies(policy, &context)?);
        Ok(Self { context, file, guard })
    }

    /// What judges requests at the moment.
    pub(crate) fn guard(&self) -> Arc<Guard> {
        self.guard.load_full()
    }

    /// Takes over what the file holds now; with faults in it, the last good policy stays in use.
    pub(crate) fn reload(&self, read: &FileRead) {
        let compiled = compile(&self.file, &self.context.settings, read).and_then(|policy| {
            tell_undeclared(&policy);
            Guard::for_proxies(policy, &self.context)
        });
        self.context.is_policy_broken.store(compiled.is_err(), Ordering::Relaxed);
        match compiled {
            Ok(guard) => {
                self.guard.store(Arc::new(guard));
                log::info!("reloaded the policy");
            }
            Err(diagnostics) => {
                for diagnostic in diagnostics.iter() {
                    log::error!("{diagnostic}");
                }
                log::error!(
                    "the policy was not reloaded: the last good one stays in use until the file is corrected"
                );
            }
        }
    }
}

/// Logs the operations that are denied because the document does not say what they require.
fn tell_undeclared(policy: &Policy) {
    for operation in policy.undeclared() {
        log::warn!(
            "{} {} of the policy has no `security` and is denied: declare it, or set HALLPASS_POLICY_UNDECLARED=public",
            operation.method,
            operation.path
        );
    }
}

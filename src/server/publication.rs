//! The documents of a process: each is completed with the external issuers of the roster, and again when these change,
//! together with the policy that is followed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwap;
use serde_json::Value;

use crate::{
    diagnostics::Diagnostics,
    policy::compiled::Policy,
    roster::roster_entries::Issuer,
    server::{
        context::Context,
        credentials::scheme_issuers::{SchemeIssuers, refuse_own},
        document::{complete::complete, draft::Draft},
        enforce::{
            caller::CallerSource, enforced_document::EnforcedDocument, guard::Guard,
            site_rules::SiteRules,
        },
        forward::followed_policy::{FollowedPolicy, PolicyRenewal, Reloaded},
        http::endpoints::OPENID_CONFIGURATION,
        routing::route_conflicts::Routing,
    },
};

/// A document that follows the issuers of the roster.
#[derive(Debug)]
pub(crate) struct Publication {
    context: Arc<Context>,
    draft: Draft,
    /// Makes the application's own type for who is calling.
    caller: Option<CallerSource>,
    /// How the router takes its operations, which no issuer changes.
    routing: Routing,
    rules: Arc<SiteRules>,
    /// The issuers that it was last completed with.
    issuers: ArcSwap<Vec<Issuer>>,
    /// What is published and enforced at the moment.
    enforced: Arc<ArcSwap<EnforcedDocument>>,
}

impl Publication {
    /// Completes a document for the first time, and also returns it; `route` compares the router with its policy.
    ///
    /// # Errors
    /// Everything in the document that cannot be enforced.
    pub(crate) fn new(
        context: Arc<Context>,
        draft: Draft,
        caller: Option<CallerSource>,
        rules: Arc<SiteRules>,
        route: impl FnOnce(&Policy) -> Result<Routing, Diagnostics>,
    ) -> Result<(Self, Value), Diagnostics> {
        let issuers: Vec<_> = context.authority.roster().issuers().cloned().collect();
        let (document, policy) = complete(&draft, &context.settings.document, &issuers)?;
        let routing = route(&policy)?;
        let trusted = trusted(&context, &rules, &policy, &issuers, None)?;
        let guard = Guard::new(policy, &routing, Arc::clone(&rules), trusted, &context)?;
        let enforced = EnforcedDocument::new(&document, guard, caller)?;
        let publication = Self {
            context,
            draft,
            caller,
            routing,
            rules,
            issuers: ArcSwap::from_pointee(issuers),
            enforced: Arc::new(ArcSwap::from_pointee(enforced)),
        };
        Ok((publication, document))
    }

    pub(crate) fn draft(&self) -> &Draft {
        &self.draft
    }

    /// What is published and enforced, also after a change.
    pub(crate) fn enforced(&self) -> &Arc<ArcSwap<EnforcedDocument>> {
        &self.enforced
    }

    pub(crate) fn rules(&self) -> &SiteRules {
        &self.rules
    }

    /// What is known of the handlers that the site registers.
    pub(crate) fn routing(&self) -> &Routing {
        &self.routing
    }

    fn renewed(&self, issuers: &[Issuer]) -> Result<EnforcedDocument, Diagnostics> {
        let (document, policy) = complete(&self.draft, &self.context.settings.document, issuers)?;
        let before = self.enforced.load();
        let before = Some(before.guard.issuers());
        let trusted = trusted(&self.context, &self.rules, &policy, issuers, before)?;
        let rules = Arc::clone(&self.rules);
        let guard = Guard::new(policy, &self.routing, rules, trusted, &self.context)?;
        EnforcedDocument::new(&document, guard, self.caller)
    }

    fn replace(&self, issuers: &Arc<Vec<Issuer>>, document: EnforcedDocument) {
        self.enforced.store(Arc::new(document));
        self.issuers.store(Arc::clone(issuers));
    }
}

fn trusted(
    context: &Context,
    rules: &SiteRules,
    policy: &Policy,
    issuers: &[Issuer],
    before: Option<&SchemeIssuers>,
) -> Result<SchemeIssuers, Diagnostics> {
    let own = context.authority.issuer();
    refuse_own(issuers, own)?;
    let discovery = rules.own.documented(OPENID_CONFIGURATION);
    let discovery = discovery.as_deref().unwrap_or(OPENID_CONFIGURATION);
    SchemeIssuers::new(policy, issuers, own, discovery, before)
}

/// The documents of a process, for as long as they are in use.
#[derive(Debug, Default)]
pub(crate) struct Publications(Mutex<Vec<Weak<Publication>>>);

impl Publications {
    /// Has a document follow the issuers from now on.
    ///
    /// # Errors
    /// The roster has changed since the document was completed, and the document cannot have its issuers.
    pub(crate) fn add(&self, publication: &Arc<Publication>) -> Result<(), Diagnostics> {
        let mut all = self.lock();
        let issuers: Vec<_> = publication.context.authority.roster().issuers().cloned().collect();
        if **publication.issuers.load() != issuers {
            let document = publication.renewed(&issuers)?;
            publication.replace(&Arc::new(issuers), document);
        }
        all.retain(|one| one.strong_count() > 0);
        all.push(Arc::downgrade(publication));
        Ok(())
    }

    /// What is published and enforced at the moment.
    pub(crate) fn enforced(&self) -> Vec<Arc<EnforcedDocument>> {
        let all = self.lock();
        all.iter().filter_map(Weak::upgrade).map(|one| one.enforced.load_full()).collect()
    }

    /// Completes all documents, and the policy that is followed, with other issuers; none changes before
    /// [`Renewal::commit`].
    ///
    /// # Errors
    /// Everything in one of them that cannot be enforced.
    pub(crate) fn renew<'p>(
        &'p self,
        issuers: Vec<Issuer>,
        policy: Option<&'p FollowedPolicy>,
    ) -> Result<Renewal<'p>, Diagnostics> {
        let all = self.lock();
        let mut diagnostics = Diagnostics::default();
        let mut documents = Vec::new();
        for publication in all.iter().filter_map(Weak::upgrade) {
            if let Some(document) = diagnostics.keep(publication.renewed(&issuers)) {
                documents.push((publication, document));
            }
        }
        let policy = policy.and_then(|policy| diagnostics.keep(policy.renew(&issuers)));
        diagnostics.or(Renewal { _all: all, issuers: Arc::new(issuers), documents, policy })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Publication>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next state of all documents and of the policy; as long as this is there, none changes otherwise.
#[must_use]
pub(crate) struct Renewal<'p> {
    _all: MutexGuard<'p, Vec<Weak<Publication>>>,
    issuers: Arc<Vec<Issuer>>,
    documents: Vec<(Arc<Publication>, EnforcedDocument)>,
    policy: Option<PolicyRenewal<'p>>,
}

impl Renewal<'_> {
    /// Publishes and enforces them from now on. Returns what is to be told of the policy, if anything is.
    pub(crate) fn commit(self) -> Option<Result<Reloaded, Diagnostics>> {
        // Whoever sees a document with an issuer has its tokens accepted everywhere.
        let told = self.policy.and_then(PolicyRenewal::commit);
        for (publication, document) in self.documents {
            publication.replace(&self.issuers, document);
        }
        told
    }
}

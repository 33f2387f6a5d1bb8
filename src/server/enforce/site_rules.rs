//! What a site decides beside its document.

use crate::{
    policy::operation::Operation,
    server::{
        http::{code::Code, endpoints::DOCUMENT, own_routes::OwnPaths, refusal::Refusal},
        routing::public_places::PublicPlaces,
    },
};

#[derive(Debug, Clone, Default)]
pub(crate) struct SiteRules {
    /// Where hallpass' own routes are.
    pub(crate) own: OwnPaths,
    /// The path of the issuer, which a proxy takes from requests.
    pub(crate) base_path: String,
    /// Its operations and pages, as `GET /path`.
    pub(crate) own_operations: Vec<String>,
    /// What of the application's router is public without being an operation.
    pub(crate) public: PublicPlaces,
    /// Whether requests that would be refused pass, for nobody. hallpass' own operations are enforced all the same.
    pub(crate) reports_only: bool,
}

impl SiteRules {
    /// Whether the operation is hallpass' own.
    pub(crate) fn is_own(&self, operation: &Operation) -> bool {
        let path = operation.path.strip_prefix(self.own.base()).unwrap_or(&operation.path);
        let label = format!("{} {path}", operation.method);
        self.own_operations.contains(&label)
    }

    /// 404: the document has no such operation.
    pub(crate) fn not_found(&self) -> Refusal {
        let detail = "There is nothing at this path";
        match self.own.url(&self.base_path, DOCUMENT) {
            Some(document) => {
                Refusal::new(Code::NotFound, format!("{detail}; {document} lists what there is."))
            }
            None => Refusal::new(Code::NotFound, format!("{detail}.")),
        }
    }
}

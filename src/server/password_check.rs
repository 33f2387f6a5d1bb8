//! A second look at a user, before a dangerous operation.

use actix_web::HttpRequest;
use secrecy::SecretString;

use crate::{
    oauth::Subject,
    server::{
        credentials::secret_verifier::SecretError,
        gate::Gate,
        http::{code::Code, refusal::Refusal, request_info::RequestInfo},
    },
};

impl Gate {
    /// Verifies the password of a user of the roster, whom [`Principal::ours`](crate::Principal::ours) names: neither an
    /// account nor a subject of another issuer has one here. It counts against the limits of failed attempts, and waits for
    /// the hash pool, like every other password.
    ///
    /// # Errors
    /// 403 where the password is wrong or the user disabled or unknown, 429 and 503 where it cannot be checked now.
    pub async fn verify_password(
        &self,
        subject: &Subject,
        password: impl Into<SecretString>,
        request: &HttpRequest,
    ) -> Result<(), Refusal> {
        let peer = RequestInfo::find(request).and_then(|info| info.peer);
        let secrets = &self.context().secrets;
        match secrets.verify_password(subject.as_str(), password.into(), peer).await {
            Ok(_) => Ok(()),
            Err(SecretError::Invalid { reason, .. }) => {
                let refusal = Refusal::new(Code::Denied, "The password is wrong.");
                Err(refusal.because(Some(reason), None).sent_by(subject.to_string(), None))
            }
            Err(SecretError::Unavailable(refusal)) => Err(refusal),
        }
    }
}

//! Takes the one private key out of a PEM (RFC 7468 §10), and knows what else people put there by mistake.

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox, SecretString};

use crate::tokens::signing_key_error::SigningKeyError;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END PRIVATE KEY-----";
const PRIVATE_KEY: &str = "PRIVATE KEY";

/// `openssl ecparam` writes it before a key, which names its curve itself.
const PARAMETERS: &str = "EC PARAMETERS";

/// The DER of the PKCS#8 private key in `text`; it is wiped when dropped.
///
/// # Errors
/// For anything but exactly one unencrypted PKCS#8 block.
pub(super) fn private_key(text: &SecretString) -> Result<SecretBox<Vec<u8>>, SigningKeyError> {
    // Editors on Windows put a byte order mark before the first line.
    let text = text.expose_secret().trim_start_matches('\u{feff}');
    let labels = || text.lines().filter_map(label).filter(|label| *label != PARAMETERS);
    if let Some(refusal) = labels().find_map(refusal) {
        return Err(refusal);
    }
    match labels().count() {
        0 => Err(SigningKeyError::NoPem),
        1 => decode(text).ok_or(SigningKeyError::Damaged),
        _ => Err(SigningKeyError::Several),
    }
}

fn label(line: &str) -> Option<&str> {
    Some(line.trim().strip_prefix(BEGIN)?.trim_end_matches('-'))
}

/// The label itself never gets into the refusal: a PEM on one line holds the key there.
fn refusal(label: &str) -> Option<SigningKeyError> {
    Some(match label {
        PRIVATE_KEY => return None,
        "RSA PRIVATE KEY" => SigningKeyError::OldForm("RSA PRIVATE KEY (PKCS#1)"),
        "EC PRIVATE KEY" => SigningKeyError::OldForm("EC PRIVATE KEY (SEC1)"),
        "DSA PRIVATE KEY" => SigningKeyError::Algorithm,
        "ENCRYPTED PRIVATE KEY" => SigningKeyError::Encrypted,
        "PUBLIC KEY" | "RSA PUBLIC KEY" => SigningKeyError::PublicKey,
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => SigningKeyError::Certificate,
        _ => SigningKeyError::OtherPem,
    })
}

fn decode(text: &str) -> Option<SecretBox<Vec<u8>>> {
    let begin = text.find("-----BEGIN PRIVATE KEY-----")?;
    let (_, rest) = text.get(begin..)?.split_once('\n')?;
    let (body, _) = rest.split_once(END)?;
    // Both have their final capacity before the key is written: growing would leave copies behind.
    let mut plain = SecretBox::new(Box::new(String::with_capacity(body.len())));
    plain.expose_secret_mut().extend(body.split_ascii_whitespace());
    let mut der = SecretBox::new(Box::new(Vec::with_capacity(body.len())));
    STANDARD.decode_vec(plain.expose_secret(), der.expose_secret_mut()).ok()?;
    Some(der)
}

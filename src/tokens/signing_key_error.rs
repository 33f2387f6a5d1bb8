//! Why a signing key is refused, and how to mend it.

/// Why a signing key cannot be used. It reads as the end of "the file X, which ..." and shows nothing of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SigningKeyError {
    /// A secret weaker than the hash it feeds (RFC 7518 §3.2).
    #[error("is shorter than 32 bytes: `openssl rand -base64 48` makes a good one")]
    ShortSecret,
    /// No `-----BEGIN ...-----` line (RFC 7468 §2).
    #[error("holds no PEM: `openssl genpkey -algorithm ed25519 -out signing.pem` makes one")]
    NoPem,
    /// More than one PEM block, so which one was meant is a guess.
    #[error("holds more than one PEM block: leave only the private key in it")]
    Several,
    /// PKCS#1 (RFC 8017), SEC1 (RFC 5915) or OpenSSL's own form of a private key.
    #[error(
        "holds a key in the older form {0}: \
         `openssl pkcs8 -topk8 -nocrypt -in OLD.pem -out signing.pem` writes it as PKCS#8"
    )]
    OldForm(&'static str),
    /// A private key under a password (RFC 5958 §3).
    #[error(
        "is encrypted, and a service cannot ask for its password: \
         `openssl pkcs8 -in OLD.pem -out signing.pem` decrypts it; give the new file the mode 0600"
    )]
    Encrypted,
    /// The half that cannot sign.
    #[error(
        "holds a public key, which cannot sign: name the file of the private key it belongs to"
    )]
    PublicKey,
    /// Only a certificate.
    #[error("holds a certificate: name the file of its private key, as PKCS#8 PEM")]
    Certificate,
    /// A PEM of something else.
    #[error(
        "is no PKCS#8 private key, which begins with the line -----BEGIN PRIVATE KEY-----: \
         `openssl genpkey -algorithm ed25519 -out signing.pem` makes one"
    )]
    OtherPem,
    /// Not base64, not DER, or numbers that are no key of their algorithm.
    #[error(
        "is damaged: `openssl pkey -check -noout -in FILE` says more; \
         take it from a backup, or make a new one: `openssl genpkey -algorithm ed25519 -out signing.pem`"
    )]
    Damaged,
    /// An elliptic curve without an algorithm here.
    #[error(
        "holds a key of another curve than P-256: \
         `openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out signing.pem` makes one"
    )]
    Curve,
    /// A modulus of that many bits: too few are weak, too many slow (RFC 7518 §3.3).
    #[error(
        "holds an RSA key of {0} bits, where 2048 to 8192 are taken: \
         `openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:3072 -out signing.pem` makes a good one"
    )]
    RsaSize(usize),
    /// Ed448, X25519, DSA, RSA-PSS and the like.
    #[error(
        "holds a key that is neither Ed25519 nor P-256 nor RSA: \
         `openssl genpkey -algorithm ed25519 -out signing.pem` makes one"
    )]
    Algorithm,
    /// The cryptographic library fails.
    #[error("could not be made: the cryptographic library failed")]
    NotMade,
    /// What it signs, it does not verify; the key of this `kid`.
    #[error("does not verify what it signs (kid {0}): make a new one")]
    Broken(String),
}

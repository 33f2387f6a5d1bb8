//! When certificates expire (RFC 5280 §4.1).

use der::{
    Decode, SliceReader,
    asn1::{AnyRef, GeneralizedTime, UtcTime},
};
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// A certificate of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CertificateExpiry {
    /// The line of the file on which the certificate begins, counted from 1.
    pub(crate) line: usize,
    /// The last second in which it is valid.
    pub(crate) expires: Timestamp,
}

/// When the certificates expire that were read from `pem`, in their order. Those whose times cannot be read are left out.
pub(super) fn expiries(pem: &[u8], chain: &[CertificateDer<'_>]) -> Vec<CertificateExpiry> {
    let lines = pem.split(|byte| *byte == b'\n').enumerate();
    let begins = lines.filter(|(_, line)| line.starts_with(BEGIN)).map(|(index, _)| index + 1);
    let pairs = begins.zip(chain);
    let found = pairs.filter_map(|(line, certificate)| {
        Some(CertificateExpiry { line, expires: not_after(certificate)? })
    });
    found.collect()
}

/// `notAfter` of a certificate.
fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let mut signed = inside(AnyRef::from_der(certificate).ok()?)?;
    let mut fields = inside(AnyRef::decode(&mut signed).ok()?)?;
    let mut next = || AnyRef::decode(&mut fields).ok();
    // Version 1 has no version.
    let has_version = next()?.header().tag().is_context_specific();
    // Serial number, signature algorithm, issuer; without a version the first one is passed.
    for _ in 0..if has_version { 3 } else { 2 } {
        next()?;
    }
    let mut validity = inside(next()?)?;
    let _not_before = AnyRef::decode(&mut validity).ok()?;
    let not_after = AnyRef::decode(&mut validity).ok()?;
    let utc = not_after.decode_as::<UtcTime>().map(|time| time.to_unix_duration());
    let time = utc
        .or_else(|_| not_after.decode_as::<GeneralizedTime>().map(|time| time.to_unix_duration()));
    Timestamp::from_second(time.ok()?.as_secs().try_into().ok()?).ok()
}

fn inside(sequence: AnyRef<'_>) -> Option<SliceReader<'_>> {
    SliceReader::new(sequence.value()).ok()
}

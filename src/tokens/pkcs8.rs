//! Reads as much of a PKCS#8 private key (RFC 5958 §2) as it takes to say of what sort it is.

/// The algorithm of an Ed25519 key (RFC 8410 §3).
pub(super) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// The algorithm of a key of an elliptic curve (RFC 5480 §2.1.1).
pub(super) const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// The algorithm of an RSA key (RFC 8017 appendix A.1).
pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// The parameters of an EC key that name the curve P-256 (RFC 5480 §2.1.1.1).
pub(super) const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// The parts of a PKCS#8 private key.
pub(super) struct PrivateKey<'d> {
    /// The object identifier of its algorithm.
    pub(super) algorithm: &'d [u8],
    /// What follows it: for EC keys the curve, with tag and length.
    pub(super) parameters: &'d [u8],
    /// The key, as its algorithm writes it: for RSA the `RSAPrivateKey` of PKCS#1.
    pub(super) content: &'d [u8],
}

impl<'d> PrivateKey<'d> {
    /// `None` for anything but exactly one PKCS#8 private key.
    pub(super) fn read(mut der: &'d [u8]) -> Option<Self> {
        let mut body = take(&mut der, SEQUENCE)?;
        if !der.is_empty() {
            return None;
        }
        take(&mut body, INTEGER)?;
        let mut parameters = take(&mut body, SEQUENCE)?;
        let algorithm = take(&mut parameters, OBJECT_IDENTIFIER)?;
        let content = take(&mut body, OCTET_STRING)?;
        Some(Self { algorithm, parameters, content })
    }

    /// The bits of the modulus; `None` where the content is no `RSAPrivateKey` (RFC 8017 appendix A.1.2).
    pub(super) fn modulus_bits(&self) -> Option<usize> {
        let mut body = take(&mut { self.content }, SEQUENCE)?;
        take(&mut body, INTEGER)?;
        let modulus = take(&mut body, INTEGER)?;
        let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
        let first = modulus.get(zeros)?;
        Some((modulus.len() - zeros) * 8 - first.leading_zeros() as usize)
    }
}

/// Takes one element off `der` and returns its content; `None` if it has another tag.
///
/// Lengths over 64 KiB are not read: no key is that long.
fn take<'d>(der: &mut &'d [u8], tag: u8) -> Option<&'d [u8]> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 | 0x82 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *der = rest;
    (*found == tag).then_some(content)
}

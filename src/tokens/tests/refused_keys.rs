//! Keys and PEMs that are refused, each with the way to mend it.

use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, Ed25519KeyPair};
use secrecy::{ExposeSecret, SecretString};

use super::*;

use crate::tokens::{
    signing_key_error::SigningKeyError,
    tests::keys::{ed25519, elliptic, p256, pem, rsa},
};

fn refused(pem: &SecretString) -> SigningKeyError {
    SigningKey::from_pem(pem).unwrap_err()
}

/// An element of DER with a length under 64 KiB.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82], length.as_slice(), content].concat()
}

/// PKCS#8 around whatever: as good as the refusal of the sort of key needs.
fn pkcs8(algorithm: &[u8], content: &[u8]) -> Vec<u8> {
    let algorithm = element(0x30, &element(0x06, algorithm));
    element(0x30, &[element(0x02, &[0]), algorithm, element(0x04, content)].concat())
}

/// An RSA key with a modulus of so many bits, and nothing behind it.
fn rsa_of(bits: usize) -> Vec<u8> {
    let mut modulus = vec![0xff; bits.div_ceil(8)];
    modulus[0] >>= (8 - bits % 8) % 8;
    modulus.insert(0, 0);
    let key = element(0x30, &[element(0x02, &[0]), element(0x02, &modulus)].concat());
    pkcs8(crate::tokens::pkcs8::RSA, &key)
}

#[test]
fn every_other_pem_is_refused_and_says_how_to_mend_it() {
    let der = ed25519();
    let cases = [
        ("RSA PRIVATE KEY", "openssl pkcs8 -topk8"),
        ("EC PRIVATE KEY", "openssl pkcs8 -topk8"),
        ("DSA PRIVATE KEY", "openssl genpkey"),
        ("ENCRYPTED PRIVATE KEY", "openssl pkcs8 -in"),
        ("PUBLIC KEY", "name the file of the private key"),
        ("RSA PUBLIC KEY", "name the file of the private key"),
        ("CERTIFICATE", "name the file of its private key"),
        ("TRUSTED CERTIFICATE", "name the file of its private key"),
        ("OPENSSH PRIVATE KEY", "openssl genpkey"),
        ("EC PARAMETERS", "holds no PEM"),
        ("private key", "BEGIN PRIVATE KEY"),
    ];
    for (label, mending) in cases {
        let error = refused(&pem(label, &der)).to_string();
        assert!(error.contains(mending), "{label}: {error}");
    }
}

#[test]
fn the_block_that_openssl_ecparam_writes_first_does_not_hide_the_sort_of_key() {
    let both = [pem("EC PARAMETERS", &[6, 0]), pem("EC PRIVATE KEY", &[0x30, 0])];
    let both = both.each_ref().map(|pem| pem.expose_secret()).concat();
    assert!(
        matches!(refused(&both.into()), SigningKeyError::OldForm(form) if form.contains("SEC1"))
    );
}

#[test]
fn every_other_key_is_refused_and_says_how_to_mend_it() {
    const ED448: &[u8] = &[0x2b, 0x65, 0x71];
    const X25519: &[u8] = &[0x2b, 0x65, 0x6e];
    const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
    let mut flipped = p256();
    flipped[40] ^= 1; // inside the private number: the public half no longer fits
    let cases = [
        (elliptic(&ECDSA_P384_SHA384_FIXED_SIGNING), SigningKeyError::Curve),
        (pkcs8(crate::tokens::pkcs8::EC, &[]), SigningKeyError::Curve),
        (rsa_of(512), SigningKeyError::RsaSize(512)),
        (rsa_of(1024), SigningKeyError::RsaSize(1024)),
        (rsa_of(2047), SigningKeyError::RsaSize(2047)),
        (rsa_of(8193), SigningKeyError::RsaSize(8193)),
        (rsa_of(2048), SigningKeyError::Damaged),
        (pkcs8(crate::tokens::pkcs8::RSA, &[]), SigningKeyError::Damaged),
        (pkcs8(ED448, &[4, 57]), SigningKeyError::Algorithm),
        (pkcs8(X25519, &[4, 32]), SigningKeyError::Algorithm),
        (pkcs8(RSA_PSS, &[]), SigningKeyError::Algorithm),
        (pkcs8(crate::tokens::pkcs8::ED25519, &[4, 2, 1, 1]), SigningKeyError::Damaged),
        (flipped, SigningKeyError::Damaged),
    ];
    for (index, (der, expected)) in cases.into_iter().enumerate() {
        let error = refused(&pem("PRIVATE KEY", &der));
        assert_eq!(error, expected, "case {index}");
        assert!(error.to_string().contains("openssl"), "{error}");
    }
}

#[test]
fn garbage_is_refused() {
    for text in ["", "signing.pem", "-----BEGIN", "\u{feff}", "\0\0\0"] {
        assert_eq!(refused(&text.into()), SigningKeyError::NoPem, "{text:?}");
    }
    let good = pem("PRIVATE KEY", &ed25519());
    let good = good.expose_secret();
    let twice = format!("{good}{good}");
    assert_eq!(refused(&twice.into()), SigningKeyError::Several);
    let bundle = format!("{good}{}", pem("CERTIFICATE", &[0x30, 0]).expose_secret());
    assert_eq!(refused(&bundle.into()), SigningKeyError::Certificate);
    for damaged in [
        good.replace("END", "FIN"),
        good.replace('M', "%"),
        good.replacen("MC", "MD", 1),
        "-----BEGIN PRIVATE KEY-----".to_owned(),
        "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n".to_owned(),
        "-----END PRIVATE KEY-----\n-----BEGIN PRIVATE KEY-----\n".to_owned(),
    ] {
        assert_eq!(refused(&damaged.into()), SigningKeyError::Damaged);
    }
}

#[test]
fn every_shortening_and_lengthening_of_a_key_is_refused() {
    for der in [ed25519(), p256(), rsa()] {
        for end in 0..der.len() {
            refused(&pem("PRIVATE KEY", &der[..end]));
        }
        let longer = [der.as_slice(), &[0]].concat();
        assert_eq!(refused(&pem("PRIVATE KEY", &longer)), SigningKeyError::Damaged);
    }
}

#[test]
fn what_openssl_and_editors_do_to_a_good_pem_is_welcome() {
    let good = pem("PRIVATE KEY", &p256());
    let good = good.expose_secret();
    let two = Ed25519KeyPair::generate().unwrap().to_pkcs8().unwrap();
    for welcome in [
        good.replace('\n', "\r\n"),
        good.trim_end().to_owned(),
        format!("Bag Attributes\n    friendlyName: signing\n{good}\n\n"),
        format!("\u{feff}\n{good}"),
        pem("PRIVATE KEY", two.as_ref()).expose_secret().to_owned(),
    ] {
        let key = SigningKey::from_pem(&welcome.into()).unwrap();
        assert!(key.prove().is_ok());
    }
}

#[test]
fn no_refusal_and_no_debug_output_shows_the_key() {
    let good = pem("PRIVATE KEY", &ed25519());
    let body = good.expose_secret().lines().nth(1).unwrap();
    let on_one_line = good.expose_secret().replace('\n', "\\n");
    let error = refused(&on_one_line.into());
    assert!(!format!("{error} {error:?}").contains(body), "{error}");
    let key = SigningKey::from_pem(&good).unwrap();
    let mut shown = format!("{key:?}");
    shown += &format!("{:?}", Keyring::new(key, Vec::new()).unwrap());
    assert!(!shown.contains(body) && shown.len() < 300, "{shown}");
}

#[test]
fn a_short_secret_is_refused() {
    let short = "x".repeat(31);
    assert_eq!(SigningKey::from_secret(&short.into()).unwrap_err(), SigningKeyError::ShortSecret);
    assert!(SigningKey::from_secret(&"x".repeat(32).into()).is_ok());
}

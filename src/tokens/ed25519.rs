//! Ed25519 public keys under which a signature proves nothing (RFC 8032 §5.1, RFC 8725 §3.4).

/// p = 2^255 - 19 minus these, and these, little-endian: the y coordinates of the points whose order divides 8.
const ORDER_8: [[u8; 32]; 2] = [
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// Whether the key is a point of small order, in any of its encodings: with one, signatures can be made without a private
/// key that are valid for many messages.
pub(super) fn is_small_order(key: &[u8]) -> bool {
    // The sign of x does not matter.
    let Some((last, first)) = key.split_last() else { return true };
    let last = last & 0x7f;
    let is = |small: &[u8; 32]| small.split_last() == Some((&last, first));
    // y = 0, 1 and -1, and the encodings of these that are not reduced: p, p + 1.
    let is_zero_or_one =
        last == 0 && matches!(first, [0 | 1, rest @ ..] if rest.iter().all(|byte| *byte == 0));
    let is_near_p = last == 0x7f
        && matches!(first, [0xec..=0xee, rest @ ..] if rest.iter().all(|byte| *byte == 0xff));
    is_zero_or_one || is_near_p || ORDER_8.iter().any(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(first: u8, middle: u8, last: u8) -> [u8; 32] {
        let mut key = [middle; 32];
        (key[0], key[31]) = (first, last);
        key
    }

    #[test]
    fn every_encoding_of_a_point_of_small_order_is_found_and_no_other() {
        let mut small = vec![key(0, 0, 0), key(1, 0, 0)];
        small.extend([0xec, 0xed, 0xee].map(|first| key(first, 0xff, 0x7f)));
        small.extend(ORDER_8);
        for mut point in small {
            assert!(is_small_order(&point), "{point:02x?}");
            point[31] |= 0x80;
            assert!(is_small_order(&point), "{point:02x?}");
            point[15] ^= 1;
            assert!(!is_small_order(&point), "{point:02x?}");
        }
        for good in [key(2, 0, 0), key(0xeb, 0xff, 0x7f), key(0xef, 0xff, 0x7f)] {
            assert!(!is_small_order(&good), "{good:02x?}");
        }
    }
}

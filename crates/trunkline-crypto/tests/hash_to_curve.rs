//! The vectors of RFC 9380 (appendix J.9.1) for BLS12381G1_XMD:SHA-256_SSWU_RO_.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // The file is ours; a panic is a failed test.

use std::path::Path;

use serde_json::Value;
use trunkline_crypto::curve::{G1Affine, G1};

const FILE: &str = "rfc9380-bls12381g1-xmd-sha256-sswu-ro.json";

/// The compressed encoding of the point with these coordinates, which the file has as hexadecimal numbers.
fn compressed(x: &str, y: &str) -> [u8; 48] {
    let bytes = |text: &str| hex::decode(text.trim_start_matches("0x")).unwrap();
    // (p − 1) / 2: a y above it is the larger of the two with this x.
    let half =
        "0d0088f51cbff34d258dd3db21a5d66bb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555";
    let mut encoded: [u8; 48] = bytes(x).try_into().unwrap();
    encoded[0] |= if bytes(y) > bytes(half) { 0xa0 } else { 0x80 };
    encoded
}

fn check(file: &Path) {
    let text = std::fs::read_to_string(file).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let tag = file["dst"].as_str().unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert!(!vectors.is_empty());
    for vector in vectors {
        let point = G1::hash_with_tag(tag.as_bytes(), vector["msg"].as_str().unwrap().as_bytes());
        let expected = compressed(vector["P"]["x"].as_str().unwrap(), vector["P"]["y"].as_str().unwrap());
        assert_eq!(point.encode(), expected);
        G1Affine::decode_strict(&expected).unwrap();
    }
}

#[test]
fn hash_to_g1_gives_the_points_of_the_rfc() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    check(&root.join("tests/vectors").join(FILE));
    // Beside a development checkout lies the file that ours is a copy of.
    let original = root.join("../shared/vectors").join(FILE);
    if original.exists() {
        check(&original);
    }
}

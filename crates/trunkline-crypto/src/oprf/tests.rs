//! The vectors of RFC 9497 appendix A.1.2, and the refusals that only Rust callers can meet.

use super::*;
use crate::error::ErrorKind;
use crate::random::tests::StuckRandom;
use crate::random::OsRandom;

const SEED: [u8; 32] = [0xa3; 32];
const SECRET: &str = "e6f73f344b79b379f1a0dd37e07ff62e38d9f71345ce62ae3a9bc60b04ccd909";
const PUBLIC: &str = "c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e";
const BLINDS: [&str; 2] = [
    "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706",
    "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e",
];
const INPUTS: [&[u8]; 2] = [&[0], &[0x5a; 17]];
const NONCE: &str = "419c4f4f5052c53c45f3da494d2b67b220d02118e0857cdbcf037f9ea84bbe0c";
const BLINDED: [&str; 2] = [
    "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945",
    "90a0145ea9da29254c3a56be4fe185465ebb3bf2a1801f7124bbbadac751e654",
];
const EVALUATED: [&str; 2] = [
    "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e",
    "cc5ac221950a49ceaa73c8db41b82c20372a4c8d63e5dded2db920b7eee36a2a",
];
const PROOF: &str = "cc203910175d786927eeb44ea847328047892ddf8590e723c37205cb74600b0a\
                     5ab5337c8eb4ceae0494c2cf89529dcf94572ed267473d567aeed6ab873dee08";
const LABELS: [&str; 2] = [
    "b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7d\
     a4d8527693914139caee5bd03903af43a491351d23b430948dd50cde10d32b3c",
    "8a9a2f3c7f085b65933594309041fc1898d42d0858e59f90814ae90571a6df60\
     356f4610bf816f27afdd84f47719e480906d27ecd994985890e5f539e7ea74b6",
];

fn bytes(parts: &[&str]) -> Vec<u8> {
    hex::decode(parts.concat()).expect("the vectors are hexadecimal")
}

fn key() -> LabelKey {
    LabelKey::danger_derive(&SEED, b"test key").expect("the vector's seed derives a key")
}

fn blinding() -> Blinding {
    let client = LabelClient::new(&bytes(&[PUBLIC])).expect("the vector's key decodes");
    client.danger_blind_batch_with(&INPUTS, &bytes(&BLINDS)).expect("the vector's blinds are good")
}

#[test]
fn derived_key_is_that_of_the_vectors() {
    assert_eq!(key().secret_bytes().to_vec(), bytes(&[SECRET]));
    assert_eq!(key().public_key().to_vec(), bytes(&[PUBLIC]));
}

#[test]
fn batch_of_two_gives_the_bytes_of_the_vectors() {
    let blinding = blinding();
    assert_eq!(blinding.elements(), bytes(&BLINDED));
    let (evaluated, proof) = key()
        .danger_evaluate_batch_with_nonce(&bytes(&BLINDED), &bytes(&[NONCE]))
        .expect("the vector evaluates");
    assert_eq!(evaluated, bytes(&EVALUATED));
    assert_eq!(proof, bytes(&[PROOF]));
    assert_eq!(blinding.finalize(&[], &evaluated, &proof).expect("the proof verifies"), bytes(&LABELS));
}

#[test]
fn large_batch_with_padding_agrees_with_single_evaluations() {
    let key = LabelKey::generate(&OsRandom).expect("randomness");
    let client = LabelClient::new(&key.public_key()).expect("own key");
    let numbers: Vec<_> = (0..300_u16).map(u16::to_be_bytes).collect();
    let inputs: Vec<&[u8]> = numbers.iter().map(<[u8; 2]>::as_slice).collect();
    let blinding = client.blind_batch(&OsRandom, &inputs).expect("good inputs");
    let padding = random_elements(&OsRandom, 7).expect("a small count");
    let (evaluated, proof) =
        key.evaluate_batch(&OsRandom, &[blinding.elements(), &padding].concat()).expect("good elements");
    let labels = blinding.finalize(&padding, &evaluated, &proof).expect("an honest answer");
    for index in [0, 63, 64, 299] {
        let single = client.blind_batch(&OsRandom, &inputs[index..=index]).expect("a good input");
        let (evaluated, proof) = key.evaluate_batch(&OsRandom, single.elements()).expect("a good element");
        let blind = single.reveal_blind(0).expect("one input");
        let label = verify_transcript(&key.public_key(), inputs[index], &blind, &evaluated, &proof);
        assert_eq!(label.expect("an honest answer"), labels[index * LABEL_SIZE..][..LABEL_SIZE]);
    }
}

#[test]
fn two_proofs_of_one_statement_differ() {
    let prove = || key().evaluate_batch(&OsRandom, &bytes(&BLINDED)).expect("good elements").1;
    assert_ne!(prove(), prove());
}

#[test]
fn keys_compare_by_their_secret() {
    assert_eq!(key(), LabelKey::from_bytes(&bytes(&[SECRET])).expect("a good key"));
    assert_ne!(key(), LabelKey::generate(&OsRandom).expect("randomness"));
    assert_eq!(format!("{:?}", key()), "LabelKey(redacted)");
}

#[test]
fn answer_of_another_key_or_in_another_order_is_refused() {
    let (blinding, other) = (blinding(), LabelKey::generate(&OsRandom).expect("randomness"));
    let (evaluated, proof) = other.evaluate_batch(&OsRandom, blinding.elements()).expect("good elements");
    assert!(blinding.finalize(&[], &evaluated, &proof).is_err());
    let swapped = bytes(&[EVALUATED[1], EVALUATED[0]]);
    assert!(blinding.finalize(&[], &swapped, &bytes(&[PROOF])).is_err());
}

#[test]
fn proof_nonces_of_a_stuck_generator_still_differ_by_statement() {
    // Two statements proved with one nonce give the key away.
    let nonce = |element: &str| {
        let (_, proof) = key().evaluate_batch(&StuckRandom, &bytes(&[element])).expect("a good element");
        let ([c, s], []) = proof.as_chunks() else { panic!("a proof has 64 bytes") };
        let [c, s] = [c, s].map(|half| Scalar::from_bytes_mod_order(*half));
        s + c * nonzero_scalar(&key().secret_bytes(), "key").expect("a good key")
    };
    assert_eq!(nonce(BLINDED[0]), nonce(BLINDED[0]));
    assert_ne!(nonce(BLINDED[0]), nonce(BLINDED[1]));
}

#[test]
fn blinds_of_a_stuck_generator_still_differ_by_position_and_input() {
    let client = LabelClient::new(&bytes(&[PUBLIC])).expect("the vector's key decodes");
    let blind = |inputs: &[&[u8]], index| {
        let blinding = client.blind_batch(&StuckRandom, inputs).expect("good inputs");
        blinding.reveal_blind(index).expect("an input of the batch")
    };
    assert_ne!(blind(&[b"one", b"one"], 0), blind(&[b"one", b"one"], 1));
    assert_ne!(blind(&[b"one"], 0), blind(&[b"two"], 0));
}

#[test]
fn one_multiplication_is_what_an_evaluation_gives() {
    let blinded = blinding();
    let element = blinded.elements().first_chunk().expect("two elements");
    let secret = key().secret_bytes();
    let (evaluated, _) = key().evaluate_batch(&OsRandom, element).expect("a good element");
    assert_eq!(multiply(element, &secret).expect("a good element").as_slice(), evaluated);
    let kind = |result: Result<Encoding>| result.expect_err("a refusal").kind();
    assert_eq!(kind(multiply(&[0; 32], &secret)), ErrorKind::Point);
    assert_eq!(kind(multiply(element, &[0; 32])), ErrorKind::Scalar);
}

use super::join::{Credential, IssuerKey, JoinContext, MemberSecret};
use super::open::{judge, OpenerKey, OpeningContext};
use super::sign::Signer;
use super::verify::Verifier;
use super::*;
use crate::curve::Group;
use crate::error::ErrorKind;
use crate::random::tests::StuckRandom;
use crate::random::OsRandom;
use crate::schnorr::Proof;
use crate::secret::SecretScalar;

mod torsion;

const PARAMS: &[u8] = &[3; 32];
const CASE: &[u8] = &[4; 32];
const CARRIER: &[u8] = &[5; 16];
const PERIOD: u32 = 2_951;
/// Offsets of the responses zt, zε, zs, zk.
const RESPONSES: [usize; 4] = [336, 368, 400, 432];

struct Setup {
    issuer: IssuerKey,
    opener: OpenerKey,
    group: GroupPublicKey,
    member: MemberSecret,
    signer: Signer,
    verifier: Verifier,
}

fn secret() -> SecretScalar {
    SecretScalar::generate(&OsRandom).unwrap()
}

fn setup() -> Setup {
    let (issuer, opener) = (IssuerKey::new(secret()), OpenerKey::new(secret()));
    let group = GroupPublicKey::new(&issuer.public_key(), &opener.public_key()).unwrap();
    let member = MemberSecret::new(secret());
    let credential = issuer.issue(PERIOD, &member.public_point(), &OsRandom).unwrap();
    let signer = Signer::new(&group, PARAMS, &member, &*credential).unwrap();
    let verifier = Verifier::new(group, PARAMS).unwrap();
    Setup { issuer, opener, group, member, signer, verifier }
}

impl Setup {
    fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_SIZE] {
        self.signer.sign_batch(&[message], &OsRandom).unwrap().try_into().unwrap()
    }

    /// A signature whose points are changed before they are hashed.
    fn sign_changed(&self, message: &[u8], change: impl FnOnce(&mut [G1; 7])) -> [u8; SIGNATURE_SIZE] {
        let nonces = self.signer.nonces(message, &OsRandom).unwrap();
        let mut points = self.signer.points(std::slice::from_ref(&nonces))[0];
        change(&mut points);
        let encoded: Vec<_> = points.iter().map(G1::encode).collect();
        self.signer.respond(encoded.as_slice().try_into().unwrap(), message, &nonces)
    }

    /// The kinds of error that single and batch verification find; asserts that they find the same.
    fn verdicts(&self, message: &[u8], signatures: &[[u8; SIGNATURE_SIZE]]) -> Vec<Option<ErrorKind>> {
        let single: Vec<_> = signatures
            .iter()
            .map(|signature| self.verifier.verify(PERIOD, message, signature).err().map(|error| error.kind()))
            .collect();
        let references: Vec<_> = signatures.iter().collect();
        let messages = vec![message; signatures.len()];
        let bad = self.verifier.verify_batch(PERIOD, &messages, &references, &OsRandom).unwrap();
        let mut batch = vec![None; signatures.len()];
        for (position, error) in bad {
            batch[position] = Some(error.kind());
        }
        assert_eq!(single, batch);
        single
    }

    fn open(&self, message: &[u8], signature: &[u8]) -> Result<[u8; 96]> {
        let context = OpeningContext::new(PARAMS, self.group.id(), CASE, CARRIER, message)?;
        self.opener.prove(signature, &context, &OsRandom)
    }
}

/// Points of small order: (0, 2) of order 3, and what projection takes from a point of the whole curve.
fn torsion() -> [G1; 2] {
    let point = |x: u8| {
        let mut bytes = [0; G1_SIZE];
        (bytes[0], bytes[47]) = (0x80, x);
        G1::from_affine(&G1Affine::decode_on_curve(&bytes).unwrap())
    };
    [point(0), point(4) - point(4).project()]
}

/// Adds to the scalar at an offset of a signature.
fn shift(signature: &mut [u8; SIGNATURE_SIZE], offset: usize, by: &Scalar) {
    let bytes = signature[offset..offset + 32].try_into().unwrap();
    let scalar = &Scalar::from_bytes(bytes).unwrap() + by;
    signature[offset..offset + 32].copy_from_slice(&scalar.to_bytes());
}

fn kind<T>(result: Result<T>) -> ErrorKind {
    result.err().unwrap().kind()
}

#[test]
fn signature_verifies_opens_and_is_judged() {
    let setup = setup();
    let signature = setup.sign(b"message");
    assert_eq!(setup.verdicts(b"message", &[signature]), [None]);
    let opening = setup.open(b"message", &signature).unwrap();
    let s_point = judge(&setup.verifier, PERIOD, b"message", &signature, &opening, CASE, CARRIER).unwrap();
    assert_eq!(s_point, setup.member.public_point());
    assert_eq!(setup.opener.open_batch(&signature).unwrap(), s_point);
}

#[test]
fn signature_for_another_message_period_group_or_params_is_refused() {
    let (setup, stranger) = (setup(), setup());
    let signature = setup.sign(b"message");
    let refused =
        |verifier: &Verifier, period: u32, message: &[u8]| kind(verifier.verify(period, message, &signature));
    assert_eq!(refused(&setup.verifier, PERIOD, b"messagE"), ErrorKind::Signature);
    assert_eq!(refused(&setup.verifier, PERIOD + 1, b"message"), ErrorKind::Signature);
    assert_eq!(refused(&stranger.verifier, PERIOD, b"message"), ErrorKind::Signature);
    let other_params = Verifier::new(setup.group, &[0; 32]).unwrap();
    assert_eq!(refused(&other_params, PERIOD, b"message"), ErrorKind::Signature);
    assert_eq!(kind(setup.verifier.verify(PERIOD, b"message", &signature[1..])), ErrorKind::Decoding);
}

#[test]
fn signature_with_any_field_changed_is_refused() {
    let setup = setup();
    let signature = setup.sign(b"message");
    let (another, good) = (setup.sign(b"message"), signature);
    let mut changed = Vec::new();
    for range in
        (0..7).map(|point| point * 48..point * 48 + 48).chain(RESPONSES.map(|start| start..start + 32))
    {
        let mut signature = good;
        signature[range.clone()].copy_from_slice(&another[range]);
        changed.push(signature);
    }
    assert_eq!(setup.verdicts(b"message", &changed), [Some(ErrorKind::Signature); 11]);
    let mut malformed = Vec::new();
    for point in 0..7 {
        let mut signature = good;
        signature[point * 48..][..48].copy_from_slice(&[[0xc0].as_slice(), &[0; 47]].concat());
        malformed.push(signature);
    }
    assert_eq!(setup.verdicts(b"message", &malformed), [Some(ErrorKind::Point); 7]);
    let mut out_of_range = Vec::new();
    for start in RESPONSES {
        let mut signature = good;
        signature[start..start + 32].fill(0xff);
        out_of_range.push(signature);
    }
    assert_eq!(setup.verdicts(b"message", &out_of_range), [Some(ErrorKind::Scalar); 4]);
}

#[test]
fn batch_names_one_bad_signature_among_many_and_takes_repeated_ones() {
    let setup = setup();
    let mut signatures = vec![setup.sign(b"message"); 40];
    signatures.extend((0..20).map(|_| setup.sign(b"message")));
    shift(&mut signatures[17], RESPONSES[0], &Scalar::from_u128(1));
    let verdicts = setup.verdicts(b"message", &signatures);
    let bad: Vec<_> = (0..60).filter(|position| verdicts[*position].is_some()).collect();
    assert_eq!(bad, [17]);
}

#[test]
fn errors_that_cancel_under_equal_weights_are_refused() {
    let setup = setup();
    let one = Scalar::from_u128(1);
    // Across two signatures: zk + 1 and zk − 1.
    let mut pair = [setup.sign(b"message"), setup.sign(b"message")];
    shift(&mut pair[0], RESPONSES[3], &one);
    shift(&mut pair[1], RESPONSES[3], &-&one);
    assert_eq!(setup.verdicts(b"message", &pair), [Some(ErrorKind::Signature); 2]);
    // Across the first and third equation of one signature: −zs·h and zs·h.
    let mut pair = [setup.sign(b"message"), setup.sign(b"message")];
    shift(&mut pair[0], RESPONSES[2], &one);
    assert_eq!(setup.verdicts(b"message", &pair), [Some(ErrorKind::Signature), None]);
}

#[test]
fn every_equation_is_checked_by_itself() {
    let setup = setup();
    // Hashed as they are, changed E1 and R2 fail only the second equation, E2 and R3 the third, R1 the first.
    for index in 0..7 {
        let forged = setup.sign_changed(b"message", |points| points[index] = points[index] + G1::generator());
        let verdicts = setup.verdicts(b"message", &[forged, setup.sign(b"message")]);
        assert_eq!(verdicts, [Some(ErrorKind::Signature), None], "point {index}");
    }
}

#[test]
fn signature_with_another_issuers_credential_fails_the_pairing_equation() {
    let setup = setup();
    let stranger = IssuerKey::new(secret());
    let other_group = GroupPublicKey::new(&stranger.public_key(), &setup.opener.public_key()).unwrap();
    let credential = stranger.issue(PERIOD, &setup.member.public_point(), &OsRandom).unwrap();
    let mut forger = Signer::new(&other_group, PARAMS, &setup.member, &*credential).unwrap();
    // All that tells this signature from a good one is that its A is not under w.
    forger.context.gpk_id = *setup.group.id();
    let forged = forger.sign_batch(&[b"message"], &OsRandom).unwrap().try_into().unwrap();
    assert_eq!(
        setup.verdicts(b"message", &[forged, setup.sign(b"message")]),
        [Some(ErrorKind::Signature), None]
    );
}

/// A signature with s = 0, on a credential that no honest issuer gives.
fn sign_without_secret(setup: &Setup, message: &[u8]) -> [u8; SIGNATURE_SIZE] {
    let [e, r, k, blind_t, blind_e, blind_s, blind_k] = core::array::from_fn(|_| secret().scalar().clone());
    let bases = Bases::new();
    let (c_point, y) = (bases.period_point(PERIOD), G1::from_affine(&setup.group.y));
    let gamma = SecretScalar::from_bytes(&*setup.issuer.secret_bytes()).unwrap();
    let a1 = c_point * &(gamma.scalar() + &e).invert() * &r;
    let a_bar = c_point * &r - a1 * &e;
    let masked = bases.h * &blind_s;
    let points = [
        a1,
        a_bar,
        bases.g * &k,
        y * &k,
        a_bar * &blind_t + a1 * &blind_e - masked,
        bases.g * &blind_k,
        masked + y * &blind_k,
    ];
    let encoded = points.map(|point| point.encode());
    let challenge = setup.signer.context().challenge(&encoded, message).scalar();
    let t = r.invert();
    let mut signature = [0; SIGNATURE_SIZE];
    signature[..336].copy_from_slice(encoded.as_flattened());
    let scalars = [
        &blind_t + &(&challenge * &t),
        &blind_e + &(&challenge * &(&e * &t)),
        blind_s,
        &blind_k + &(&challenge * &k),
    ];
    for (offset, scalar) in RESPONSES.into_iter().zip(scalars) {
        signature[offset..offset + 32].copy_from_slice(&scalar.to_bytes());
    }
    signature
}

#[test]
fn signature_without_secret_opens_to_the_identity_which_is_nobodys() {
    let setup = setup();
    let (signature, honest) = (sign_without_secret(&setup, b"message"), setup.sign(b"message"));
    assert_eq!(setup.verdicts(b"message", &[signature]), [None]);
    let (identity, member) = (G1::default().encode(), setup.member.public_point());
    let opened = setup.opener.open_batch(&[honest, signature, honest].concat()).unwrap();
    assert_eq!(opened, [member, identity, member].concat());
    let nobody = [0; 16];
    let context = OpeningContext::new(PARAMS, setup.group.id(), CASE, &nobody, b"message").unwrap();
    let opening = setup.opener.prove(&signature, &context, &OsRandom).unwrap();
    let judged = |signature: &[u8], opening: &[u8], carrier: &[u8]| {
        judge(&setup.verifier, PERIOD, b"message", signature, opening, CASE, carrier)
    };
    assert_eq!(judged(&signature, &opening, &nobody).unwrap(), identity);
    // It is nobody else's, no other bytes are the identity, and no honest signature opens to it.
    let named = setup.open(b"message", &signature).unwrap();
    assert_eq!(kind(judged(&signature, &named, CARRIER)), ErrorKind::Point);
    for byte in [0x40, 0x80, 0xe0] {
        let mut lax = opening;
        lax[0] = byte;
        assert_eq!(kind(judged(&signature, &lax, &nobody)), ErrorKind::Point);
    }
    let mut lax = opening;
    lax[47] = 1;
    assert_eq!(kind(judged(&signature, &lax, &nobody)), ErrorKind::Point);
    assert_eq!(kind(judged(&honest, &opening, &nobody)), ErrorKind::Proof);
}

#[test]
fn opening_for_another_case_carrier_message_or_member_is_refused() {
    let setup = setup();
    let (signature, other) = (setup.sign(b"message"), setup.sign(b"other"));
    let opening = setup.open(b"message", &signature).unwrap();
    let judged = |message: &[u8], signature: &[u8], opening: &[u8], case: &[u8], carrier: &[u8]| {
        kind(judge(&setup.verifier, PERIOD, message, signature, opening, case, carrier))
    };
    assert_eq!(judged(b"message", &signature, &opening, &[0; 32], CARRIER), ErrorKind::Proof);
    assert_eq!(judged(b"message", &signature, &opening, CASE, &[0; 16]), ErrorKind::Proof);
    assert_eq!(judged(b"other", &other, &opening, CASE, CARRIER), ErrorKind::Proof);
    assert_eq!(judged(b"other", &signature, &opening, CASE, CARRIER), ErrorKind::Signature);
    // An innocent member cannot be named.
    let innocent = MemberSecret::new(secret()).public_point();
    let framed = [innocent.as_slice(), &opening[48..]].concat();
    assert_eq!(judged(b"message", &signature, &framed, CASE, CARRIER), ErrorKind::Proof);
    let s_point = G1::from_affine(&input::strict_g1(&opening[..48]).unwrap());
    let marked = [(s_point + torsion()[0]).encode().as_slice(), &opening[48..]].concat();
    assert_eq!(judged(b"message", &signature, &marked, CASE, CARRIER), ErrorKind::Point);
    let out_of_range = [&opening[..64], &[0xff; 32]].concat();
    assert_eq!(judged(b"message", &signature, &out_of_range, CASE, CARRIER), ErrorKind::Scalar);
    assert_eq!(judged(b"message", &signature, &opening[1..], CASE, CARRIER), ErrorKind::Decoding);
    // Another opener's key gives no proof.
    let stranger = OpenerKey::new(secret());
    let context = OpeningContext::new(PARAMS, setup.group.id(), CASE, CARRIER, b"message").unwrap();
    let opening = stranger.prove(&signature, &context, &OsRandom).unwrap();
    assert_eq!(judged(b"message", &signature, &opening, CASE, CARRIER), ErrorKind::Proof);
}

#[test]
fn join_proof_is_bound_to_point_carrier_key_nonce_and_params() {
    let member = MemberSecret::new(secret());
    let context = |params: u8, nonce: &'static [u8], carrier: &'static [u8; 16], key: &'static [u8; 32]| {
        JoinContext::new(if params == 3 { PARAMS } else { &[0; 32] }, nonce, carrier, key).unwrap()
    };
    let own = context(3, b"nonce", &[1; 16], &[2; 32]);
    let (s_point, proof) = (member.public_point(), member.join_proof(&own, &OsRandom).unwrap());
    own.verify(&s_point, &proof).unwrap();
    for copied in [
        context(4, b"nonce", &[1; 16], &[2; 32]),
        context(3, b"other", &[1; 16], &[2; 32]),
        context(3, b"nonce", &[9; 16], &[2; 32]),
        context(3, b"nonce", &[1; 16], &[9; 32]),
    ] {
        assert_eq!(kind(copied.verify(&s_point, &proof)), ErrorKind::Proof);
    }
    assert_eq!(kind(own.verify(&MemberSecret::new(secret()).public_point(), &proof)), ErrorKind::Proof);
    let marked = (G1::from_affine(&input::strict_g1(&s_point).unwrap()) + torsion()[0]).encode();
    assert_eq!(kind(own.verify(&marked, &proof)), ErrorKind::Point);
    assert_eq!(kind(own.verify(&G1::default().encode(), &proof)), ErrorKind::Point);
}

#[test]
fn join_proofs_from_a_stuck_generator_share_no_nonce() {
    let member = MemberSecret::new(secret());
    let s_point = G1::from_affine(&input::strict_g1(&member.public_point()).unwrap());
    let commitment = |nonce: &'static [u8], carrier: &'static [u8; 16]| {
        let context = JoinContext::new(PARAMS, nonce, carrier, &[2; 32]).unwrap();
        let proof = Proof::decode(&member.join_proof(&context, &StuckRandom).unwrap()).unwrap();
        (Bases::new().h * &proof.response - s_point * &proof.challenge.scalar()).encode()
    };
    // Two challenges under one commitment would give s away.
    assert_ne!(commitment(b"one", &[1; 16]), commitment(b"two", &[1; 16]));
    assert_ne!(commitment(b"one", &[1; 16]), commitment(b"one", &[3; 16]));
    assert_eq!(commitment(b"one", &[1; 16]), commitment(b"one", &[1; 16]));
}

#[test]
fn credential_that_is_marked_or_for_somebody_else_is_refused() {
    let setup = setup();
    let s_point = setup.member.public_point();
    let credential = setup.issuer.issue(PERIOD, &s_point, &OsRandom).unwrap();
    Credential::check(&setup.group, &s_point, &*credential).unwrap();
    let check = |bytes: &[u8]| kind(Credential::check(&setup.group, &s_point, bytes));
    // Torsion in A would let the issuer recognise every signature; the pairing equation alone does not see it.
    let a_point = G1::from_affine(&input::strict_g1(&credential[4..52]).unwrap());
    for point_of_small_order in torsion() {
        let marked = (a_point + point_of_small_order).encode();
        let marked = [&credential[..4], &marked, &credential[52..]].concat();
        assert_eq!(check(&marked), ErrorKind::Point);
        assert_eq!(kind(Signer::new(&setup.group, PARAMS, &setup.member, &marked)), ErrorKind::Point);
    }
    let mut period = credential.clone();
    period[3] ^= 1;
    assert_eq!(check(&*period), ErrorKind::Signature);
    let mut e = credential.clone();
    e[83] ^= 1;
    assert_eq!(check(&*e), ErrorKind::Signature);
    e[52..].fill(0xff);
    assert_eq!(check(&*e), ErrorKind::Scalar);
    assert_eq!(check(&credential[..83]), ErrorKind::Decoding);
    let other = MemberSecret::new(secret()).public_point();
    assert_eq!(kind(Credential::check(&setup.group, &other, &*credential)), ErrorKind::Signature);
    assert_eq!(kind(setup.issuer.issue(PERIOD, &G1::default().encode(), &OsRandom)), ErrorKind::Point);
}

#[test]
fn signatures_from_a_stuck_generator_share_no_point() {
    let setup = setup();
    let sign = |message: &[u8]| setup.signer.sign_batch(&[message], &StuckRandom).unwrap();
    let (first, second) = (sign(b"one"), sign(b"two"));
    assert!((0..7).all(|point| first[point * 48..][..48] != second[point * 48..][..48]));
    assert_eq!(first, sign(b"one"));
    // R2 comes from the nonce alone: with another member's secret it is another one.
    let other = self::setup().signer.sign_batch(&[b"one"], &StuckRandom).unwrap();
    assert_ne!(first[240..288], other[240..288]);
}

#[test]
fn openings_and_credentials_from_a_stuck_generator_share_no_nonce() {
    let setup = setup();
    let (signature, other) = (setup.sign(b"message"), setup.sign(b"message"));
    let commitment = |signature: &[u8], case: &[u8], carrier: &[u8]| {
        let context = OpeningContext::new(PARAMS, setup.group.id(), case, carrier, b"message").unwrap();
        let opening = setup.opener.prove(signature, &context, &StuckRandom).unwrap();
        let proof = Proof::decode(&opening[48..]).unwrap();
        let public = G1::from_affine(&setup.group.y);
        (Bases::new().g * &proof.response - public * &proof.challenge.scalar()).encode()
    };
    let first = commitment(&signature, CASE, CARRIER);
    // Two challenges under one commitment would give ξ away.
    assert_ne!(first, commitment(&other, CASE, CARRIER));
    assert_ne!(first, commitment(&signature, &[0; 32], CARRIER));
    assert_ne!(first, commitment(&signature, CASE, &[0; 16]));
    let e = |member: &MemberSecret| {
        setup.issuer.issue(PERIOD, &member.public_point(), &StuckRandom).unwrap()[52..].to_vec()
    };
    assert_ne!(e(&setup.member), e(&MemberSecret::new(secret())));
}

#[test]
fn group_key_with_a_lax_point_is_refused() {
    let setup = setup();
    let y = (G1::from_affine(&setup.group.y) + torsion()[0]).encode();
    assert_eq!(kind(GroupPublicKey::new(&setup.group.w.encode(), &y)), ErrorKind::Point);
    assert_eq!(kind(GroupPublicKey::new(&[0; 96], &setup.group.y.encode())), ErrorKind::Point);
    assert_eq!(setup.group.to_bytes()[96..], setup.group.y.encode());
}

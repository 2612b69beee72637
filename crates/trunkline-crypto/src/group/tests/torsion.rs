//! Points outside the subgroup: added torsion is no fault, a first point of small order is.

use super::*;

#[test]
fn torsion_in_any_point_is_accepted_alike_and_still_opens() {
    let setup = setup();
    for point_of_small_order in torsion() {
        let marked: Vec<_> = (0..7)
            .map(|index| {
                setup.sign_changed(b"message", |points| points[index] = points[index] + point_of_small_order)
            })
            .collect();
        assert_eq!(setup.verdicts(b"message", &marked), [None; 7]);
        for signature in &marked {
            let opening = setup.open(b"message", signature).unwrap();
            let judged =
                judge(&setup.verifier, PERIOD, b"message", signature, &opening, CASE, CARRIER).unwrap();
            assert_eq!(judged, setup.member.public_point());
            assert_eq!(setup.opener.open_batch(signature).unwrap(), judged);
        }
    }
}

/// Points of each prime order that clearing kills, of order 33, and of all of them together.
fn points_of_small_order() -> Vec<G1> {
    // 1 − x, which every point of small order is killed by, and its prime factors.
    const EXPONENT: u64 = 0xd201_0000_0001_0001;
    const PRIMES: [u64; 5] = [3, 11, 10_177, 859_267, 52_437_899];
    assert_eq!(PRIMES.iter().product::<u64>(), EXPONENT);
    let times = |point: G1, factor: u64| {
        (0..64).rev().fold(G1::default(), |sum, bit| {
            let sum = sum.double();
            if factor >> bit & 1 == 1 {
                sum + point
            } else {
                sum
            }
        })
    };
    let on_curve: Vec<G1> = (1..64)
        .filter_map(|x| {
            let mut bytes = [0; G1_SIZE];
            (bytes[0], bytes[47]) = (0x80, x);
            G1Affine::decode_on_curve(&bytes).ok().map(|point| G1::from_affine(&point))
        })
        .collect();
    let of_order = |order: u64| {
        let small = on_curve.iter().map(move |point| times(*point - point.project(), EXPONENT / order));
        let small: Vec<G1> = small.filter(|point| !point.is_identity()).take(3).collect();
        assert!(!small.is_empty(), "order {order}");
        small
    };
    PRIMES.into_iter().chain([33, EXPONENT]).flat_map(of_order).collect()
}

#[test]
fn projection_and_clearing_remove_every_small_order() {
    let other = G1::generator() * &Scalar::from_u128(77);
    for point in points_of_small_order().iter().flat_map(|point| [*point, -*point, point.double()]) {
        assert!(point.project().is_identity());
        assert!(point.clear_cofactor_vartime().is_identity());
        assert!((other + point).project() == other);
    }
}

#[test]
fn first_point_of_small_order_is_refused_even_if_all_equations_hold() {
    let mut setup = setup();
    let [two, three] = [2, 3].map(Scalar::from_u128);
    // With these logarithms somebody without a credential knows an s with S = −C: B is the identity, and so is A.
    let bases = &mut setup.verifier.bases;
    (bases.h, bases.h_p) = (G1::generator() * &two, G1::generator() * &three);
    let (h, g, y) = (bases.h, bases.g, G1::from_affine(&setup.group.y));
    let s = -&(&(&Scalar::from_u128(1) + &(&three * &Scalar::from_u128(PERIOD.into()))) * &two.invert());
    let forge = |a_prime: G1, a_bar: G1| -> [u8; SIGNATURE_SIZE] {
        let [k, blind_s, blind_k] = [(); 3].map(|()| secret().scalar().clone());
        let points = [
            a_prime,
            a_bar,
            g * &k,
            h * &s + y * &k,
            -(h * &blind_s),
            g * &blind_k,
            h * &blind_s + y * &blind_k,
        ]
        .map(|point| point.encode());
        let challenge = setup.signer.context.challenge(&points, b"message").scalar();
        let responses = [
            Scalar::from_u128(5),
            Scalar::from_u128(6),
            &blind_s + &(&challenge * &s),
            &blind_k + &(&challenge * &k),
        ];
        let responses = responses.map(|response| response.to_bytes());
        [points.as_flattened(), responses.as_flattened()].concat().try_into().unwrap()
    };
    let small = points_of_small_order();
    let forged: Vec<_> = small.iter().map(|point| forge(*point, small[0])).collect();
    let refused = vec![Some(ErrorKind::Signature); forged.len()];
    assert_eq!(setup.verdicts(b"message", &forged), refused);
    // And among so many that they are looked at together.
    let many: Vec<_> = forged.iter().cycle().take(130).copied().collect();
    let references: Vec<_> = many.iter().collect();
    let bad = setup
        .verifier
        .verify_batch(PERIOD, &vec![b"message".as_slice(); 130], &references, &OsRandom)
        .unwrap();
    assert_eq!(bad.len(), 130);
    let detail = "the group signature's first point has small order";
    assert!(bad.iter().all(|(_, error)| error.to_string() == detail));
    // Sums of 66 equal terms hide orders that divide 33, so those are looked for in each signature.
    for signature in forged {
        let (messages, copies) = ([b"message".as_slice(); 66], [&signature; 66]);
        if G1Affine::decode_on_curve(signature.first_chunk().unwrap()).unwrap().order_divides_33_vartime() {
            let bad = setup.verifier.verify_batch(PERIOD, &messages, &copies, &StuckRandom).unwrap();
            assert_eq!(bad.len(), 66);
        }
    }
}

#[test]
fn many_signatures_with_torsion_are_accepted_and_a_small_order_among_many_is_named() {
    let setup = setup();
    let mut signatures = vec![setup.sign(b"message"); 70];
    for (target, point) in signatures.iter_mut().zip(points_of_small_order()) {
        *target = setup.sign_changed(b"message", |points| points[0] = points[0] + point);
    }
    assert_eq!(setup.verdicts(b"message", &signatures), [None; 70]);
    for (target, point) in signatures[40..].iter_mut().zip(points_of_small_order()) {
        *target = setup.sign_changed(b"message", |points| points[0] = point);
    }
    let count = points_of_small_order().len();
    let expected: Vec<_> = (0..70)
        .map(|position| (40..40 + count).contains(&position).then_some(ErrorKind::Signature))
        .collect();
    assert_eq!(setup.verdicts(b"message", &signatures), expected);
}

#[test]
fn signature_whose_ephemeral_key_is_only_torsion_opens() {
    let setup = setup();
    for point_of_small_order in torsion() {
        let mut nonces = setup.signer.nonces(b"message", &OsRandom).unwrap();
        nonces.k = Scalar::default();
        let mut points = setup.signer.points(std::slice::from_ref(&nonces))[0];
        // E1 is the identity with k = 0, which no encoding has; torsion hides that from a decoder.
        points[2] = point_of_small_order;
        points[3] = points[3] + point_of_small_order;
        let encoded: Vec<_> = points.iter().map(G1::encode).collect();
        let signature = setup.signer.respond(encoded.as_slice().try_into().unwrap(), b"message", &nonces);
        assert_eq!(setup.verdicts(b"message", &[signature]), [None]);
        let opening = setup.open(b"message", &signature).unwrap();
        let judged = judge(&setup.verifier, PERIOD, b"message", &signature, &opening, CASE, CARRIER);
        assert_eq!(judged.unwrap(), setup.member.public_point());
        let innocent = MemberSecret::new(secret()).public_point();
        let framed = [innocent.as_slice(), &opening[48..]].concat();
        let judged = judge(&setup.verifier, PERIOD, b"message", &signature, &framed, CASE, CARRIER);
        assert_eq!(kind(judged), ErrorKind::Proof);
    }
}

#[test]
fn first_point_of_small_order_is_refused() {
    let setup = setup();
    for point_of_small_order in torsion() {
        let signature = setup.sign_changed(b"message", |points| points[0] = point_of_small_order);
        let error = setup.verifier.verify(PERIOD, b"message", &signature).unwrap_err();
        assert_eq!(error.to_string(), "the group signature's first point has small order");
        assert_eq!(setup.verdicts(b"message", &[signature]), [Some(ErrorKind::Signature)]);
    }
}

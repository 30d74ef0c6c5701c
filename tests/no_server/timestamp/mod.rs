//! Time stamps: answers of openssl's own authority, accepted and refused as `openssl ts -verify` does, or more strictly.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod requests;
mod reports;

use std::collections::BTreeSet;
use std::path::Path;

use pgwitness::storage::timestamp::{StampedTime, TimestampAuthorities, verify};
use proptest::prelude::*;

use crate::support::timestamping::{AuthorityKind, Flaw, TimestampServer, openssl_accepts};

const DATA: &[u8] = b"a report\n";
const FROZEN: &[u8] = include_bytes!("../../../fixtures/reports/format-5/report.json.tsr");

fn trust(root: &Path) -> TimestampAuthorities {
    TimestampAuthorities::read(&[root]).unwrap()
}

fn check(server: &TimestampServer, answer: &[u8]) -> Result<StampedTime, String> {
    verify(answer, DATA, None, Some(&trust(&server.root()))).map_err(|error| error.to_string())
}

#[test]
fn an_answer_with_every_kind_of_key_is_accepted_by_us_and_by_openssl() {
    for kind in AuthorityKind::ALL {
        let server = TimestampServer::new(kind);
        let answer = server.stamp(DATA);
        let stamped = check(&server, &answer).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        assert_eq!((stamped.authority.as_str(), stamped.accuracy_s), ("CN=tsa,O=Test", 2));
        assert!(openssl_accepts(&answer, DATA, &server.root()), "{kind:?}");
    }
}

#[test]
fn a_time_stamp_over_other_bytes_is_refused() {
    let server = TimestampServer::new(AuthorityKind::RSA);
    let answer = server.stamp(b"another report\n");
    assert_eq!(check(&server, &answer).unwrap_err(), "it is over other bytes");
    assert!(!openssl_accepts(&answer, DATA, &server.root()));
}

#[test]
fn a_chain_that_leads_to_another_root_is_refused() {
    let (server, other) = (TimestampServer::new(AuthorityKind::EC), TimestampServer::new(AuthorityKind::EC));
    let answer = server.stamp(DATA);
    let error = verify(&answer, DATA, None, Some(&trust(&other.root()))).unwrap_err().to_string();
    assert!(error.contains("its certificate"), "{error}");
    assert!(!openssl_accepts(&answer, DATA, &other.root()));
    // Without any certificates all else is checked.
    verify(&answer, DATA, None, None).unwrap();
}

#[test]
fn an_authority_whose_certificate_had_expired_is_refused() {
    let server = TimestampServer::with_flaw(AuthorityKind::EC, Flaw::Expired);
    let answer = server.stamp(DATA);
    let error = check(&server, &answer).unwrap_err();
    assert!(error.starts_with("a certificate of its chain had expired by 20"), "{error}");
    assert!(!openssl_accepts(&answer, DATA, &server.root()));
}

#[test]
fn a_certificate_for_other_purposes_makes_no_time_stamps() {
    let honest = TimestampServer::new(AuthorityKind::EC);
    let answer = honest.stamp(DATA);
    for flaw in [Flaw::NotCritical, Flaw::ForServers, Flaw::TwoPurposes, Flaw::SignsCertificates] {
        let server = TimestampServer::with_flaw(AuthorityKind { has_intermediate: false, ..AuthorityKind::EC }, flaw);
        let forged = server.sign_as_cms(&answer);
        let error = check(&server, &forged).unwrap_err();
        let expected = match flaw {
            Flaw::SignsCertificates => "the key of its certificate is not for signatures only",
            _ => "its certificate is not for time stamping only (a critical extended key usage timeStamping)",
        };
        assert_eq!(error, expected, "{flaw:?}");
        assert!(!openssl_accepts(&forged, DATA, &server.root()), "{flaw:?}");
    }
    // The same way of forging, with a certificate that may: it is the certificate that is refused above.
    let able = TimestampServer::new(AuthorityKind { has_intermediate: false, ..AuthorityKind::EC });
    let signed = able.sign_as_cms(&answer);
    check(&able, &signed).unwrap();
    assert!(openssl_accepts(&signed, DATA, &able.root()));
}

#[test]
fn no_changed_byte_changes_what_a_time_stamp_says() {
    for kind in [AuthorityKind::RSA, AuthorityKind::EC] {
        let server = TimestampServer::new(kind);
        let (answer, trusted) = (server.stamp(DATA), trust(&server.root()));
        let stamped = check(&server, &answer).unwrap();
        let mut accepted = BTreeSet::new();
        for position in 0..answer.len() {
            for flip in [1, 2, 4, 8, 16, 32, 64, 128] {
                let mut changed = answer.clone();
                changed[position] ^= flip;
                if let Ok(said) = verify(&changed, DATA, None, Some(&trusted)) {
                    assert_eq!(said, stamped, "byte {position} ^ {flip}");
                    accepted.insert(position);
                }
            }
        }
        // Nothing signs the version of the envelope and its list of hashes, and the status beside the token.
        assert!(accepted.len() < 40, "{kind:?}: {accepted:?}");
    }
}

#[test]
fn a_time_stamp_counts_only_with_the_certificate_for_which_it_was_signed() {
    let server = TimestampServer::new(AuthorityKind::RSA);
    let answer = server.stamp(DATA);
    check(&server, &answer).unwrap();
    let exchanged = server.exchange_certificate(&answer);
    let expected = "it was signed for another certificate (ESSCertID)";
    assert_eq!(check(&server, &exchanged).unwrap_err(), expected);
    assert!(!openssl_accepts(&exchanged, DATA, &server.root()));
    // And one that names none.
    let unnamed = server.sign_as_cms_with(&answer, &[]);
    assert_eq!(check(&server, &unnamed).unwrap_err(), expected);
    assert!(!openssl_accepts(&unnamed, DATA, &server.root()));
}

proptest! {
    #[test]
    fn no_bytes_make_us_panic(bytes: Vec<u8>, position: prop::sample::Index, more: Vec<u8>) {
        drop(verify(&bytes, DATA, None, None));
        let answer = FROZEN;
        let at = position.index(answer.len());
        drop(verify(&[&answer[..at], &more, &answer[at..]].concat(), DATA, None, None));
        drop(verify(&[&answer[..at], &more, &answer[(at + more.len()).min(answer.len())..]].concat(), DATA, None, None));
    }
}

#[test]
fn what_is_cut_off_or_added_is_refused() {
    let server = TimestampServer::new(AuthorityKind::EC);
    let answer = server.stamp(DATA);
    for length in 0..answer.len() {
        check(&server, &answer[..length]).unwrap_err();
    }
    check(&server, &[&answer[..], b"\n"].concat()).unwrap_err();
}

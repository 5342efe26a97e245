//! Public vectors, read from the folder that `JUNCTION_TEST_VECTORS` names: they are not ours to copy.

use std::path::PathBuf;

use data_encoding::HEXLOWER;
use serde_json::Value;

use super::super::*;

/// A file of vectors, unless nothing says where they are.
fn vectors(name: &str) -> Option<Value> {
    let Some(folder) = std::env::var_os("JUNCTION_TEST_VECTORS") else {
        eprintln!("skipped: JUNCTION_TEST_VECTORS does not name the folder with {name}");
        return None;
    };
    let text = std::fs::read_to_string(PathBuf::from(folder).join(name)).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

fn hex(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn key(value: &Value) -> [u8; 32] {
    hex(value).try_into().unwrap()
}

fn secret(bytes: &[u8; 32]) -> Secret {
    Secret::filled(|key| *key = *bytes)
}

/// X25519 in the notation of the vectors; nothing for a shared secret of zero.
fn x25519(scalar: &[u8; 32], u: &[u8; 32]) -> Option<[u8; 32]> {
    agree(&secret(scalar), u).map(|shared| *shared.expose())
}

#[test]
fn x25519_agrees_with_rfc_7748() {
    let Some(file) = vectors("rfc7748-x25519.json") else { return };
    for test in file["single"].as_array().unwrap() {
        assert_eq!(x25519(&key(&test["scalar"]), &key(&test["u"])), Some(key(&test["out"])));
    }
    let dh = &file["dh"];
    for (mine, theirs) in [("alice", "bob"), ("bob", "alice")] {
        let (sk, pk) = (key(&dh[format!("{mine}_sk")]), key(&dh[format!("{mine}_pk")]));
        assert_eq!(public_key(&secret(&sk)), pk);
        assert_eq!(x25519(&sk, &key(&dh[format!("{theirs}_pk")])), Some(key(&dh["shared"])));
    }
}

#[test]
fn x25519_iterated_agrees_with_rfc_7748() {
    let Some(file) = vectors("rfc7748-x25519.json") else { return };
    let iterated = &file["iterated"];
    let mut k = key(&iterated["start_k_and_u"]);
    let mut u = k;
    for round in 1..=1000 {
        (k, u) = (x25519(&k, &u).unwrap(), k);
        if round == 1 {
            assert_eq!(k, key(&iterated["1"]));
        }
    }
    assert_eq!(k, key(&iterated["1000"]));
}

#[test]
fn x25519_agrees_with_wycheproof() {
    let Some(file) = vectors("wycheproof-x25519.json") else { return };
    for test in file["tests"].as_array().unwrap() {
        let shared = Some(key(&test["shared"])).filter(|shared| *shared != [0; 32]);
        let agreed = x25519(&key(&test["private"]), &key(&test["public"]));
        assert_eq!(agreed, shared, "{}", test["tcId"]);
    }
}

#[test]
fn hkdf_agrees_with_wycheproof() {
    let Some(file) = vectors("wycheproof-hkdf-sha256.json") else { return };
    for test in file["tests"].as_array().unwrap() {
        if test["result"] != "valid" {
            // More output than HKDF gives; nothing here asks for it.
            continue;
        }
        let okm_frozen = hex(&test["okm"]);
        let (salt, ikm, info) = (hex(&test["salt"]), hex(&test["ikm"]), hex(&test["info"]));
        let mut okm = vec![0; okm_frozen.len()];
        expand(Some(&salt), &ikm, &info, &mut okm);
        assert_eq!(okm, okm_frozen, "{}", test["tcId"]);
        if okm.len() >= 32 {
            assert_eq!(derive(&salt, &ikm, &info).expose()[..], okm[..32]);
        }
    }
}

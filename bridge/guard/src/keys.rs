//! The forms of keys that people make themselves, with a tool or a library.

use crate::form::Part::Run;
use crate::form::{BASE64, DIGIT, Form, LOWER, OPEN, Set, WORD, form};

/// The alphabet of bech32 in capital letters, <https://github.com/bitcoin/bips/blob/master/bip-0173.mediawiki>.
const BECH32: Set = Set::of("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L");

/// The alphabet of base58, <https://en.bitcoin.it/wiki/Base58Check_encoding>.
const BASE58: Set = Set::of("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz");

/// The alphabet of the keys that Django makes,
/// <https://github.com/django/django/blob/main/django/core/management/utils.py>.
const DJANGO: Set = LOWER.and("!@#$%^&*(-_=+)");

/// The forms of such keys.
pub(crate) const KEYS: &[Form] = &[
    // https://docs.djangoproject.com/en/stable/ref/settings/#secret-key
    form("a secret key", &["django-insecure-"], &[Run(DJANGO, 50, 50)]),
    // https://github.com/bitcoin/bips/blob/master/bip-0032.mediawiki, and its kin of SLIP 132.
    form("a private key", &["xprv", "yprv", "zprv", "tprv"], &[Run(BASE58, 100, 112)]),
    // https://github.com/C2SP/C2SP/blob/main/age.md
    form("an age secret key", &["AGE-SECRET-KEY-1"], &[Run(BECH32, 58, 58)]),
    form("an age secret key", &["AGE-SECRET-KEY-PQ-1"], &[Run(BECH32, 58, OPEN)]),
    // https://the.earth.li/~sgtatham/putty/latest/htmldoc/AppendixC.html
    form(
        "a private key",
        &["Private-Lines: "],
        &[Run(DIGIT, 1, 3), Run(Set::of(" \r\n\\"), 1, 8), Run(BASE64, 40, OPEN)],
    ),
    // https://www.rfc-editor.org/rfc/rfc7517: the private part of a key in JSON.
    form("a private key", &["\"d\":\"", "\"d\": \""], &[Run(WORD, 43, OPEN)]),
    // The base64 of `-----BEGIN … PRIVATE KEY`, as in the secrets and configurations of Kubernetes.
    form(
        "a private key",
        &[
            "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBL",
            "LS0tLS1CRUdJTiBQUklWQVRFIEtF",
            "LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtF",
        ],
        &[Run(BASE64, 60, OPEN)],
    ),
    form("a private key", &["LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUgS0VZ"], &[Run(BASE64, 60, OPEN)]),
];

//! What stands at the border: a secret and what only looks like one, side by side.

use data_encoding::BASE64URL_NOPAD;

use crate::dice::Dice;
use crate::kind;
use crate::passwords::ALNUM;

/// A password as a generator makes it.
fn password() -> String {
    Dice::new(11).draw("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", 20)
}

/// A key of 32 bytes in hex.
fn hex_key() -> String {
    Dice::new(5).draw("0123456789abcdef", 64)
}

#[test]
fn a_password_in_a_url_is_found_and_a_stand_in_is_not() {
    let real = password();
    for scheme in ["postgres", "mysql", "mongodb+srv", "redis", "amqps"] {
        let text = format!("see {scheme}://app:{real}@db.acme.internal/x for it");
        assert_eq!(kind(&text), Some("a connection string with a password"), "{text}");
    }
    assert_eq!(
        kind(&format!("https://ci:{real}@git.acme.internal/a.git")),
        Some("a URL with a password")
    );
    for stand_in in [
        "password",
        "pass",
        "secret",
        "changeme",
        "xxx",
        "xxxxxxxx",
        "***",
        "$DB_PASSWORD",
        "${PASSWORD}",
        "<password>",
        "{password}",
        "{{ password }}",
        "%s",
        "%(password)s",
        "password123",
        "s3cret",
        "p4ssw0rd",
        "12345678",
        "app",
        "...",
        "your_password",
        "S3cretP4ss",
        "DB_PASS",
        "",
    ] {
        let text = format!("postgres://app:{stand_in}@db.acme.internal/orders");
        assert_eq!(kind(&text), None, "{text}");
    }
    for host in ["db.example", "db.test:5432", "host.invalid"] {
        assert_eq!(kind(&format!("postgres://app:{real}@{host}/orders")), None, "{host}");
    }
    for text in [
        "https://medium.com/@ada/a:b@2x.png",
        "http://host:8080/a@b",
        "git+ssh://git@github.com/a/b",
        "a://:@",
    ] {
        assert_eq!(kind(text), None, "{text}");
    }
}

#[test]
fn a_random_value_with_the_name_of_a_secret_is_found() {
    let (key, word) = (hex_key(), password());
    for text in [
        format!("API_KEY={key}"),
        format!("export HUB_SECRET_KEY=\"{key}\""),
        format!("\"client_secret\": \"{word}\","),
        format!("\"client_secret\\\": \\\"{word}\\\""),
        format!("const apiKey: string = '{word}';"),
        format!("password: {word}"),
        format!("- **Password:** `{word}`"),
        format!("The password is {word}, keep it."),
        format!("the API key is {key}"),
        format!("<password>{word}</password>"),
        format!("hubctl login --api-key {key} URL"),
        format!("X-Auth-Token: {key}"),
        format!("Authorization: Bearer {word}"),
        format!("jdbc:postgresql://db/app?user=app&password={word}&ssl=true"),
        format!("secret_key_base: {key}"),
        format!("token := \"{word}\""),
        format!("'api_key' => '{word}'"),
        format!("env[\"API_TOKEN\"] = \"{word}\""),
        format!("curl -s -u ada:{word}! https://hub.internal/v1"),
        format!("curl --user 'ada:{word}' https://hub.internal/v1"),
    ] {
        assert!(kind(&text).is_some(), "{text}");
    }
}

#[test]
fn a_random_value_with_another_name_is_let_through() {
    let (key, word) = (hex_key(), password());
    for text in [
        format!("sha256: {key}"),
        format!("next_token: \"{word}\""),
        format!("cache_key={key}"),
        format!("public_key: {key}"),
        format!("key: {key}"),
        format!("password_hash: {key}"),
        format!("checksum/secret: {key}"),
        format!("commit {key} is the last good one"),
        format!("token = \"sha256-{key}\""),
        format!("secret = vault:{word}"),
        format!("if token == \"{word}\" {{"),
        format!("token::{word}"),
    ] {
        assert_eq!(kind(&text), None, "{text}");
    }
}

#[test]
fn a_private_key_is_found_and_its_label_is_not() {
    let line =
        Dice::new(9).draw("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 64);
    for label in ["", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED "] {
        let begin = format!("-----BEGIN {label}PRIVATE KEY-----");
        for text in [
            format!("{begin}\n{line}\n{line}"),
            format!("{begin}\\n{line}\\n"),
            format!("  {begin}\r\n  {line}"),
            format!("+{begin}\n+{line}"),
            format!("{begin} {line} -----END"),
            format!("{begin}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n{line}"),
        ] {
            assert_eq!(kind(&text), Some("a private key"), "{text}");
        }
        assert_eq!(
            kind(&format!("The file starts with {begin}, the commit is {}.", hex_key())),
            None
        );
        assert_eq!(kind(&format!("{begin}\n...\n-----END")), None);
        assert_eq!(kind(&format!("{begin} here, and ssh-ed25519 {line} there")), None);
    }
    assert_eq!(kind(&format!("-----BEGIN PUBLIC KEY-----\n{line}")), None);
    assert_eq!(kind(&format!("-----BEGIN CERTIFICATE-----\n{line}")), None);
}

#[test]
fn a_token_is_found_where_it_starts_a_word() {
    let body =
        Dice::new(2).draw("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 36);
    for text in [
        format!("ghp_{body}"),
        format!("(ghp_{body})"),
        format!("a\\nghp_{body}"),
        format!("token%3Dghp_{body}"),
        format!("\n-ghp_{body}"),
        format!("https://ghp_{body}@github.com/a/b"),
        format!("…ghp_{body}…"),
    ] {
        assert_eq!(kind(&text), Some("a GitHub token"), "{text}");
    }
    for text in [
        format!("aghp_{body}"),
        format!("ghp_{}", &body[1..]),
        "ghp_".to_owned(),
        format!("ghp_{}", "x".repeat(36)),
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789".to_owned(),
        "AKIAIOSFODNN7EXAMPLE".to_owned(),
    ] {
        assert_eq!(kind(&text), None, "{text}");
    }
}

#[test]
fn an_invisible_character_hides_no_token() {
    let body = Dice::new(8).draw(ALNUM, 36);
    for hidden in ["\u{200b}", "\u{ad}", "\u{2060}", "\u{feff}", "\u{200d}"] {
        let (left, right) = body.split_at(17);
        for text in [
            format!("ghp_{left}{hidden}{right}"),
            format!("g{hidden}hp_{body}"),
            format!("see ghp{hidden}_{left}{hidden}{right}, caf\u{e9}"),
            // Where it is not in the token, it stands before a word.
            format!("x{hidden}ghp_{body}"),
        ] {
            assert_eq!(kind(&text), Some("a GitHub token"), "{text:?}");
        }
        assert_eq!(kind(&format!("gh{hidden}p_, {hidden}caf\u{e9}{hidden}")), None);
        // Texts are looked at in blocks: at each place of one, it is seen.
        for before in 200..280 {
            let text = format!("{}ghp_{hidden}{body}", " ".repeat(before));
            assert_eq!(kind(&text), Some("a GitHub token"), "{text:?}");
        }
    }
}

#[test]
fn the_token_of_a_bot_is_found_for_every_length_of_its_number() {
    let mut dice = Dice::new(21);
    let word = format!("{ALNUM}_-");
    for (digits, last) in [(17, 27), (18, 27), (18, 38), (19, 38)] {
        for first in 1..=9 {
            let number = format!("{first}{}", dice.draw("0123456789", digits - 1));
            let token = format!(
                "{}.{}.{}",
                BASE64URL_NOPAD.encode(number.as_bytes()),
                dice.draw(&word, 6),
                dice.draw(&word, last)
            );
            assert_eq!(kind(&format!("bot: {token}")), Some("a Discord bot token"), "{token}");
        }
    }
}

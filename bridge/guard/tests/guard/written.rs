//! Ways in which tools, statements and people write a secret down.

use data_encoding::BASE64;

use crate::dice::Dice;
use crate::kind;
use crate::passwords::ALNUM;

/// How many secrets are drawn for one line of text.
const DRAWN: usize = 100;

/// How many of `DRAWN` random secrets of `length` are missed where they fill the `{}` of `frame`.
fn missed(frame: &str, set: &str, length: usize) -> usize {
    let mut dice = Dice::new(31);
    (0..DRAWN).filter(|_| kind(&frame.replace("{}", &dice.draw(set, length))).is_none()).count()
}

#[test]
fn tokens_of_providers_are_found_where_their_tools_keep_them() {
    let word = format!("{ALNUM}_-");
    let hex = "0123456789abcdef";
    let base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    for (frame, set, length) in [
        ("https://api.telegram.org/bot8204571936:AA{}/getMe", &*word, 33),
        ("https://api.telegram.org/bot123456789:AA{}/getMe", &word, 33),
        ("https://discord.com/api/webhooks/123456789012345678/{}", &word, 68),
        ("https://discord.com/api/webhooks/1284019573920184756/{}", &word, 68),
        ("https://ptb.discord.com/api/webhooks/1284019573920184756/{}", &word, 68),
        ("https://discord.com/api/v10/webhooks/1284019573920184756/{}", &word, 68),
        ("//registry.npmjs.org/:_authToken=npm_{}", ALNUM, 36),
        ("//registry.npmjs.org/:_authToken={}-4c1e-4b7a-9d02-7f3a91c5d8e6", hex, 8),
        ("NVIDIA: nvapi-{}", &word, 64),
        ("tvly-{}", ALNUM, 32),
        ("tvly-dev-{}", ALNUM, 32),
        ("phx_{}", ALNUM, 43),
        ("the refresh token 1//0{}", &word, 99),
        ("xprv9s21ZrQH143K{}", base58, 96),
    ] {
        let missed = missed(frame, set, length);
        assert!(missed * 20 <= DRAWN, "{missed} of {DRAWN} missed in {frame}");
    }
}

#[test]
fn a_login_in_base64_is_found_by_what_it_says() {
    let mut dice = Dice::new(4);
    for frame in [
        "//npm.acme.internal/:_auth={}",
        "_auth = {}",
        r#"{"auths":{"ghcr.io":{"auth":"{}"}}}"#,
        "\"https://index.docker.io/v1/\": {\n  \"auth\": \"{}\"\n}",
        r#"config.json: {\"auths\":{\"ghcr.io\":{\"auth\":\"{}\"}}}"#,
    ] {
        let encoded = || BASE64.encode(format!("ci-bot:{}", dice.draw(ALNUM, 14)).as_bytes());
        let missed = std::iter::repeat_with(encoded)
            .take(DRAWN)
            .filter(|login| kind(&frame.replace("{}", login)).is_none())
            .count();
        assert!(missed * 10 <= DRAWN, "{missed} of {DRAWN} missed in {frame}");
        for login in ["user:pass", "user:password", "user", "admin:changeme", "AWS:$PASSWORD1"] {
            let text = frame.replace("{}", &BASE64.encode(login.as_bytes()));
            assert_eq!(kind(&text), None, "{login}");
        }
    }
    for password in ["hunter2-Kelp", "kX93mmQz01", "Summer2031!"] {
        let text = format!("_password={}", BASE64.encode(password.as_bytes()));
        assert_eq!(kind(&text), Some("a password"), "{text}");
    }
}

#[test]
fn secrets_with_names_of_their_own_are_found() {
    let django = "abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)";
    for (frame, set, length) in [
        ("SECRET_KEY = \"django-insecure-{}\"", django, 50),
        ("SECRET_KEY = 'django-insecure-{}'", django, 50),
        ("DEPLOY_KEY={}", ALNUM, 30),
        ("JWT_SECRET={}", ALNUM, 12),
        ("  psk=\"{}\"", ALNUM, 14),
        ("psk={}", "0123456789abcdef", 64),
        ("SSHPASS={}", ALNUM, 14),
        ("MYSQL_PWD={}", ALNUM, 14),
    ] {
        let missed = missed(frame, set, length);
        assert!(missed * 4 <= DRAWN, "{missed} of {DRAWN} missed in {frame}");
    }
    // Without the beginning, the key has nothing but its name.
    let missed = missed("SECRET_KEY = \"{}\"", django, 50);
    assert!(missed * 2 <= DRAWN, "{missed} of {DRAWN} missed");
}

#[test]
fn the_password_of_a_command_or_a_statement_is_found() {
    for frame in [
        "requirepass {}",
        "bind 0.0.0.0\nrequirepass \"{}\"\nport 6379",
        "redis-server --requirepass {}",
        "CREATE USER app@'%' IDENTIFIED BY '{}';",
        "create user app identified by '{}';",
        "CREATE USER app IDENTIFIED WITH mysql_native_password BY '{}';",
        "CREATE ROLE app WITH LOGIN PASSWORD '{}';",
        "psql -c \"ALTER USER app WITH ENCRYPTED PASSWORD '{}'\"",
        "alter role app with password '{}';",
        "mysql -uroot -p{} app < dump.sql",
        "docker exec db mysqldump -h db -u root -p'{}' app",
        "mariadb-admin -p{} ping",
        "sshpass -p {} ssh ada@host",
        "sshpass -p '{}' ssh ada@host",
        "sshpass -p{} ssh ada@host",
        "machine git.acme.internal login ada password {}",
        "machine git.acme.internal\n  login ada\n  password {}\n",
    ] {
        let missed = missed(frame, ALNUM, 14);
        assert!(missed * 5 <= DRAWN, "{missed} of {DRAWN} missed in {frame}");
    }
    for text in ["alter user app identified by 'Summer2031!'", "mysql -uroot -p'kelp#Ridge7' app"] {
        assert_eq!(kind(text), Some("a password"), "{text}");
    }
}

#[test]
fn a_secret_is_found_behind_is_below_its_name_and_behind_a_wide_colon() {
    for (frame, length) in [
        ("The DB password is: {}", 14),
        ("the new password is: `{}`, please change it", 14),
        ("The API key is: {}", 32),
        ("token:\n{}", 32),
        ("Here is the token:\n\n{}\n\nIt is valid for a day.", 32),
        ("Token:\r\n  {}\r\n", 32),
        ("**API key:**\n```\n{}\n```", 32),
        ("API key:\n```text\n{}\n```", 32),
        ("password:\n  {}\n", 14),
        ("password：{}", 14),
        ("Password： {}。", 14),
        ("API key：{}", 32),
        ("token＝{}", 32),
    ] {
        let missed = missed(frame, ALNUM, length);
        assert!(missed * 5 <= DRAWN, "{missed} of {DRAWN} missed in {frame}");
    }
}

#[test]
fn a_password_for_a_host_of_documentation_is_one_in_every_url() {
    for scheme in ["https", "ftp", "postgres"] {
        let text = format!("{scheme}://ann:kX93mmQz01@git.example.com/x.git");
        assert!(kind(&text).is_some(), "{text}");
        for login in ["user:pass", "user:password", "user:pass1", "ann:<password>", "ann:$PW1"] {
            let text = format!("{scheme}://{login}@git.example.com/x.git");
            assert_eq!(kind(&text), None, "{text}");
        }
    }
}

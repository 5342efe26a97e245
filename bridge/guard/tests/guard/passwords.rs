//! Passwords and how they are written, with stand-ins for them side by side.

use crate::dice::Dice;
use crate::kind;

/// The letters and digits of a generator of passwords.
pub(crate) const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// How many passwords are drawn for one line of text.
const DRAWN: usize = 200;

/// Passwords of 14 characters that each are letters and digits.
fn short() -> impl Iterator<Item = String> {
    let mut dice = Dice::new(14);
    (0..DRAWN).map(move |_| dice.draw(ALNUM, 14))
}

/// How many of the passwords of `drawn` are missed where they fill the `{}` of `frame`.
fn missed(frame: &str, drawn: impl Iterator<Item = String>) -> usize {
    drawn.filter(|password| kind(&frame.replace("{}", password)).is_none()).count()
}

#[test]
fn most_short_random_passwords_are_found_by_their_name() {
    for frame in [
        "password: {}",
        "Password: `{}`",
        "the login is ada, password: {}. Please change it.",
        "PGPASSWORD={}",
        "export PGPASSWORD={}; psql -h db app",
        "PGPASSWORD='{}' psql",
        "MYSQL_PWD={} mysqldump app",
        "DB_PASS={}\nDB_HOST=db",
        "psql \"host=db user=app password={} dbname=app\"",
        "The password is {}.",
        "curl -u admin:{} https://hub.internal",
        "curl --user admin:{} https://hub.internal",
        "curl -uadmin:{} https://hub.internal",
        "curl -sSu \"admin:{}\" https://hub.internal",
    ] {
        let missed = missed(frame, short());
        assert!(missed * 5 <= DRAWN, "{missed} of {DRAWN} missed in {frame}");
    }
}

#[test]
fn the_password_of_a_connection_string_is_found() {
    for frame in [
        "jdbc:postgresql://db/app?user=u&password={}",
        "jdbc:sqlserver://db:1433;databaseName=app;user=sa;password={};encrypt=true",
        "Server=db;Database=app;User Id=sa;Password={};",
        "Server=tcp:db.acme.internal,1433;Initial Catalog=app;Uid=sa;Pwd={};Encrypt=True",
        "Data Source=db;User ID=sa; Password = {}",
        "\"ConnectionStrings\": { \"Main\": \"Host=db;Username=app;Password={}\" }",
        "postgres://app:{}@db.internal",
        "postgresql://admin:{}@prod.example.com/app",
        "redis://:{}@cache.internal:6379/0",
        "mongodb+srv://app:{}@cluster0.mongodb.net",
    ] {
        // A `&` ends a pair in some of these.
        for password in ["p4ssW0rdX9", "hunter2", "Xy7Kp2", "tr0ub4dor&3", "correct-horse-9"] {
            let cut = password.contains('&') && frame.contains("assword=");
            assert!(cut || kind(&frame.replace("{}", password)).is_some(), "{frame} {password}");
        }
        let missed = missed(frame, short());
        assert!(missed * 10 <= DRAWN, "{missed} of {DRAWN} missed in {frame}");
    }
}

#[test]
fn most_passwords_with_signs_are_found() {
    // The signs of a generator of passwords, those that end a value elsewhere among them.
    let mut dice = Dice::new(5);
    let set = format!("{ALNUM}{ALNUM}!#$%^&*+?@~-_=.,;");
    let signs: Vec<String> = (0..DRAWN).map(|_| dice.draw(&set, 14)).collect();
    for frame in ["password: {}", "\"password\": \"{}\"", "DB_PASSWORD='{}'", "PGPASSWORD={}"] {
        let missed = missed(frame, signs.iter().cloned());
        assert!(missed * 4 <= DRAWN, "{missed} of {DRAWN} missed in {frame}");
    }
}

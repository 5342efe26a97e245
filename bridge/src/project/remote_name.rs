//! The address of a remote as a name that is the same for everybody who works with it, however they reach it.

/// The longest name, in bytes.
const MAX_NAME: usize = 1024;

/// What the address of a remote names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RemoteName {
    /// A repository on another machine: host and path, without credentials and port, in lower case.
    Elsewhere(String),
    /// A directory of this machine.
    Directory(String),
}

impl RemoteName {
    /// What an address names, in any form that git takes; `None` if it names nothing.
    pub(super) fn of(address: &str) -> Option<Self> {
        let address = address.trim();
        if let Some((scheme, rest)) = address.split_once("://") {
            let rest = rest.split(['?', '#']).next().unwrap_or_default();
            if scheme.eq_ignore_ascii_case("file") {
                let path = rest.strip_prefix("localhost").unwrap_or(rest);
                return path.starts_with('/').then(|| Self::Directory(path.to_owned()));
            }
            let (authority, path) = rest.split_once('/')?;
            return elsewhere(authority, path, true);
        }
        // As git reads it: a colon before the first slash ends a host. A single letter is a drive of Windows.
        let host = address.split(['/', '\\']).next().unwrap_or_default();
        let colon = match host.rfind(']') {
            Some(bracket) => host[bracket..].find(':').map(|at| bracket + at),
            None => host.find(':'),
        };
        match colon {
            Some(at) if at != 1 => {
                let path = address[at + 1..].split(['?', '#']).next().unwrap_or_default();
                elsewhere(&address[..at], path, false)
            }
            _ => (!address.is_empty()).then(|| Self::Directory(address.to_owned())),
        }
    }
}

fn elsewhere(authority: &str, path: &str, has_port: bool) -> Option<RemoteName> {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None if has_port => host.split(':').next().unwrap_or_default(),
        None => host,
    };
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let segments: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let name = format!("{host}/{}", segments.join("/")).to_lowercase();
    let is_name = !host.is_empty() && !segments.is_empty() && name.len() <= MAX_NAME;
    is_name.then_some(RemoteName::Elsewhere(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(address: &str) -> Option<String> {
        match RemoteName::of(address)? {
            RemoteName::Elsewhere(name) => Some(name),
            RemoteName::Directory(path) => Some(format!("directory {path}")),
        }
    }

    #[test]
    fn one_repository_has_one_name_however_it_is_reached() {
        for address in [
            "git@host:a/b.git",
            "host:a/b",
            "git@host:/a/b.git",
            "ssh://git@host:22/a/b",
            "ssh://host/a/b.git/",
            "git+ssh://git@HOST/a/b",
            "https://user:token@host/a/b.git/",
            "https://user:p@ss@host:8443/A/B",
            "http://host//a//b/",
            " git://host/a/b.git ",
            "https://host/a/b?token=secret#x",
        ] {
            assert_eq!(name(address).as_deref(), Some("host/a/b"), "{address}");
        }
        assert_eq!(name("[::1]:a/b").as_deref(), Some("::1/a/b"));
        assert_eq!(name("ssh://git@[fe80::1]:22/a").as_deref(), Some("fe80::1/a"));
        assert_eq!(name("ssh://host/~bob/x.git").as_deref(), Some("host/~bob/x"));
    }

    #[test]
    fn directories_are_known_as_such() {
        for (address, path) in [
            ("/srv/git/a.git", "/srv/git/a.git"),
            ("../a", "../a"),
            ("./x:y", "./x:y"),
            ("a.git", "a.git"),
            ("C:\\src\\a", "C:\\src\\a"),
            ("c:/src/a", "c:/src/a"),
            ("file:///srv/a", "/srv/a"),
            ("file://localhost/srv/a", "/srv/a"),
        ] {
            assert_eq!(name(address), Some(format!("directory {path}")), "{address}");
        }
    }

    #[test]
    fn address_that_names_nothing_has_no_name() {
        let long = format!("https://host/{}", "x".repeat(2000));
        for address in [
            "",
            " ",
            "https://",
            "https://host",
            "https://host/",
            "host:",
            "https:///a",
            "file://x",
            &long,
        ] {
            assert_eq!(name(address), None, "{address}");
        }
    }

    proptest! {
        #[test]
        fn credentials_are_in_no_name(user in "[a-z]{1,8}", token in "[A-Za-z0-9:@_-]{4,20}", host in "h[a-z]{2,8}") {
            let name = name(&format!("https://{user}:{token}@{host}/a/b.git"));
            prop_assert_eq!(name, Some(format!("{host}/a/b")));
        }

        #[test]
        fn any_address_is_read_without_a_panic(address: String) {
            let _ = RemoteName::of(&address);
        }
    }
}

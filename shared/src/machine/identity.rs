//! The identity of this machine's hub. The first process that needs it, bridge or hub, creates it once.
//!
//! Creating it means drawing a join secret J and a TLS key, storing J in the link named `local` and the part of it that
//! a hub may know in `hub.key`, and wiping J. A running hub reads `hub.key` alone, so it never holds J.

use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};
use toml_edit::Document;

use crate::invite_link::InviteLink;
use crate::machine::config_dir::{ConfigDir, ConfigError, write_new_private};
use crate::machine::hosts::{HostEntry, HostsFile, LOCAL, set_link_locked};
use crate::protocol::crypto::{STACK, derive};
use crate::protocol::handshake::{GroupKeys, NO_PIN, Pin};
use crate::protocol::id::GroupId;
use crate::protocol::limits;
use crate::secret::Secret;

/// The file's name in the configuration directory.
pub const KEY_FILE: &str = "hub.key";

/// The bytes before the key in the DER form of an Ed25519 SubjectPublicKeyInfo (RFC 8410 §4).
const SPKI_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Characters of base64url for 32 bytes.
const KEY_TEXT: usize = 43;
/// Characters of base64url for the 16 bytes of a group's id.
const GROUP_TEXT: usize = 22;

/// The keys that a hub keeps across restarts. They cannot open a message.
pub struct HubKey {
    /// The seed of the hub's TLS key (Ed25519, RFC 8032).
    pub tls_key: Secret,
    /// Verifies and proves membership of the group.
    pub auth: Secret,
    /// The group's public id. Files of earlier versions do not have it.
    pub group: Option<GroupId>,
}

impl HubKey {
    /// Loads the hub's keys, if they exist.
    ///
    /// # Errors
    /// [`ConfigError`] if the file is not private to this user, cannot be read, or does not hold two keys.
    pub fn load(dir: &ConfigDir) -> Result<Option<Self>, ConfigError> {
        let Some(text) = dir.read_private(KEY_FILE)? else { return Ok(None) };
        match Self::parse(&text) {
            Some(key) => Ok(Some(key)),
            None => Err(ConfigError::BadKeys(dir.path().join(KEY_FILE))),
        }
    }

    fn of(join_secret: &Secret, tls_key: Secret) -> Self {
        let GroupKeys { auth, group, .. } = GroupKeys::derive(join_secret);
        Self { tls_key, auth, group: Some(group) }
    }

    fn parse(text: &str) -> Option<Self> {
        let document = Document::parse(text).ok()?;
        let key = |name: &str| {
            let text = document.get(name)?.as_str()?.as_bytes();
            let fill = |key: &mut [u8; 32]| match text.len() {
                KEY_TEXT => BASE64URL_NOPAD.decode_mut(text, key).map(|_| ()).map_err(|_| ()),
                _ => Err(()),
            };
            Secret::try_filled(fill).ok()
        };
        let group = match document.get("group") {
            Some(item) => Some(parse_group(item.as_str()?)?),
            None => None,
        };
        Some(Self { tls_key: key("tls_key")?, auth: key("auth")?, group })
    }

    fn save(&self, dir: &ConfigDir) -> Result<(), ConfigError> {
        dir.write_private(KEY_FILE, &self.to_text())
    }

    /// Writes the keys to a new file at this path, for a hub on another machine.
    ///
    /// # Errors
    /// [`ConfigError::Exists`] if the file already exists; another if it cannot be written.
    pub fn save_as(&self, path: &Path) -> Result<(), ConfigError> {
        write_new_private(path, &self.to_text())
    }

    fn to_text(&self) -> String {
        let mut text = String::with_capacity(256);
        text.push_str(
            "# The keys of this machine's hub. Anyone who has them can impersonate it.\n",
        );
        for (name, key) in [("tls_key", &self.tls_key), ("auth", &self.auth)] {
            text.push_str(name);
            text.push_str(" = \"");
            BASE64URL_NOPAD.encode_append(key.expose(), &mut text);
            text.push_str("\"\n");
        }
        if let Some(GroupId(group)) = self.group {
            text.push_str("group = \"");
            BASE64URL_NOPAD.encode_append(&group, &mut text);
            text.push_str("\"\n");
        }
        text
    }

    /// SHA-256 of the hub's public TLS key as a SubjectPublicKeyInfo, as a link holds it.
    #[must_use]
    pub fn pin(&self) -> Pin {
        pin_of(&self.tls_key)
    }

    /// A digest that distinguishes these keys from others and reveals nothing else.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let keys = [self.tls_key.expose(), self.auth.expose()];
        let digest = keys.into_iter().fold(Sha256::new(), Digest::chain_update).finalize().into();
        zeroize::zeroize_stack::<STACK>();
        digest
    }

    /// The key under which this hub issues tickets.
    #[must_use]
    pub fn ticket_key(&self) -> Secret {
        derive(b"agent-junction/1", self.tls_key.expose(), b"ticket")
    }
}

fn parse_group(text: &str) -> Option<GroupId> {
    let mut group = [0; 16];
    let is_sized = text.len() == GROUP_TEXT;
    let is_read = is_sized && BASE64URL_NOPAD.decode_mut(text.as_bytes(), &mut group).is_ok();
    is_read.then_some(GroupId(group))
}

fn pin_of(tls_key: &Secret) -> Pin {
    let public = SigningKey::from_bytes(tls_key.expose()).verifying_key().to_bytes();
    zeroize::zeroize_stack::<STACK>();
    Sha256::new().chain_update(SPKI_PREFIX).chain_update(public).finalize().into()
}

/// Creates whatever is missing of the identity of this machine's hub. Its link names `port`, or the default port for 0.
/// If the hub has keys but their group's link is missing, nothing changes: the hub serves a group from elsewhere.
///
/// # Errors
/// [`ConfigError`] if a file is not private to this user, cannot be read or written, or is malformed.
pub fn ensure(dir: &ConfigDir, port: u16) -> Result<(), ConfigError> {
    dir.open()?;
    if is_whole(dir)? {
        return Ok(());
    }
    let _lock = dir.lock()?;
    // Another process may have created them meanwhile.
    if is_whole(dir)? {
        return Ok(());
    }
    let link = local_link(dir)?.unwrap_or_else(|| fresh_link(port));
    let tls_key = HubKey::load(dir)?.map_or_else(Secret::random, |key| key.tls_key);
    store(dir, link, tls_key)
}

/// Whether the hub has keys that match its link, if the link is there. A rotation that changed only the link was
/// interrupted and has to change both. Keys of earlier versions have no group, which the link adds.
fn is_whole(dir: &ConfigDir) -> Result<bool, ConfigError> {
    let Some(key) = HubKey::load(dir)? else { return Ok(false) };
    let is_half = |link: InviteLink| {
        let group = GroupKeys::derive(&link.secret);
        let is_same = group.auth.expose() == key.auth.expose() && key.group == Some(group.group);
        link.pin == key.pin() && !is_same
    };
    Ok(!local_link(dir)?.is_some_and(is_half))
}

/// Creates a group and the keys for its hub at this address. Only the link holds the group's secret.
#[must_use]
pub fn new_group(host: &str, port: u16) -> (InviteLink, HubKey) {
    let (secret, tls_key) = (Secret::random(), Secret::random());
    let key = HubKey::of(&secret, tls_key);
    (InviteLink { host: host.to_owned(), port, pin: key.pin(), secret }, key)
}

/// Creates a group with its hub on this machine; the pin is not set yet.
fn fresh_link(port: u16) -> InviteLink {
    // A link names one port, so "any" becomes the default.
    let port = if port == 0 { limits::PORT } else { port };
    InviteLink { host: "127.0.0.1".to_owned(), port, pin: NO_PIN, secret: Secret::random() }
}

/// Stores a hub's identity: its TLS key, and its group's link with the key's pin. The caller holds the lock.
fn store(dir: &ConfigDir, mut link: InviteLink, tls_key: Secret) -> Result<(), ConfigError> {
    let key = HubKey::of(&link.secret, tls_key);
    link.pin = key.pin();
    // The link first: the next start completes a link without keys, but not keys without a link.
    set_link_locked(dir, LOCAL, &link)?;
    key.save(dir)
}

fn local_link(dir: &ConfigDir) -> Result<Option<InviteLink>, ConfigError> {
    let local = |entry: &HostEntry| entry.name == LOCAL;
    Ok(HostsFile::load(dir)?.entries.into_iter().find(local).and_then(|entry| entry.link))
}

/// The group keys of this machine's hub, created if they are missing.
///
/// # Errors
/// The errors of [`ensure`]; [`ConfigError::NoLocalLink`] if the hub serves a group whose link is missing here.
pub fn local_group(dir: &ConfigDir) -> Result<GroupKeys, ConfigError> {
    ensure(dir, limits::PORT)?;
    let Some(link) = local_link(dir)? else {
        // A damaged line is a different error from a missing one.
        let problem = HostsFile::load(dir)?.problems.into_iter().next();
        let missing = || ConfigError::NoLocalLink(dir.path().join(KEY_FILE));
        return Err(problem.map_or_else(missing, ConfigError::Hosts));
    };
    Ok(GroupKeys::derive(&link.secret))
}

/// Gives the group of this machine's hub a new secret, and the hub a new TLS key if asked. A running hub notices the
/// change.
///
/// # Errors
/// The errors of [`own_link`].
pub fn rotate(dir: &ConfigDir, with_tls_key: bool) -> Result<(), ConfigError> {
    let _lock = dir.lock()?;
    let (link, key) = own_link_and_key(dir)?;
    let tls_key = if with_tls_key { Secret::random() } else { key.tls_key };
    store(dir, InviteLink { secret: Secret::random(), ..link }, tls_key)
}

/// The link of the group that this machine's hub serves.
///
/// # Errors
/// [`ConfigError::NoHub`] if there are no hub keys here, [`ConfigError::NoLocalLink`] or
/// [`ConfigError::OtherGroup`] if the group's secret is missing here, another if the files are unusable.
pub fn own_link(dir: &ConfigDir) -> Result<InviteLink, ConfigError> {
    own_link_and_key(dir).map(|(link, _)| link)
}

fn own_link_and_key(dir: &ConfigDir) -> Result<(InviteLink, HubKey), ConfigError> {
    let file = || dir.path().join(KEY_FILE);
    let key = HubKey::load(dir)?.ok_or_else(|| ConfigError::NoHub(file()))?;
    let link = local_link(dir)?.ok_or_else(|| ConfigError::NoLocalLink(file()))?;
    if GroupKeys::derive(&link.secret).auth.expose() != key.auth.expose() {
        return Err(ConfigError::OtherGroup(file()));
    }
    Ok((link, key))
}

/// Replaces the identity of this machine's hub with a new TLS key and a new group.
///
/// # Errors
/// The errors of [`ensure`]; [`ConfigError::NoLocalLink`] or [`ConfigError::OtherGroup`] if the hub's keys were created
/// elsewhere and could not be recreated here.
pub fn renew(dir: &ConfigDir, port: u16) -> Result<(), ConfigError> {
    let _lock = dir.lock()?;
    if HubKey::load(dir)?.is_some() {
        own_link_and_key(dir)?;
    }
    store(dir, fresh_link(port), Secret::random())
}

/// The keys of this machine's hub, created if they are missing.
///
/// # Errors
/// The errors of [`ensure`].
pub fn hub_key(dir: &ConfigDir, port: u16) -> Result<HubKey, ConfigError> {
    ensure(dir, port)?;
    HubKey::load(dir)?.ok_or_else(|| ConfigError::BadKeys(dir.path().join(KEY_FILE)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::hosts::HOSTS_FILE;

    fn dir() -> (tempfile::TempDir, ConfigDir) {
        let outer = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(outer.path().join("config"));
        (outer, dir)
    }

    fn auth_of(link: &InviteLink) -> [u8; 32] {
        *GroupKeys::derive(&link.secret).auth.expose()
    }

    fn local(dir: &ConfigDir) -> InviteLink {
        local_link(dir).unwrap().unwrap()
    }

    /// The bytes of all files, to see that nothing changed.
    fn files(dir: &ConfigDir) -> (String, String) {
        let text = |name| dir.read_private(name).unwrap().unwrap();
        (text(KEY_FILE), text(HOSTS_FILE))
    }

    #[test]
    fn first_need_makes_keys_and_a_link_that_belong_together() {
        let (_outer, dir) = dir();
        let key = hub_key(&dir, 4321).unwrap();
        let link = local(&dir);
        assert_eq!((link.host.as_str(), link.port), ("127.0.0.1", 4321));
        assert_eq!(link.pin, key.pin());
        assert_eq!(auth_of(&link), *key.auth.expose());
        assert_eq!(local_group(&dir).unwrap().auth.expose(), key.auth.expose());
    }

    #[test]
    fn second_need_changes_nothing() {
        let (_outer, dir) = dir();
        ensure(&dir, 1).unwrap();
        let before = files(&dir);
        ensure(&dir, 2).unwrap();
        local_group(&dir).unwrap();
        hub_key(&dir, 3).unwrap();
        assert_eq!(files(&dir), before);
    }

    #[test]
    fn key_file_does_not_hold_the_join_secret() {
        let (_outer, dir) = dir();
        ensure(&dir, 0).unwrap();
        let link = local(&dir);
        assert_eq!(link.port, limits::PORT);
        let (keys, hosts) = files(&dir);
        let secret = BASE64URL_NOPAD.encode(link.secret.expose());
        assert!(hosts.contains(&secret) && !keys.contains(&secret));
    }

    #[test]
    fn link_without_keys_keeps_its_group_and_gets_a_new_pin() {
        let (_outer, dir) = dir();
        ensure(&dir, 1).unwrap();
        let before = local(&dir);
        std::fs::remove_file(dir.path().join(KEY_FILE)).unwrap();
        let key = hub_key(&dir, 2).unwrap();
        let after = local(&dir);
        assert_eq!(after.secret.expose(), before.secret.expose());
        assert_eq!((after.port, after.pin), (1, key.pin()));
        assert_ne!(after.pin, before.pin);
        assert_eq!(auth_of(&after), *key.auth.expose());
    }

    #[test]
    fn keys_without_a_link_are_left_and_told() {
        let (_outer, dir) = dir();
        ensure(&dir, 1).unwrap();
        dir.write_private(HOSTS_FILE, "[hosts]\n").unwrap();
        let before = files(&dir);
        assert!(matches!(local_group(&dir), Err(ConfigError::NoLocalLink(_))));
        hub_key(&dir, 1).unwrap();
        assert_eq!(files(&dir), before);
    }

    #[test]
    fn rotating_changes_the_group_and_keeps_the_hubs_key() {
        let (_outer, dir) = dir();
        let before = hub_key(&dir, 1).unwrap();
        let link_before = local(&dir);
        rotate(&dir, false).unwrap();
        let (after, link) = (hub_key(&dir, 1).unwrap(), local(&dir));
        assert_eq!((after.pin(), link.pin), (before.pin(), before.pin()));
        assert_ne!(link.secret.expose(), link_before.secret.expose());
        assert_eq!(auth_of(&link), *after.auth.expose());
        assert_ne!(after.digest(), before.digest());
        assert_eq!(after.digest(), hub_key(&dir, 1).unwrap().digest());
        assert_eq!(after.ticket_key().expose(), before.ticket_key().expose());
    }

    #[test]
    fn rotating_may_change_the_hubs_key_too() {
        let (_outer, dir) = dir();
        let before = hub_key(&dir, 1).unwrap();
        rotate(&dir, true).unwrap();
        let after = hub_key(&dir, 1).unwrap();
        assert_ne!(after.pin(), before.pin());
        assert_eq!(own_link(&dir).unwrap().pin, after.pin());
    }

    #[test]
    fn keys_without_their_groups_id_get_it_from_the_link() {
        let (_outer, dir) = dir();
        ensure(&dir, 1).unwrap();
        let (whole, _) = files(&dir);
        let old: String =
            whole.lines().filter(|line| !line.starts_with("group")).collect::<Vec<_>>().join("\n");
        dir.write_private(KEY_FILE, &old).unwrap();
        let before = HubKey::load(&dir).unwrap().unwrap();
        assert_eq!(before.group, None);
        let after = hub_key(&dir, 1).unwrap();
        assert_eq!(files(&dir).0, whole);
        assert_eq!(after.group, Some(local_group(&dir).unwrap().group));
        assert_eq!(after.digest(), before.digest(), "no running hub takes it for other keys");
        // Without the link there is nothing to add it from, and the keys serve as they are.
        dir.write_private(KEY_FILE, &old).unwrap();
        dir.write_private(HOSTS_FILE, "[hosts]\n").unwrap();
        assert_eq!(hub_key(&dir, 1).unwrap().group, None);
    }

    #[test]
    fn keys_of_another_group_are_left_alone() {
        let (_outer, dir) = dir();
        assert!(matches!(rotate(&dir, false), Err(ConfigError::NoHub(_))));
        ensure(&dir, 1).unwrap();
        new_group("10.0.0.1", 1).1.save(&dir).unwrap();
        let before = files(&dir);
        assert!(matches!(rotate(&dir, false), Err(ConfigError::OtherGroup(_))));
        assert!(matches!(own_link(&dir), Err(ConfigError::OtherGroup(_))));
        assert_eq!(files(&dir), before);
    }

    #[test]
    fn a_rotation_that_was_interrupted_is_finished() {
        let (_outer, dir) = dir();
        ensure(&dir, 1).unwrap();
        let (old_keys, _) = files(&dir);
        rotate(&dir, false).unwrap();
        let (new_keys, new_hosts) = files(&dir);
        dir.write_private(KEY_FILE, &old_keys).unwrap();
        ensure(&dir, 1).unwrap();
        assert_eq!(files(&dir), (new_keys, new_hosts));
    }

    #[test]
    fn rotating_needs_the_groups_link() {
        let (_outer, dir) = dir();
        ensure(&dir, 1).unwrap();
        dir.write_private(HOSTS_FILE, "[hosts]\n").unwrap();
        let before = files(&dir);
        assert!(matches!(rotate(&dir, false), Err(ConfigError::NoLocalLink(_))));
        assert_eq!(files(&dir), before);
    }

    #[test]
    fn renewing_changes_all_of_it() {
        let (_outer, dir) = dir();
        renew(&dir, 1).unwrap();
        let (before, link_before) = (hub_key(&dir, 1).unwrap(), local(&dir));
        renew(&dir, 2).unwrap();
        let (after, link) = (hub_key(&dir, 1).unwrap(), local(&dir));
        assert_ne!(after.pin(), before.pin());
        assert_ne!(link.secret.expose(), link_before.secret.expose());
        assert_eq!((link.pin, link.port), (after.pin(), 2));
        assert_eq!(auth_of(&link), *after.auth.expose());
    }

    #[test]
    fn damaged_keys_are_refused_and_not_replaced() {
        let (_outer, dir) = dir();
        ensure(&dir, 1).unwrap();
        let (keys, _) = files(&dir);
        let damaged = [
            String::new(),
            "?".to_owned(),
            keys.replace("auth", "other"),
            keys.replace("tls_key = \"", "tls_key = \"A"),
            keys.replace("tls_key = ", "tls_key = 5 #"),
            keys.replace("group = \"", "group = \"A"),
        ];
        for damaged in damaged {
            dir.write_private(KEY_FILE, &damaged).unwrap();
            let error = ensure(&dir, 1).unwrap_err();
            assert!(matches!(error, ConfigError::BadKeys(_)), "{error}");
            assert_eq!(files(&dir).0, damaged);
        }
    }

    #[test]
    fn many_at_once_make_one_identity() {
        let (_outer, dir) = dir();
        let auth = |_| {
            let dir = dir.clone();
            std::thread::spawn(move || *hub_key(&dir, 1).unwrap().auth.expose())
        };
        let threads: Vec<_> = (0..8).map(auth).collect();
        let found: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(found.iter().all(|auth| *auth == auth_of(&local(&dir))));
    }

    #[test]
    fn pin_and_ticket_key_have_their_frozen_values() {
        let secret = |byte| Secret::filled(|key| key.fill(byte));
        let key = HubKey { tls_key: secret(1), auth: secret(2), group: None };
        assert_eq!(
            data_encoding::HEXLOWER.encode(&key.pin()),
            "fd110d301d2f077de1414b8f99f441b1403fab207b2052fbd2c065e4ee8e7dc2"
        );
        assert_eq!(
            data_encoding::HEXLOWER.encode(key.ticket_key().expose()),
            "d8e9d51a6a64f480f536217bc40ba7d4e13a97cef5dc29a41a148fa919704c53"
        );
    }
}

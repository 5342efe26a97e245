//! The key and the certificate that clients on other machines are told to trust. The key signs a certificate for the names
//! and addresses that the gateway has at the time.
//!
//! Both are made once, and the certificate does not expire: a client is given it once, whatever addresses the machine gets
//! later. A client that trusts the certificate believes no host name by it but those of this machine. Addresses are not
//! limited: BoringSSL, which the clients use that are built with Bun, refuses certificates with limits of addresses.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use junction_shared::machine::config_dir::{ConfigDir, ConfigError};
use junction_shared::protocol::crypto::sha256;
use junction_shared::secret::random_bytes;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
    PKCS_ECDSA_P256_SHA256, PublicKeyData as _, SanType, SerialNumber, date_time_ymd,
};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier as _;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime,
};
use zeroize::Zeroizing;

/// The file with the key, in the configuration directory.
const KEY_FILE: &str = "gateway.key";
/// The file with the certificate alone, which clients are given.
const CERTIFICATE_FILE: &str = "gateway-ca.pem";
/// What a key is labelled in PEM (RFC 7468 §10).
const KEY_LABEL: &str = "PRIVATE KEY";
/// What a certificate is labelled in PEM (RFC 7468 §5).
const CERTIFICATE_LABEL: &str = "CERTIFICATE";
/// Characters of a line of PEM (RFC 7468 §2).
const PEM_LINE: usize = 64;
/// The name that every machine has for itself.
const LOCALHOST: &str = "localhost";
/// How far the clock of a client may be behind.
const CLOCK_SKEW: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a certificate of the gateway is valid. Some clients take none that is for more than 398 days.
pub(super) const VALID: Duration = Duration::from_secs(397 * 24 * 60 * 60);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    #[error(transparent)]
    Dir(#[from] ConfigError),
    #[error(
        "{} holds no key that the gateway can use. Remove it: the gateway makes another when it starts, and its clients must be given the certificate of that one.",
        .0.display()
    )]
    BadKey(PathBuf),
}

/// What signs the certificates of the gateway.
pub(crate) struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    dir: ConfigDir,
    hosts: Vec<String>,
    /// Names of the machine that the certificate does not vouch for.
    unknown_hosts: Vec<String>,
}

/// A certificate of the gateway, and its key.
pub(super) struct IssuedCertificate {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl CertificateAuthority {
    /// The key and the certificate of this directory, made if they are missing, for a machine of this name at this time of
    /// the wall clock, in milliseconds since 1970.
    ///
    /// A certificate that does not vouch for the machine's name is kept, so that its clients need no other one: they use an
    /// address.
    ///
    /// # Errors
    /// A file is not private to this user, cannot be written, or holds no key.
    pub(crate) fn open(
        dir: &ConfigDir,
        machine: Option<&str>,
        now_ms: u64,
    ) -> Result<Self, AuthorityError> {
        dir.open()?;
        let _lock = dir.lock()?;
        let bad_key = |_| AuthorityError::BadKey(dir.path().join(KEY_FILE));
        let (key, hosts) = (authority_key(dir)?, hosts_of(machine));
        let params = authority_params(&key, &hosts).map_err(bad_key)?;
        let issuer = Issuer::new(params.clone(), key);
        let (dir, unknown_hosts) = (dir.clone(), Vec::new());
        if let Some(certificate) = kept_certificate(&dir) {
            let kept = Self { issuer, certificate, dir, hosts, unknown_hosts };
            let (known, unknown): (Vec<_>, Vec<_>) =
                kept.hosts.iter().cloned().partition(|host| kept.vouches_for(host, now_ms));
            if known.iter().any(|host| host == LOCALHOST) {
                return Ok(Self { hosts: known, unknown_hosts: unknown, ..kept });
            }
            return kept.renewed(&params);
        }
        let certificate = CertificateDer::from(Vec::new());
        Self { issuer, certificate, dir, hosts, unknown_hosts }.renewed(&params)
    }

    /// Makes the certificate of this key, and keeps it.
    fn renewed(self, params: &CertificateParams) -> Result<Self, AuthorityError> {
        let made = params.self_signed(self.issuer.key()).map_err(|_| self.bad_key())?;
        self.dir.write_private(CERTIFICATE_FILE, &pem(CERTIFICATE_LABEL, made.der()))?;
        Ok(Self { certificate: made.der().clone(), ..self })
    }

    /// The host names that clients believe by the certificate, of those that the machine has.
    pub(crate) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// The names of the machine that clients do not believe by the certificate, because it was made before.
    pub(crate) fn unknown_hosts(&self) -> &[String] {
        &self.unknown_hosts
    }

    /// The file with the certificate alone.
    pub(crate) fn certificate_path(&self) -> PathBuf {
        self.dir.path().join(CERTIFICATE_FILE)
    }

    /// The SHA-256 fingerprint of the certificate, written as browsers and OpenSSL do.
    pub(crate) fn fingerprint(&self) -> String {
        let bytes = sha256(&self.certificate);
        let pairs: Vec<String> = bytes.iter().map(|byte| HEXUPPER.encode(&[*byte])).collect();
        pairs.join(":")
    }

    /// A certificate for the machine's names and these addresses, with a key of its own, valid from now.
    ///
    /// # Errors
    /// The key cannot sign.
    pub(super) fn issue(
        &self,
        addresses: &[IpAddr],
        now_ms: u64,
    ) -> Result<IssuedCertificate, AuthorityError> {
        self.issue_for(&self.hosts, addresses, now_ms).map_err(|_| self.bad_key())
    }

    /// The error that the key cannot be used.
    pub(super) fn bad_key(&self) -> AuthorityError {
        AuthorityError::BadKey(self.dir.path().join(KEY_FILE))
    }

    fn issue_for(
        &self,
        hosts: &[String],
        addresses: &[IpAddr],
        now_ms: u64,
    ) -> Result<IssuedCertificate, rcgen::Error> {
        let mut params = CertificateParams::new(hosts)?;
        params.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Agent Junction gateway");
        let now = date_time_ymd(1970, 1, 1) + Duration::from_millis(now_ms);
        (params.not_before, params.not_after) = (now - CLOCK_SKEW, now + VALID);
        params.serial_number = Some(serial_number());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.issuer)?.der().clone();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok(IssuedCertificate { certificate, key: key.into() })
    }

    /// Whether a client that trusts the certificate believes a server of this name, asked of the library that many clients
    /// use.
    fn vouches_for(&self, host: &str, now_ms: u64) -> bool {
        let hosts = [host.to_owned()];
        let Ok(issued) = self.issue_for(&hosts, &[], now_ms) else { return false };
        let Ok(name) = ServerName::try_from(host) else { return false };
        let mut roots = RootCertStore::empty();
        if roots.add(self.certificate.clone()).is_err() {
            return false;
        }
        let provider = Arc::new(default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let now = UnixTime::since_unix_epoch(Duration::from_millis(now_ms));
        verifier.build().is_ok_and(|verifier| {
            verifier.verify_server_cert(&issued.certificate, &[], &name, &[], now).is_ok()
        })
    }
}

/// What a machine of this name is called by others: what it calls itself, and that name on a network without a server of
/// names (RFC 6762).
fn hosts_of(machine: Option<&str>) -> Vec<String> {
    let mut hosts = vec![LOCALHOST.to_owned()];
    if let Some(machine) = machine.map(|machine| machine.trim_end_matches('.').to_ascii_lowercase())
    {
        let local = (!machine.contains('.')).then(|| format!("{machine}.local"));
        hosts.extend([Some(machine), local].into_iter().flatten());
    }
    hosts.retain(|host| matches!(ServerName::try_from(host.as_str()), Ok(ServerName::DnsName(_))));
    hosts.dedup();
    hosts
}

/// What the certificate says that clients trust. All but its number and the host names follows from the key, so that one
/// that is made again of the same key takes the place of the one before.
fn authority_params(key: &KeyPair, hosts: &[String]) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::default();
    let id = HEXLOWER.encode(&sha256(&key.subject_public_key_info())[..4]);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Agent Junction gateway CA {id}"));
    params.not_before = date_time_ymd(2020, 1, 1);
    // No end (RFC 5280 §4.1.2.5).
    params.not_after = date_time_ymd(9999, 12, 31) + Duration::from_secs(24 * 60 * 60 - 1);
    params.serial_number = Some(serial_number());
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let permitted_subtrees = hosts.iter().cloned().map(GeneralSubtree::DnsName).collect();
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    Ok(params)
}

/// A number that no other certificate has (RFC 5280 §4.1.2.2): positive, and of at most 20 bytes.
fn serial_number() -> SerialNumber {
    let mut bytes = random_bytes::<16>();
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

/// The key in this directory, made if it is missing.
fn authority_key(dir: &ConfigDir) -> Result<KeyPair, AuthorityError> {
    let bad_key = || AuthorityError::BadKey(dir.path().join(KEY_FILE));
    if let Some(text) = dir.read_private(KEY_FILE)?.map(Zeroizing::new) {
        let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(|_| bad_key())?;
        return KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ECDSA_P256_SHA256)
            .map_err(|_| bad_key());
    }
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|_| bad_key())?;
    let der = key.serialized_der();
    dir.write_private(KEY_FILE, &Zeroizing::new(pem(KEY_LABEL, der)))?;
    Ok(key)
}

/// The certificate in this directory. One that is damaged counts as missing.
fn kept_certificate(dir: &ConfigDir) -> Option<CertificateDer<'static>> {
    let text = dir.read_private(CERTIFICATE_FILE).ok()??;
    CertificateDer::from_pem_slice(text.as_bytes()).ok()
}

/// The PEM form of these bytes (RFC 7468).
fn pem(label: &str, der: &[u8]) -> String {
    let coded = Zeroizing::new(BASE64.encode(der));
    // Room for all, so that no copy is left behind by growing.
    let mut text = String::with_capacity(2 * coded.len() + 2 * label.len() + 64);
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = coded.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(PEM_LINE));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;
    const YEAR: u64 = 366 * 24 * 60 * 60 * 1_000;

    fn fresh() -> (tempfile::TempDir, ConfigDir) {
        let home = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(home.path().join("junction"));
        (home, dir)
    }

    fn file(dir: &ConfigDir, name: &str) -> String {
        dir.read_private(name).unwrap().unwrap()
    }

    fn is_trusted(root: &str, issued: &IssuedCertificate, name: &str, now_ms: u64) -> bool {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let now = UnixTime::since_unix_epoch(Duration::from_millis(now_ms));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let verified =
            verifier.build().unwrap().verify_server_cert(&issued.certificate, &[], &name, &[], now);
        verified.is_ok()
    }

    #[test]
    fn what_clients_trust_survives_a_restart_and_other_addresses() {
        let (_home, dir) = fresh();
        let first = CertificateAuthority::open(&dir, Some("Desk"), NOW).unwrap();
        let root = file(&dir, CERTIFICATE_FILE);
        let key = file(&dir, KEY_FILE);
        assert!(key.starts_with("-----BEGIN PRIVATE KEY-----\n") && !root.contains("PRIVATE"));
        assert_eq!(first.certificate_path(), dir.path().join(CERTIFICATE_FILE));
        for (later, address) in [(0, "10.0.0.7"), (20 * YEAR, "2001:db8::7")] {
            let again = CertificateAuthority::open(&dir, Some("desk"), NOW + later).unwrap();
            assert_eq!(again.fingerprint(), first.fingerprint());
            assert_eq!(file(&dir, CERTIFICATE_FILE), root);
            assert_eq!(again.hosts(), ["localhost", "desk", "desk.local"]);
            let issued = again.issue(&[address.parse().unwrap()], NOW + later).unwrap();
            for name in ["localhost", "desk", "desk.local", address] {
                assert!(is_trusted(&root, &issued, name, NOW + later), "{name}");
            }
            for name in ["10.0.0.8", "example.com", "shop"] {
                assert!(!is_trusted(&root, &issued, name, NOW + later), "{name}");
            }
            assert!(!is_trusted(&root, &issued, address, NOW + later + 2 * YEAR));
        }
        assert_eq!(file(&dir, KEY_FILE), key);
    }

    #[test]
    fn machine_of_another_name_keeps_the_certificate_and_is_reached_by_its_addresses() {
        let (_home, dir) = fresh();
        CertificateAuthority::open(&dir, Some("desk"), NOW).unwrap();
        let root = file(&dir, CERTIFICATE_FILE);
        let moved = CertificateAuthority::open(&dir, Some("shop"), NOW).unwrap();
        assert_eq!(file(&dir, CERTIFICATE_FILE), root);
        assert_eq!(moved.hosts(), ["localhost"]);
        assert_eq!(moved.unknown_hosts(), ["shop", "shop.local"]);
        let issued = moved.issue(&["10.0.0.7".parse().unwrap()], NOW).unwrap();
        assert!(is_trusted(&root, &issued, "10.0.0.7", NOW));
        // The key vouches for no name but those of the machine that it was made on.
        let issued = moved.issue_for(&["example.com".to_owned()], &[], NOW).unwrap();
        assert!(!is_trusted(&root, &issued, "example.com", NOW));
        std::fs::remove_file(dir.path().join(CERTIFICATE_FILE)).unwrap();
        let renewed = CertificateAuthority::open(&dir, Some("shop"), NOW).unwrap();
        assert_eq!(renewed.hosts(), ["localhost", "shop", "shop.local"]);
        let issued = renewed.issue_for(&[], &["10.0.0.7".parse().unwrap()], NOW).unwrap();
        assert!(is_trusted(&root, &issued, "10.0.0.7", NOW), "the same key and the same name");
    }

    #[test]
    fn damaged_certificate_is_made_again_and_a_damaged_key_is_an_error() {
        let (_home, dir) = fresh();
        let first = CertificateAuthority::open(&dir, None, NOW).unwrap();
        assert_eq!(first.hosts(), ["localhost"]);
        let other = fresh();
        CertificateAuthority::open(&other.1, None, NOW).unwrap();
        for text in ["", "nothing", &file(&other.1, CERTIFICATE_FILE)] {
            dir.write_private(CERTIFICATE_FILE, text).unwrap();
            let again = CertificateAuthority::open(&dir, None, NOW).unwrap();
            assert_ne!(file(&dir, CERTIFICATE_FILE), text);
            assert_eq!(again.hosts(), ["localhost"]);
        }
        dir.write_private(KEY_FILE, "nothing").unwrap();
        let error = CertificateAuthority::open(&dir, None, NOW).err().unwrap().to_string();
        assert!(error.contains("gateway.key holds no key"), "{error}");
        assert_eq!(file(&dir, KEY_FILE), "nothing");
    }

    #[test]
    fn only_names_that_can_be_looked_up_are_vouched_for() {
        assert_eq!(hosts_of(None), ["localhost"]);
        assert_eq!(hosts_of(Some("localhost")), ["localhost", "localhost.local"]);
        assert_eq!(hosts_of(Some("Mac.local")), ["localhost", "mac.local"]);
        assert_eq!(hosts_of(Some("box.example.com.")), ["localhost", "box.example.com"]);
        for odd in ["my desk", "10.0.0.7", "", "ümlaut", "::1", "a..b"] {
            assert_eq!(hosts_of(Some(odd)), ["localhost"], "{odd}");
        }
    }
}

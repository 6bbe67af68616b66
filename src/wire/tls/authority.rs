//! The certificate authority (CA) of this gateway: a P-256 key and a self-signed certificate in a folder.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Lifetime of a CA made by `ca init`.
const CA_DAYS: i64 = 3650;
/// Back-dating, for clients whose clock is behind.
const BACKDATE: Duration = Duration::days(1);
/// Names of the files in the folder.
const CERT: &str = "ca.pem";
const KEY: &str = "ca.key";
const PREVIOUS: &str = "ca-previous.pem";
/// Days that the old CA certificate is still offered after `ca rotate`, unless `--overlap-days` says otherwise.
pub const OVERLAP_DAYS: u32 = 30;

/// An authority whose files were read and checked.
pub struct Authority {
    /// What signs leaf certificates.
    pub issuer: Issuer<'static, KeyPair>,
    /// The certificate as PEM, for people to install.
    pub pem: String,
    /// The certificate as DER.
    pub der: CertificateDer<'static>,
    /// When the certificate expires.
    pub not_after: OffsetDateTime,
    /// The certificate before the last rotation as PEM, while it is still offered.
    pub previous_pem: Option<String>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("sha256", &self.sha256()).finish_non_exhaustive()
    }
}

/// Why the authority cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The folder holds no CA.
    #[error("there is no CA in {0}: run `daylight ca init`")]
    Missing(PathBuf),
    /// The folder holds a CA already.
    #[error("{0} exists already: `daylight ca rotate` replaces a CA and keeps the old file for a while")]
    Exists(PathBuf),
    /// Other users can read the key.
    #[error(
        "{path} has mode {mode:04o}, so other users can read the CA key: run `chmod 600 {path}` and consider `daylight ca rotate`"
    )]
    Mode {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}: check the folder `ca.dir` and its permissions")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The files hold no CA that can be used.
    #[error("{path}: {what}: restore the CA from a backup or run `daylight ca rotate`")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

impl Authority {
    /// Makes a CA in a folder that has none; the key gets mode 0600.
    pub fn init(dir: &Path, now: OffsetDateTime) -> Result<Self, AuthorityError> {
        let key_path = dir.join(KEY);
        if key_path.exists() || dir.join(CERT).exists() {
            return Err(AuthorityError::Exists(key_path));
        }
        fs::create_dir_all(dir).map_err(|source| AuthorityError::File { path: dir.into(), source })?;
        let (cert_pem, key_pem) = make(now)
            .map_err(|e| AuthorityError::Unusable { path: key_path.clone(), what: e.to_string() })?;
        write_new(&key_path, key_pem.as_bytes(), 0o600)?;
        write_new(&dir.join(CERT), cert_pem.as_bytes(), 0o644)?;
        Self::open(dir, now)
    }

    /// Opens the CA of a folder. Refuses a key that other users can read, one that does not belong to the certificate,
    /// and a certificate that has expired at `now`.
    pub fn open(dir: &Path, now: OffsetDateTime) -> Result<Self, AuthorityError> {
        let (cert_path, key_path) = (dir.join(CERT), dir.join(KEY));
        if !key_path.exists() && !cert_path.exists() {
            return Err(AuthorityError::Missing(dir.into()));
        }
        let mode = fs::metadata(&key_path)
            .map_err(|source| AuthorityError::File { path: key_path.clone(), source })?
            .permissions()
            .mode()
            & 0o777;
        if mode & 0o077 != 0 {
            return Err(AuthorityError::Mode { path: key_path, mode });
        }
        let pem = read(&cert_path)?;
        let unusable = |path: &Path, what: String| AuthorityError::Unusable { path: path.into(), what };
        let der = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|e| unusable(&cert_path, e.to_string()))?;
        let key = KeyPair::from_pem(&read(&key_path)?).map_err(|e| unusable(&key_path, e.to_string()))?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|e| unusable(&cert_path, e.to_string()))?;
        if parsed.public_key().subject_public_key.data.as_ref() != rcgen::PublicKeyData::der_bytes(&key) {
            return Err(unusable(&key_path, "this key does not belong to ca.pem".into()));
        }
        let not_after = parsed.validity().not_after.to_datetime();
        if not_after <= now {
            return Err(unusable(&cert_path, format!("the CA expired on {}", not_after.date())));
        }
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(|e| unusable(&cert_path, e.to_string()))?;
        let previous_pem = previous(dir, now);
        Ok(Self { issuer, pem, der, not_after, previous_pem })
    }

    /// Replaces the CA. The old certificate is offered for `overlap_days` more, so that machines can have both
    /// installed.
    pub fn rotate(dir: &Path, overlap_days: u32, now: OffsetDateTime) -> Result<Self, AuthorityError> {
        let (cert_path, key_path, previous) = (dir.join(CERT), dir.join(KEY), dir.join(PREVIOUS));
        let until = now.saturating_add(Duration::days(i64::from(overlap_days)));
        let old = read(&cert_path)?;
        let (cert_pem, key_pem) = make(now)
            .map_err(|e| AuthorityError::Unusable { path: key_path.clone(), what: e.to_string() })?;
        if CertificateDer::from_pem_slice(old.as_bytes()).is_ok() {
            let offered = format!("# offered until {}\n{old}", until.unix_timestamp());
            replace(&previous, offered.as_bytes(), 0o644)?;
        }
        replace(&key_path, key_pem.as_bytes(), 0o600)?;
        replace(&cert_path, cert_pem.as_bytes(), 0o644)?;
        Self::open(dir, now)
    }

    /// SHA-256 fingerprint of the certificate, upper-case hex pairs with colons.
    pub fn sha256(&self) -> String {
        fingerprint(&digest::SHA256, &self.der)
    }

    /// SHA-1 fingerprint in the same form, which the dialogues of some systems still show.
    pub fn sha1(&self) -> String {
        fingerprint(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.der)
    }
}

fn fingerprint(algorithm: &'static digest::Algorithm, der: &[u8]) -> String {
    let pairs: Vec<String> =
        digest::digest(algorithm, der).as_ref().iter().map(|b| format!("{b:02X}")).collect();
    pairs.join(":")
}

/// Makes a certificate and its key. A hash of the key is part of the name, so that clients do not mix up two CAs.
fn make(now: OffsetDateTime) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let hash = digest::digest(&digest::SHA256, rcgen::PublicKeyData::der_bytes(&key));
    let short = const_hex::encode(hash.as_ref().get(..4).unwrap_or_default());
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::OrganizationName, "Daylight");
    params.distinguished_name.push(DnType::CommonName, format!("Daylight CA {short}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = now - BACKDATE;
    params.not_after = now + Duration::days(CA_DAYS);
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

fn previous(dir: &Path, now: OffsetDateTime) -> Option<String> {
    let text = fs::read_to_string(dir.join(PREVIOUS)).ok()?;
    let (first, pem) = text.split_once('\n')?;
    let until: i64 = first.strip_prefix("# offered until ")?.trim().parse().ok()?;
    (now.unix_timestamp() < until).then(|| pem.to_owned())
}

fn read(path: &Path) -> Result<String, AuthorityError> {
    fs::read_to_string(path).map_err(|source| AuthorityError::File { path: path.into(), source })
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), AuthorityError> {
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| AuthorityError::File { path: path.into(), source })
}

/// Replaces a file by a new one in one step. The owner stays that of the old file (or else of the folder), so that root
/// can rotate the CA of a service. Of the old file's mode, the bits in `mode` stay.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), AuthorityError> {
    let write = || -> io::Result<()> {
        let fresh = path.with_extension("new");
        match fs::remove_file(&fresh) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let old = fs::metadata(path);
        let mode = old.as_ref().map_or(mode, |old| old.mode() & mode);
        let owner = old.or_else(|_missing| fs::metadata(path.parent().unwrap_or(path)))?;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        // Through the open file and not its path, which the folder's owner could replace by a link.
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (owner.uid(), owner.gid()) {
            fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
        }
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    write().map_err(|source| AuthorityError::File { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::chown;

    use super::*;

    /// What `ls -l` shows of a file.
    fn shown(path: &Path) -> (u32, u32, u32) {
        let found = fs::metadata(path).unwrap();
        (found.uid(), found.gid(), found.mode() & 0o7777)
    }

    #[test]
    fn a_rotation_keeps_owner_and_mode() {
        let (dir, now) = (tempfile::tempdir().unwrap(), OffsetDateTime::now_utc());
        Authority::init(dir.path(), now).unwrap();
        let file = |name| dir.path().join(name);
        fs::set_permissions(file(KEY), fs::Permissions::from_mode(0o400)).unwrap();
        fs::set_permissions(file(CERT), fs::Permissions::from_mode(0o640)).unwrap();
        // Only root may give files away; for others the owner is the same before and after.
        let service = chown(file(KEY), Some(4711), Some(4711)).is_ok();
        if service {
            chown(file(CERT), Some(4711), Some(4712)).unwrap();
            chown(dir.path(), Some(4711), Some(4711)).unwrap();
        }
        let before = (shown(&file(KEY)), shown(&file(CERT)), shown(dir.path()).0);
        Authority::rotate(dir.path(), 1, now).unwrap();
        assert_eq!((shown(&file(KEY)), shown(&file(CERT)), shown(&file(PREVIOUS)).0), before);
    }

    #[test]
    fn a_rotation_takes_back_a_key_that_others_could_read() {
        let (dir, now) = (tempfile::tempdir().unwrap(), OffsetDateTime::now_utc());
        Authority::init(dir.path(), now).unwrap();
        fs::set_permissions(dir.path().join(KEY), fs::Permissions::from_mode(0o644)).unwrap();
        Authority::rotate(dir.path(), 1, now).unwrap();
        assert_eq!(shown(&dir.path().join(KEY)).2, 0o600);
    }
}

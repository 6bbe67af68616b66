//! Leaf certificates: one for each name, signed by the authority, presented to clients.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use quick_cache::sync::Cache;
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use rustls::crypto::aws_lc_rs::sign::any_ecdsa_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use time::{Duration, OffsetDateTime};

use super::Authority;
use crate::telemetry::metrics::{Measured, Registry, seconds};

/// Lifetime of a leaf: far below every browser's limit, which may shrink.
const LEAF: Duration = Duration::days(7);
/// Back-dating, for clients whose clock is behind.
const BACKDATE: Duration = Duration::days(1);
/// Age at which a leaf is replaced.
const RENEW: Duration = Duration::days(3);
/// Age at which the key of new leafs is replaced.
const KEY_LIFE: Duration = Duration::days(1);
/// Most leafs that are kept.
pub const LEAFS_MAX: usize = 10_000;
/// Longest common name (RFC 5280, appendix A.1).
const COMMON_NAME_MAX_BYTES: usize = 64;

/// Signs leafs and keeps them.
pub struct Leafs {
    issuer: Issuer<'static, KeyPair>,
    authority_not_after: OffsetDateTime,
    key: ArcSwap<LeafKey>,
    made: Cache<Arc<str>, Leaf>,
    hits: Counter,
    misses: Counter,
    cached: Gauge,
    minting: Histogram,
}

impl std::fmt::Debug for Leafs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leafs").field("kept", &self.made.len()).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Leaf {
    key: Arc<CertifiedKey>,
    renew_at: OffsetDateTime,
}

struct LeafKey {
    pair: KeyPair,
    signing: Arc<dyn SigningKey>,
    until: OffsetDateTime,
}

/// Why no leaf could be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The certificate library refused.
    #[error("cannot sign a certificate: {0}")]
    Sign(#[from] rcgen::Error),
    /// The key cannot be used for TLS.
    #[error("cannot use the leaf key: {0}")]
    Key(#[from] rustls::Error),
    /// The system's random numbers failed.
    #[error("the system gave no random numbers")]
    Random,
}

impl Leafs {
    /// An empty cache of leafs that `authority` signs.
    pub fn new(authority: Authority, now: OffsetDateTime) -> Result<Self, MintError> {
        Ok(Self {
            issuer: authority.issuer,
            authority_not_after: authority.not_after,
            key: ArcSwap::from_pointee(LeafKey::make(now)?),
            made: Cache::new(LEAFS_MAX),
            hits: Counter::default(),
            misses: Counter::default(),
            cached: Gauge::default(),
            minting: seconds(),
        })
    }

    /// The leaf for a name in lower case or an address. Callers that ask for the same name at once wait for one
    /// signature.
    pub fn get(&self, name: &Arc<str>, now: OffsetDateTime) -> Result<Arc<CertifiedKey>, MintError> {
        let mut minted = false;
        let leaf = self.made.get_or_insert_with(name, || {
            minted = true;
            self.mint(name, now)
        })?;
        if now < leaf.renew_at {
            if minted {
                self.cached.set(i64::try_from(self.made.len()).unwrap_or(i64::MAX));
            } else {
                self.hits.inc();
            }
            return Ok(leaf.key);
        }
        let fresh = self.mint(name, now)?;
        self.made.insert(Arc::clone(name), fresh.clone());
        Ok(fresh.key)
    }

    fn mint(&self, name: &str, now: OffsetDateTime) -> Result<Leaf, MintError> {
        let started = Instant::now();
        let key = self.current_key(now)?;
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![match name.parse::<IpAddr>() {
            Ok(ip) => SanType::IpAddress(ip),
            Err(_not_an_address) => SanType::DnsName(name.try_into()?),
        }];
        if name.len() <= COMMON_NAME_MAX_BYTES {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(serial()?);
        params.not_before = now - BACKDATE;
        params.not_after = (now - BACKDATE + LEAF).min(self.authority_not_after);
        let cert = params.signed_by(&key.pair, &self.issuer)?;
        self.misses.inc();
        self.minting.observe(started.elapsed().as_secs_f64());
        let chain: Vec<CertificateDer<'static>> = vec![cert.der().clone()];
        Ok(Leaf { key: Arc::new(CertifiedKey::new(chain, Arc::clone(&key.signing))), renew_at: now + RENEW })
    }

    fn current_key(&self, now: OffsetDateTime) -> Result<Arc<LeafKey>, MintError> {
        let key = self.key.load_full();
        if now < key.until {
            return Ok(key);
        }
        let fresh = Arc::new(LeafKey::make(now)?);
        self.key.store(Arc::clone(&fresh));
        Ok(fresh)
    }
}

impl Measured for Leafs {
    fn register(&self, r: &mut Registry) {
        r.register("leaf_cache_hits", "Leaf certificates found in the cache", self.hits.clone());
        r.register("leaf_cache_misses", "Leaf certificates that had to be signed", self.misses.clone());
        r.register("leaf_cached", "Leaf certificates kept", self.cached.clone());
        r.register("leaf_mint_duration_seconds", "Signing a leaf certificate", self.minting.clone());
    }
}

impl LeafKey {
    fn make(now: OffsetDateTime) -> Result<Self, MintError> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der()));
        Ok(Self { signing: any_ecdsa_type(&der)?, pair, until: now + KEY_LIFE })
    }
}

/// 128 random bits, positive and not zero (RFC 5280, section 4.1.2.2).
fn serial() -> Result<SerialNumber, MintError> {
    let mut bytes = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_unspecified| MintError::Random)?;
    bytes[0] = (bytes[0] & 0x7f) | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

//! Who a client is: proxy users with argon2-hashed passwords (RFC 7617 Basic in `Proxy-Authorization`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::password_hash::PasswordHash;
use argon2::{Argon2, PasswordVerifier};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::PROXY_AUTHORIZATION;
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

/// Argon2 runs at once; each takes tens of milliseconds of a core and 19 MiB.
const VERIFY_AT_ONCE: usize = 2;
/// Verified credentials remembered, as keyed hashes.
const REMEMBERED_MAX: usize = 4096;
/// How long a verified credential is remembered.
const REMEMBERED: Duration = Duration::from_secs(300);
/// Longest credential that is looked at.
const CREDENTIAL_MAX_BYTES: usize = 1024;

/// One proxy user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name, as it appears in events.
    pub name: Arc<str>,
    /// Argon2 hash in PHC form.
    pub password_hash: String,
    /// Groups, for rules.
    pub groups: Arc<[String]>,
}

/// A client that proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    /// Login name.
    pub name: Arc<str>,
    /// Groups.
    pub groups: Arc<[String]>,
}

/// The proxy's users; empty means that nobody has to log in.
#[derive(Debug)]
pub struct Users {
    users: HashMap<Arc<str>, User>,
    verified: Cache<[u8; 32], Instant>,
    key: hmac::Key,
    verifying: Semaphore,
}

impl Users {
    /// Takes users whose hashes were checked with [`check_hash`].
    pub fn new(users: Vec<User>) -> Result<Self, String> {
        let mut seed = [0_u8; 32];
        aws_lc_rs::rand::fill(&mut seed)
            .map_err(|_unspecified| "the system gave no random numbers".to_owned())?;
        Ok(Self {
            users: users.into_iter().map(|u| (Arc::clone(&u.name), u)).collect(),
            verified: Cache::new(REMEMBERED_MAX),
            key: hmac::Key::new(hmac::HMAC_SHA256, &seed),
            verifying: Semaphore::new(VERIFY_AT_ONCE),
        })
    }

    /// True when clients have to log in.
    pub fn required(&self) -> bool {
        !self.users.is_empty()
    }

    /// The user behind a request's `Proxy-Authorization`, if it proves one.
    pub async fn identify(&self, headers: &HeaderMap) -> Option<Identified> {
        let (name, password) = credentials(headers)?;
        let user = self.users.get(name.as_str())?;
        let known = Identified { name: Arc::clone(&user.name), groups: Arc::clone(&user.groups) };
        let mark = self.mark(&name, &password);
        if self.verified.get(&mark).is_some_and(|at| at.elapsed() < REMEMBERED) {
            return Some(known);
        }
        let _turn = self.verifying.acquire().await.ok()?;
        let hash = user.password_hash.clone();
        let good = tokio::task::spawn_blocking(move || verify(&hash, password.as_bytes())).await.ok()?;
        good.then(|| {
            self.verified.insert(mark, Instant::now());
            known
        })
    }

    fn mark(&self, name: &str, password: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&name.len().to_be_bytes());
        context.update(name.as_bytes());
        context.update(password.as_bytes());
        let mut mark = [0_u8; 32];
        mark.copy_from_slice(context.sign().as_ref());
        mark
    }
}

/// Checks the form of an argon2 hash without a password.
pub fn check_hash(hash: &str) -> Result<(), String> {
    let parsed = PasswordHash::new(hash).map_err(|e| format!("not a password hash in PHC form: {e}"))?;
    match parsed.algorithm.as_str() {
        "argon2id" | "argon2i" | "argon2d" => Ok(()),
        other => Err(format!("`{other}` is not argon2; make one with `argon2 SALT -id -e`")),
    }
}

fn verify(hash: &str, password: &[u8]) -> bool {
    PasswordHash::new(hash).is_ok_and(|parsed| Argon2::default().verify_password(password, &parsed).is_ok())
}

fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(PROXY_AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > CREDENTIAL_MAX_BYTES {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

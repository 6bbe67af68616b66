//! Identifies the users of the proxy by name and password (RFC 7617, Basic, in `Proxy-Authorization`); passwords are
//! kept as argon2 hashes.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
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

/// Most passwords that are compared at once. Each comparison takes tens of milliseconds of a core and 19 MiB.
const VERIFY_AT_ONCE: usize = 2;
/// Most verified credentials that are remembered (as keyed hashes), and most addresses whose failures are counted.
const REMEMBERED_MAX: usize = 4096;
/// How long a verified credential is remembered.
const REMEMBERED: Duration = Duration::from_secs(300);
/// Wrong passwords from one address within [`FAILED_SPAN`] after which no more are compared. Many people may share an
/// address.
///
/// Counted by hand and not with `governor`: its limiter has no question that does not also count, but here only a wrong
/// password counts and the question comes before it. Its keyed state grows with every address until `retain_recent` is
/// called, while the cache here never holds more than [`REMEMBERED_MAX`].
const FAILED_MAX: u32 = 30;
/// How long failures count, from the first one on.
const FAILED_SPAN: Duration = Duration::from_secs(60);
/// A hash whose password nobody knows. An unknown name is compared with it, so that it takes as long as a known one.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5$Dvz8LzcOKGbyVn2tTz0Fhn8GD3xKOxJjQ5SAZaVmXj0";
/// Longest credential that is decoded, in base64.
const CREDENTIAL_MAX_BYTES: usize = 1024;

/// One proxy user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name, as it appears in events.
    pub name: Arc<str>,
    /// Argon2 hash in PHC form.
    pub password_hash: String,
    /// Groups that rules can name.
    pub groups: Arc<[String]>,
}

/// A user who has proved to be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    /// Login name, as it appears in events.
    pub name: Arc<str>,
    /// Groups that rules can name.
    pub groups: Arc<[String]>,
}

/// The person at the other end of a connection, as far as known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The address that the connection comes from.
    pub ip: IpAddr,
    /// The gateway's end of the connection.
    pub local: Option<SocketAddr>,
    /// The user who logged in; absent where nobody has to.
    pub user: Option<Identified>,
}

/// Why no user was identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The request has no credentials, or none that can be read.
    #[error("the request has no proxy credentials")]
    Missing,
    /// The name is unknown or the password is wrong.
    #[error("the name or the password is wrong")]
    Wrong,
    /// Too many wrong passwords came from this address, so nothing was compared.
    #[error("too many wrong passwords from this address; wait a minute")]
    TooMany,
}

/// The wrong passwords of one address since the first of them.
#[derive(Clone, Copy, Debug)]
struct Failed {
    count: u32,
    since: Instant,
}

/// The proxy's users; without any, nobody has to log in.
#[derive(Debug)]
pub struct Users {
    users: HashMap<Arc<str>, User>,
    verified: Cache<[u8; 32], Instant>,
    failed: Cache<IpAddr, Failed>,
    key: hmac::Key,
    verifying: Semaphore,
}

impl Users {
    /// Users whose hashes passed [`check_hash`]. Fails when the system gives no random numbers.
    pub fn new(users: Vec<User>) -> Result<Self, String> {
        let mut seed = [0_u8; 32];
        aws_lc_rs::rand::fill(&mut seed)
            .map_err(|_unspecified| "the system gave no random numbers".to_owned())?;
        Ok(Self {
            users: users.into_iter().map(|u| (Arc::clone(&u.name), u)).collect(),
            verified: Cache::new(REMEMBERED_MAX),
            failed: Cache::new(REMEMBERED_MAX),
            key: hmac::Key::new(hmac::HMAC_SHA256, &seed),
            verifying: Semaphore::new(VERIFY_AT_ONCE),
        })
    }

    /// True when clients have to log in.
    pub fn required(&self) -> bool {
        !self.users.is_empty()
    }

    /// The user whom a request's `Proxy-Authorization` proves. `client` is the address whose failures are counted.
    pub async fn identify(&self, headers: &HeaderMap, client: IpAddr) -> Result<Identified, LoginError> {
        let (name, password) = credentials(headers).ok_or(LoginError::Missing)?;
        let user = self.users.get(name.as_str());
        let known = user.map(|u| Identified { name: Arc::clone(&u.name), groups: Arc::clone(&u.groups) });
        let mark = self.mark(&name, &password);
        if let Some(known) = &known
            && self.verified.get(&mark).is_some_and(|at| at.elapsed() < REMEMBERED)
        {
            return Ok(known.clone());
        }
        let failed = self.failed.get(&client).filter(|failed| failed.since.elapsed() < FAILED_SPAN);
        if failed.is_some_and(|failed| failed.count >= FAILED_MAX) {
            return Err(LoginError::TooMany);
        }
        let hash = user.map_or_else(|| NOBODY.to_owned(), |user| user.password_hash.clone());
        let _turn = self.verifying.acquire().await.map_err(|_closed| LoginError::Wrong)?;
        let compare = tokio::task::spawn_blocking(move || verify(&hash, password.as_bytes()));
        match (compare.await.unwrap_or(false), known) {
            (true, Some(known)) => {
                self.verified.insert(mark, Instant::now());
                Ok(known)
            }
            _ => {
                let failed = failed.unwrap_or_else(|| Failed { count: 0, since: Instant::now() });
                self.failed.insert(client, Failed { count: failed.count + 1, ..failed });
                Err(LoginError::Wrong)
            }
        }
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

/// Checks that a text is an argon2 hash in PHC form; the error says what is wrong and how to make one.
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn users() -> Users {
        // Cheap on purpose: m=8, t=1; the password is "secret".
        let hash = {
            use argon2::password_hash::{PasswordHasher, SaltString};
            let argon2 = Argon2::new(
                argon2::Algorithm::Argon2id,
                argon2::Version::V0x13,
                argon2::Params::new(8, 1, 1, None).unwrap(),
            );
            argon2
                .hash_password(b"secret", &SaltString::from_b64("c29tZXNhbHQ").unwrap())
                .unwrap()
                .to_string()
        };
        let user =
            User { name: "laptop-7".into(), password_hash: hash, groups: Arc::from(["sales".to_owned()]) };
        Users::new(vec![user]).unwrap()
    }

    fn basic(pair: &str) -> HeaderMap {
        let value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).unwrap();
        HeaderMap::from_iter([(PROXY_AUTHORIZATION, value)])
    }

    #[tokio::test]
    async fn only_the_right_password_proves_a_user() {
        let users = users();
        let user = users.identify(&basic("laptop-7:secret"), CLIENT).await.unwrap();
        assert_eq!((&*user.name, &user.groups[0]), ("laptop-7", &"sales".to_owned()));
        for (headers, error) in [
            (basic("laptop-7:Secret"), LoginError::Wrong),
            (basic("nobody:secret"), LoginError::Wrong),
            (basic("no colon"), LoginError::Missing),
            (HeaderMap::new(), LoginError::Missing),
        ] {
            assert_eq!(users.identify(&headers, CLIENT).await, Err(error));
        }
    }

    #[tokio::test]
    async fn an_address_that_guesses_is_stopped_and_others_are_not() {
        let users = users();
        for _ in 0..FAILED_MAX {
            assert_eq!(users.identify(&basic("laptop-7:guess"), CLIENT).await, Err(LoginError::Wrong));
        }
        assert_eq!(users.identify(&basic("laptop-7:secret"), CLIENT).await, Err(LoginError::TooMany));
        let other = "192.0.2.1".parse().unwrap();
        assert!(users.identify(&basic("laptop-7:secret"), other).await.is_ok());
    }

    #[test]
    fn the_hash_of_nobody_is_one_that_is_compared() {
        assert!(check_hash(NOBODY).is_ok() && PasswordHash::new(NOBODY).is_ok());
    }
}

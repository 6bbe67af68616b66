//! `auth`: who may use the proxy.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::section::section;
use crate::config::text::text_value;
use crate::identity::{self, User};
use crate::yaml::{Located, Typed};

section! {
    AuthSection {
        /// People and machines that may use the proxy. With users, everybody has to log in.
        users: Vec<UserEntry> = Vec::new(),
    }
}

/// Somebody who may use the proxy.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct UserEntry {
    /// Login name; it stands in events.
    name: Typed<String>,
    /// Argon2 hash of the password in PHC form, such as `argon2 SALT -id -e` prints.
    password_hash: PasswordHash,
    /// Groups, which rules can name.
    #[serde(default)]
    groups: Vec<String>,
}

text_value! {
    /// An argon2 hash in PHC form.
    PasswordHash(String),
    { "type": "string", "pattern": "^\\$argon2(id|i|d)\\$" }
}

/// A text that is no password hash.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotAHash(String);

impl FromStr for PasswordHash {
    type Err = NotAHash;

    fn from_str(typed: &str) -> Result<Self, NotAHash> {
        identity::check_hash(typed).map_err(|e| NotAHash(e.to_string()))?;
        Ok(Self(typed.into()))
    }
}

impl AuthSection {
    pub(crate) fn resolve(self) -> Result<Vec<User>, Located> {
        let mut users: Vec<User> = Vec::new();
        for UserEntry { name, password_hash, groups } in self.users {
            if users.iter().any(|user| *user.name == *name.value) {
                return Err(name.error(format!("`{}` is listed twice", name.value)));
            }
            let PasswordHash(password_hash) = password_hash;
            users.push(User { name: name.value.into(), password_hash, groups: groups.into() });
        }
        Ok(users)
    }
}

//! `clickhouse`: where events are delivered to.

use std::path::PathBuf;
use std::str::FromStr;

use crate::config::section::section;
use crate::config::text::{HttpUrl, text_value};
use crate::config::within::Days;
use crate::store::sink::clickhouse::{self, Settings};
use crate::yaml::{Located, Typed};

/// The database, unless another is named.
pub(crate) const DATABASE: &str = "daylight";
/// Days that ClickHouse keeps rows, unless told otherwise.
pub(crate) const TTL_DAYS: Days = Days::of(365);
/// Longest name of a user; it travels in a header.
const USER_MAX_BYTES: usize = 256;

section! {
    #[schemars(extend("required" = ["url"]))]
    ClickHouseSection {
        /// ClickHouse's HTTP interface. Without it nothing is delivered.
        url: Option<Typed<HttpUrl>> = None,
        /// Database of the tables.
        database: Typed<Name> = Typed::default_of(Name(DATABASE.into())),
        /// Who writes the rows.
        user: Typed<UserName> = Typed::default_of(UserName("default".into())),
        /// File with the password, read before each request.
        password_file: Option<Typed<PathBuf>> = None,
        /// Cluster for replicated and distributed tables.
        cluster: Option<Typed<Name>> = None,
        /// ClickHouse drops rows that are older.
        ttl_days: Typed<Days> = Typed::default_of(TTL_DAYS),
    }
}

text_value! {
    /// A database or a cluster; it stands in statements.
    Name(String),
    { "type": "string", "pattern": "^[A-Za-z0-9_]{1,64}$" }
}

/// A text that is no name for statements.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotAName(String);

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(typed: &str) -> Result<Self, NotAName> {
        clickhouse::check_name(typed).map_err(|e| NotAName(e.to_string()))?;
        Ok(Self(typed.into()))
    }
}

text_value! {
    /// A user of ClickHouse.
    UserName(String),
    { "type": "string", "pattern": "^[!-~]{1,256}$" }
}

/// A text that is no user name.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a user name of printable ASCII characters")]
pub(crate) struct NotAUserName(String);

impl FromStr for UserName {
    type Err = NotAUserName;

    fn from_str(typed: &str) -> Result<Self, NotAUserName> {
        let fits = (1..=USER_MAX_BYTES).contains(&typed.len());
        if fits && typed.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(typed.into()));
        }
        Err(NotAUserName(typed.into()))
    }
}

impl ClickHouseSection {
    /// The settings of delivery, when it is asked for; `extra_roots` are trusted beside the platform's roots.
    pub(crate) fn resolve(self, extra_roots: &[PathBuf]) -> Result<Option<Settings>, Located> {
        let Some(url) = self.url else {
            return self.without_effect().map_or(Ok(None), Err);
        };
        Ok(Some(Settings {
            url: url.value.uri,
            database: self.database.value.0,
            user: self.user.value.0,
            password_file: self.password_file.map(|file| file.value),
            cluster: self.cluster.map(|name| name.value.0),
            extra_roots: extra_roots.to_vec(),
            ttl_days: self.ttl_days.value.short(),
        }))
    }

    /// The first key that was typed although nothing is delivered.
    fn without_effect(&self) -> Option<Located> {
        const WHY: &str =
            "nothing is delivered without an address: add `clickhouse.url`, such as http://127.0.0.1:8123";
        let Self { url: _, database, user, password_file, cluster, ttl_days } = self;
        let typed = |default: bool| (!default).then_some(());
        typed(database.is_default())
            .map(|()| database.error(WHY))
            .or_else(|| typed(user.is_default()).map(|()| user.error(WHY)))
            .or_else(|| password_file.as_ref().map(|file| file.error(WHY)))
            .or_else(|| cluster.as_ref().map(|name| name.error(WHY)))
            .or_else(|| typed(ttl_days.is_default()).map(|()| ttl_days.error(WHY)))
    }
}

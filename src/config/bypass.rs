//! `bypass`: hosts that are not decrypted, and until when.

use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::format_description::well_known::Iso8601;

use crate::config::text::text_value;
use crate::host::HostPatterns;
use crate::policy::Bypass;
use crate::setup::Direct;
use crate::yaml::{Located, Typed};

const DAY_SECONDS: i64 = 24 * 60 * 60;
/// From this many days before an entry ends, `daylight check` tells its owner.
const ENDS_SOON_DAYS: i64 = 30;

/// Hosts that are not decrypted; what passes is still recorded.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct BypassEntry {
    /// A host, or `*.suffix` for every host below it.
    host: Typed<String>,
    /// Why it is not decrypted; it stands in events.
    #[serde(default)]
    reason: Option<String>,
    /// Who answers for the entry; `daylight check` names them when it ends.
    #[serde(default)]
    owner: Option<String>,
    /// The last day on which the entry applies, UTC.
    #[serde(default)]
    expires: Option<Day>,
}

text_value! {
    /// A day, UTC.
    Day(time::Date),
    { "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" }
}

/// A text that is no day.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a date such as 2027-06-30")]
pub(crate) struct NotADay(String);

impl FromStr for Day {
    type Err = NotADay;

    fn from_str(typed: &str) -> Result<Self, NotADay> {
        let date = time::Date::parse(typed, &Iso8601::DATE);
        date.map(Self).map_err(|_not_a_date| NotADay(typed.into()))
    }
}

impl Day {
    /// Unix seconds at which the day is over.
    fn end(&self) -> i64 {
        self.0.midnight().assume_utc().unix_timestamp() + DAY_SECONDS
    }
}

/// The end of an entry, for whoever answers for it.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    host: Typed<String>,
    owner: Option<String>,
    day: Day,
}

impl Ending {
    /// What there is to say at `now` (Unix seconds) about an entry that has ended or ends soon.
    pub(crate) fn note(&self, now: i64) -> Option<Located> {
        let (host, day) = (&self.host.value, &self.day);
        let owner = self.owner.as_ref().map(|owner| format!(" (owner: {owner})")).unwrap_or_default();
        let left = day.end() - now;
        let says = if left <= 0 {
            format!("ended on {day}, so `{host}` is decrypted again: renew it or delete it")
        } else if left <= ENDS_SOON_DAYS * DAY_SECONDS {
            format!("ends on {day}; after that `{host}` is decrypted")
        } else {
            return None;
        };
        Some(self.host.error(format!("this bypass{owner} {says}")))
    }
}

/// What the entries mean to the policy and to the PAC file, and when they end.
#[derive(Default)]
pub(crate) struct Bypassed {
    pub(crate) hosts: HostPatterns<Bypass>,
    pub(crate) direct: Vec<Direct>,
    pub(crate) endings: Vec<Ending>,
}

pub(crate) fn resolve(entries: Vec<BypassEntry>) -> Result<Bypassed, Located> {
    let mut bypassed = Bypassed::default();
    for BypassEntry { host, reason, owner, expires } in entries {
        let reason = Arc::from(reason.as_deref().unwrap_or("listed in `bypass`"));
        let until = expires.as_ref().map(Day::end);
        let inserted = bypassed.hosts.insert(&host.value, Bypass { reason, until });
        inserted.map_err(|e| host.error(e.to_string()))?;
        bypassed.direct.push(Direct { host: host.value.to_ascii_lowercase(), until });
        bypassed.endings.extend(expires.map(|day| Ending { host, owner, day }));
    }
    Ok(bypassed)
}

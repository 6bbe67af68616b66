//! `DAYLIGHT_SECTION_KEY` in the environment overrides the file.

use serde::de::DeserializeOwned;
use serde_saphyr::Spanned;

use super::raw::{ClickHouse, Raw};
use crate::yaml::{Located, Source};

/// Applies every variable that is set.
pub fn apply(raw: &mut Raw, read: &dyn Fn(&str) -> Option<String>) -> Result<(), Located> {
    set(read, "DAYLIGHT_GATEWAY_NAME", &mut raw.gateway.name)?;
    set(read, "DAYLIGHT_LISTEN_PROXY", &mut raw.listen.proxy)?;
    set(read, "DAYLIGHT_LISTEN_WEB", &mut raw.listen.web)?;
    set(read, "DAYLIGHT_LISTEN_ADMIN", &mut raw.listen.admin)?;
    set(read, "DAYLIGHT_DATA", &mut raw.data)?;
    set(read, "DAYLIGHT_CA_DIR", &mut raw.ca.dir)?;
    set(read, "DAYLIGHT_RULES", &mut raw.rules)?;
    set(read, "DAYLIGHT_POSTURE_SHADOW", &mut raw.posture.shadow)?;
    set(read, "DAYLIGHT_PORTAL_URL", &mut raw.portal.url)?;
    set(read, "DAYLIGHT_RECORD", &mut raw.record)?;
    set(read, "DAYLIGHT_TLS_EXTRA_ROOTS", &mut raw.tls.extra_roots)?;
    set(read, "DAYLIGHT_DESTINATIONS_DENY", &mut raw.destinations.deny)?;
    set(read, "DAYLIGHT_DESTINATIONS_CONNECT_PORTS", &mut raw.destinations.connect_ports)?;
    set(read, "DAYLIGHT_INSPECT_HOLD_BYTES", &mut raw.inspect.hold_bytes)?;
    set(read, "DAYLIGHT_INSPECT_HOLD_MS", &mut raw.inspect.hold_ms)?;
    set(read, "DAYLIGHT_INSPECT_UNINSPECTABLE", &mut raw.inspect.uninspectable)?;
    set(read, "DAYLIGHT_JOURNAL_MAX_AGE_DAYS", &mut raw.journal.max_age_days)?;
    set(read, "DAYLIGHT_JOURNAL_MAX_BYTES", &mut raw.journal.max_bytes)?;
    set(read, "DAYLIGHT_JOURNAL_WHEN_FULL", &mut raw.journal.when_full)?;
    clickhouse(raw, read)
}

fn clickhouse(raw: &mut Raw, read: &dyn Fn(&str) -> Option<String>) -> Result<(), Located> {
    if let Some(url) = read("DAYLIGHT_CLICKHOUSE_URL")
        && raw.clickhouse.is_none()
    {
        let text = serde_json::json!({ "url": url }).to_string();
        let source = Source { file: "DAYLIGHT_CLICKHOUSE_URL".into(), text };
        raw.clickhouse = Some(source.parse::<ClickHouse>()?);
    }
    let Some(entry) = &mut raw.clickhouse else { return Ok(()) };
    set(read, "DAYLIGHT_CLICKHOUSE_URL", &mut entry.url)?;
    set(read, "DAYLIGHT_CLICKHOUSE_DATABASE", &mut entry.database)?;
    set(read, "DAYLIGHT_CLICKHOUSE_USER", &mut entry.user)?;
    set(read, "DAYLIGHT_CLICKHOUSE_PASSWORD_FILE", &mut entry.password_file)
}

/// The value is YAML: `[a, b]` is a list.
fn set<T: DeserializeOwned>(
    read: &dyn Fn(&str) -> Option<String>,
    variable: &str,
    to: &mut T,
) -> Result<(), Located> {
    let Some(text) = read(variable) else { return Ok(()) };
    let source = Source { file: variable.into(), text };
    *to = source.parse::<Spanned<T>>()?.value;
    Ok(())
}

//! The PAC file: private names direct, bypassed domains direct, everything else through the proxies in order.

use serde_json::json;

/// What a PAC file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pac {
    /// `host:port` of each proxy in failover order; empty means the proxy that serves the file.
    pub proxies: Vec<String>,
    /// Hosts that go direct.
    pub direct: Vec<Direct>,
    /// Go direct when no proxy answers; off, because traffic would then pass unseen.
    pub direct_on_failure: bool,
}

/// Hosts that go direct, for as long as they are on the bypass list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direct {
    /// `host.example` or `*.host.example`.
    pub host: String,
    /// Unix seconds; absent for ever.
    pub until: Option<i64>,
}

impl Pac {
    /// The file at `now` (Unix seconds). Strings of the configuration enter as JSON literals, which are JavaScript
    /// literals.
    pub fn render(&self, own: &str, now: i64) -> String {
        let proxies = if self.proxies.is_empty() { vec![own.to_owned()] } else { self.proxies.clone() };
        let mut route: Vec<String> = proxies.iter().map(|proxy| format!("PROXY {proxy}")).collect();
        if self.direct_on_failure {
            route.push("DIRECT".into());
        }
        let (suffixes, exact): (Vec<&str>, Vec<&str>) =
            self.direct_at(now).partition(|host| host.starts_with("*."));
        let suffixes: Vec<&str> = suffixes.iter().filter_map(|host| host.strip_prefix('*')).collect();
        TEMPLATE
            .replace("@ROUTE@", &json!(route.join("; ")).to_string())
            .replace("@EXACT@", &json!(exact).to_string())
            .replace("@SUFFIXES@", &json!(suffixes).to_string())
    }

    fn direct_at(&self, now: i64) -> impl Iterator<Item = &str> {
        self.direct
            .iter()
            .filter(move |entry| entry.until.is_none_or(|until| now < until))
            .map(|entry| entry.host.as_str())
    }
}

/// Addresses are compared as text: resolving names in a PAC file would stall every page.
const TEMPLATE: &str = r#"var ROUTE = @ROUTE@;
var EXACT = @EXACT@;
var SUFFIXES = @SUFFIXES@;

function endsWith(host, suffix) {
  return host.length > suffix.length && host.substring(host.length - suffix.length) === suffix;
}

function isPrivate(host) {
  if (host === "daylight.internal") return false;
  if (isPlainHostName(host) || host === "localhost" || endsWith(host, ".localhost")) return true;
  if (endsWith(host, ".local") || endsWith(host, ".internal") || endsWith(host, ".home.arpa")) return true;
  return /^(10|127)\.\d+\.\d+\.\d+$/.test(host) || /^192\.168\.\d+\.\d+$/.test(host) ||
    /^169\.254\.\d+\.\d+$/.test(host) || /^172\.(1[6-9]|2\d|3[01])\.\d+\.\d+$/.test(host) ||
    /^\[?(::1|f[cd][0-9a-f]{2}:.*|fe[89ab][0-9a-f]:.*)\]?$/.test(host);
}

function FindProxyForURL(url, host) {
  host = host.toLowerCase();
  if (isPrivate(host)) return "DIRECT";
  for (var i = 0; i < EXACT.length; i++) if (host === EXACT[i]) return "DIRECT";
  for (var j = 0; j < SUFFIXES.length; j++) if (endsWith(host, SUFFIXES[j])) return "DIRECT";
  return ROUTE;
}
"#;

//! Pages for people who set up a machine: the PAC file, the CA in every form, copyable commands, and a check.
//!
//! Reached at the proxy's own address, and as `daylight.internal` through the proxy.

pub mod pac;
mod profile;

use std::net::SocketAddr;

use askama::Template;
use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use serde_json::json;

use crate::answers::page::CONTENT_SECURITY_POLICY;
use crate::host::Destination;
pub use pac::{Direct, Pac};

/// The name that reaches these pages through the proxy.
pub const OWN_NAME: &str = "daylight.internal";

/// True for [`OWN_NAME`].
pub fn is_ours(host: &str) -> bool {
    host == OWN_NAME
}

/// How a request came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// Straight to the proxy's port: the client does not use the proxy for this.
    Direct,
    /// Through the proxy, without TLS.
    Proxied,
    /// Through the proxy, inside TLS that our CA signed: the client trusts it.
    Intercepted,
}

/// A request for a page.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Method.
    pub method: &'a Method,
    /// Path.
    pub path: &'a str,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// How it came.
    pub reached: Reached,
    /// The gateway's end of the connection.
    pub local: Option<SocketAddr>,
}

/// What the pages are made from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The proxy's address, as bound.
    pub proxy: SocketAddr,
    /// The CA as PEM.
    pub ca_pem: String,
    /// The CA as DER.
    pub ca_der: Vec<u8>,
    /// SHA-256 fingerprint.
    pub sha256: String,
    /// SHA-1 fingerprint.
    pub sha1: String,
    /// Day the CA expires.
    pub not_after: String,
    /// The CA before the last rotation, while it is offered.
    pub previous_pem: Option<String>,
}

/// What of the pages may change while the gateway runs.
#[derive(Clone, Copy, Debug)]
pub struct Current<'a> {
    /// The PAC file.
    pub pac: &'a Pac,
    /// The approved portal.
    pub portal: Option<&'a str>,
    /// Unix seconds.
    pub now: i64,
}

/// The pages.
#[derive(Debug)]
pub struct Onboarding {
    settings: Settings,
}

#[derive(Template)]
#[template(path = "onboarding.html")]
struct SetUp<'a> {
    proxy: &'a str,
    /// `proxy` in two parts.
    host: &'a str,
    port: u16,
    /// `proxy` as containers on the reader's machine reach it.
    containers: &'a str,
    sha256: &'a str,
    sha1: &'a str,
    not_after: &'a str,
    previous: bool,
    portal: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "check.html")]
struct Check<'a> {
    through: bool,
    trusted: bool,
    proxy: &'a str,
}

impl Onboarding {
    /// Prepares the pages.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Answers a request.
    pub fn answer(&self, asked: &Asked<'_>, current: &Current<'_>) -> Response<Bytes> {
        if !matches!(*asked.method, Method::GET | Method::HEAD) {
            return plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "text/plain; charset=utf-8",
                "only GET is answered here\n",
            );
        }
        let mut answer = self.page(asked, current);
        if *asked.method == Method::HEAD {
            *answer.body_mut() = Bytes::new();
        }
        answer
    }

    fn page(&self, asked: &Asked<'_>, current: &Current<'_>) -> Response<Bytes> {
        let own = &self.settings;
        match asked.path {
            "/" | "" => self.set_up(asked, current),
            "/proxy.pac" | "/wpad.dat" => {
                let text = current.pac.render(&self.proxy_for(asked, current.pac).to_string(), current.now);
                let mut answer = plain(StatusCode::OK, "application/x-ns-proxy-autoconfig", text);
                let cache = HeaderValue::from_static("max-age=300");
                answer.headers_mut().insert(CACHE_CONTROL, cache);
                answer
            }
            "/ca.pem" => file("application/x-pem-file", "daylight-ca.pem", own.ca_pem.clone()),
            "/ca.der" => file("application/pkix-cert", "daylight-ca.cer", own.ca_der.clone()),
            "/ca.mobileconfig" => {
                let profile = profile::apple(&own.ca_der, &own.sha256);
                file("application/x-apple-aspen-config", "daylight.mobileconfig", profile)
            }
            "/ca-previous.pem" => match &own.previous_pem {
                Some(pem) => file("application/x-pem-file", "daylight-ca-previous.pem", pem.clone()),
                None => missing(),
            },
            "/check" => self.check(asked, current.pac),
            _ => missing(),
        }
    }

    fn set_up(&self, asked: &Asked<'_>, current: &Current<'_>) -> Response<Bytes> {
        let own = &self.settings;
        let to = self.proxy_for(asked, current.pac);
        let loopback = &*to.host == "localhost" || to.ip().is_some_and(|ip| ip.is_loopback());
        let containers = if loopback { format!("host.docker.internal:{}", to.port) } else { to.to_string() };
        let page = SetUp {
            proxy: &to.to_string(),
            host: &to.host,
            port: to.port,
            containers: &containers,
            sha256: &own.sha256,
            sha1: &own.sha1,
            not_after: &own.not_after,
            previous: own.previous_pem.is_some(),
            portal: current.portal,
        };
        html(page.render().unwrap_or_default())
    }

    fn check(&self, asked: &Asked<'_>, pac: &Pac) -> Response<Bytes> {
        let through = asked.reached != Reached::Direct;
        let trusted = asked.reached == Reached::Intercepted;
        let wants_html = accepts(asked.headers, "text/html");
        if wants_html {
            let proxy = self.proxy_for(asked, pac).to_string();
            return html(Check { through, trusted, proxy: &proxy }.render().unwrap_or_default());
        }
        let advice = match asked.reached {
            Reached::Direct => {
                "this request did not go through the proxy; set it and ask http://daylight.internal/check"
            }
            Reached::Proxied => "the proxy is used; ask https://daylight.internal/check to test the CA",
            Reached::Intercepted => "the proxy is used and its CA is trusted",
        };
        let body = json!({ "through_proxy": through, "ca_trusted": trusted, "advice": advice });
        plain(StatusCode::OK, "application/json", format!("{body}\n"))
    }

    /// The address under which this client reaches the proxy: what it typed, what the configuration says, where its
    /// connection arrived. A wildcard listener does not know its own name.
    fn proxy_for(&self, asked: &Asked<'_>, pac: &Pac) -> Destination {
        let read = |text: &str| Destination::parse(text, Some(80)).ok();
        let named = |to: &Destination| !to.ip().is_some_and(|ip| ip.is_unspecified());
        let typed = asked.headers.get(HOST).filter(|_| asked.reached == Reached::Direct);
        let arrived = |local: SocketAddr| Destination {
            host: local.ip().to_canonical().to_string().into(),
            port: local.port(),
        };
        typed
            .and_then(|host| read(host.to_str().ok()?))
            .filter(named)
            .or_else(|| pac.proxies.iter().find_map(|proxy| read(proxy)))
            .or_else(|| asked.local.map(arrived))
            .unwrap_or_else(|| arrived(self.settings.proxy))
    }
}

fn accepts(headers: &HeaderMap, media: &str) -> bool {
    headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains(media))
}

fn missing() -> Response<Bytes> {
    let text = "There is no such page here. / says how to set up a machine, /proxy.pac and /ca.pem are the files, \
                /check tests the set-up.\n";
    plain(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", text)
}

fn html(body: String) -> Response<Bytes> {
    let mut answer = plain(StatusCode::OK, "text/html; charset=utf-8", body);
    answer.headers_mut().insert("content-security-policy", HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    answer
}

fn file(media: &'static str, name: &str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut answer = plain(StatusCode::OK, media, body);
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        answer.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    }
    answer
}

fn plain(status: StatusCode, media: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

#[cfg(test)]
mod tests;

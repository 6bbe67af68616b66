//! Pages for people who set up a machine: the PAC file, the CA in every form, copyable commands, and a check.
//!
//! Reached at the proxy's own address, and as `daylight.internal` through the proxy.

pub(crate) mod pac;
mod profile;

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use askama::Template;
use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use serde_json::json;

use crate::answers::page::CONTENT_SECURITY_POLICY;
use crate::clock;
use crate::host::Destination;
use crate::identity::Person;
use crate::inlet::{Admitted, Cause, Inlet, Serving};
use crate::wire::http::Body;
pub(crate) use pac::{Direct, Pac};

/// A request for a page.
#[derive(Clone, Copy, Debug)]
struct PageRequest<'a> {
    method: &'a Method,
    path: &'a str,
    headers: &'a HeaderMap,
    cause: Cause,
    /// The gateway's end of the connection.
    local: Option<SocketAddr>,
}

/// What the pages say about this gateway; fixed while it runs.
#[derive(Clone, Debug)]
pub(crate) struct PageFacts {
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

/// What the pages say that a reload replaces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Current {
    /// The PAC file.
    pub pac: Pac,
    /// The approved portal's address.
    pub portal: Option<Arc<str>>,
}

/// The pages.
#[derive(Debug)]
pub(crate) struct Pages {
    facts: PageFacts,
    current: ArcSwap<Current>,
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

impl Pages {
    /// Prepares the pages.
    pub(crate) fn new(facts: PageFacts, current: Current) -> Self {
        Self { facts, current: ArcSwap::from_pointee(current) }
    }

    /// Puts new content in the place of what a reload replaces.
    pub(crate) fn replace(&self, current: Current) {
        self.current.store(Arc::new(current));
    }

    /// Answers a request at `now_s` (Unix seconds).
    fn answer(&self, asked: &PageRequest<'_>, now_s: i64) -> Response<Bytes> {
        if !matches!(*asked.method, Method::GET | Method::HEAD) {
            return text_answer(
                StatusCode::METHOD_NOT_ALLOWED,
                "text/plain; charset=utf-8",
                "only GET is answered here\n",
            );
        }
        let mut answer = self.page(asked, &self.current.load(), now_s);
        if *asked.method == Method::HEAD {
            *answer.body_mut() = Bytes::new();
        }
        answer
    }

    fn page(&self, asked: &PageRequest<'_>, current: &Current, now_s: i64) -> Response<Bytes> {
        let own = &self.facts;
        match asked.path {
            "/" | "" => self.set_up(asked, current),
            "/proxy.pac" | "/wpad.dat" => {
                let text = current.pac.render(&self.proxy_for(asked, &current.pac).to_string(), now_s);
                let mut answer = text_answer(StatusCode::OK, "application/x-ns-proxy-autoconfig", text);
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
            "/check" => self.check(asked, &current.pac),
            _ => missing(),
        }
    }

    fn set_up(&self, asked: &PageRequest<'_>, current: &Current) -> Response<Bytes> {
        let own = &self.facts;
        let to = self.proxy_for(asked, &current.pac);
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
            portal: current.portal.as_deref(),
        };
        html(page.render().unwrap_or_default())
    }

    fn check(&self, asked: &PageRequest<'_>, pac: &Pac) -> Response<Bytes> {
        let (through, trusted) = (asked.cause.is_proxied(), asked.cause.is_trusted());
        let wants_html = accepts(asked.headers, "text/html");
        if wants_html {
            let proxy = self.proxy_for(asked, pac).to_string();
            return html(Check { through, trusted, proxy: &proxy }.render().unwrap_or_default());
        }
        let advice = match asked.cause {
            Cause::Direct => {
                "this request did not go through the proxy; set it and ask http://daylight.internal/check"
            }
            Cause::OwnName => "the proxy is used; ask https://daylight.internal/check to test the CA",
            Cause::OwnNameTrusted => "the proxy is used and its CA is trusted",
        };
        let body = json!({ "through_proxy": through, "ca_trusted": trusted, "advice": advice });
        text_answer(StatusCode::OK, "application/json", format!("{body}\n"))
    }

    /// The address under which this client reaches the proxy: what it typed, what the configuration says, where its
    /// connection arrived. A wildcard listener does not know its own name.
    fn proxy_for(&self, asked: &PageRequest<'_>, pac: &Pac) -> Destination {
        let read = |text: &str| Destination::parse(text, Some(80)).ok();
        let named = |to: &Destination| !to.ip().is_some_and(|ip| ip.is_unspecified());
        let typed = asked.headers.get(HOST).filter(|_| asked.cause == Cause::Direct);
        let arrived = |local: SocketAddr| Destination {
            host: local.ip().to_canonical().to_string().into(),
            port: local.port(),
        };
        typed
            .and_then(|host| read(host.to_str().ok()?))
            .filter(named)
            .or_else(|| pac.proxies.iter().find_map(|proxy| read(proxy)))
            .or_else(|| asked.local.map(arrived))
            .unwrap_or_else(|| arrived(self.facts.proxy))
    }
}

impl Inlet for Pages {
    fn serve(&self, request: Admitted, person: Person, cause: Cause) -> Serving<'_> {
        let request = request.into_request();
        let (method, path, headers) = (request.method(), request.uri().path(), request.headers());
        let asked = PageRequest { method, path, headers, cause, local: person.local };
        let answer = self.answer(&asked, clock::now_s()).map(Body::from);
        Box::pin(std::future::ready(answer))
    }
}

fn accepts(headers: &HeaderMap, media: &str) -> bool {
    headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains(media))
}

fn missing() -> Response<Bytes> {
    let text = "There is no such page here. / says how to set up a machine, /proxy.pac and /ca.pem are the files, \
                /check tests the set-up.\n";
    text_answer(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", text)
}

fn html(body: String) -> Response<Bytes> {
    let mut answer = text_answer(StatusCode::OK, "text/html; charset=utf-8", body);
    answer.headers_mut().insert("content-security-policy", HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    answer
}

fn file(media: &'static str, name: &str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut answer = text_answer(StatusCode::OK, media, body);
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        answer.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    }
    answer
}

fn text_answer(status: StatusCode, media: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
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

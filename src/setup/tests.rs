use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;

const NOW: i64 = 1_800_000_000;

fn direct(host: &str) -> Direct {
    Direct { host: host.into(), until: None }
}

fn pages(pac: &Pac) -> Pages {
    let current = Current { pac: pac.clone(), portal: Some("https://mcp.corp.example/mcp".into()) };
    let facts = PageFacts {
        proxy: "0.0.0.0:8080".parse().unwrap(),
        ca_pem: "PEM".into(),
        ca_der: b"DER".to_vec(),
        sha256: "AA".into(),
        sha1: "BB".into(),
        not_after: "2036-01-01".into(),
        previous_pem: None,
    };
    Pages::new(facts, current)
}

fn get(path: &str, accept: &'static str, cause: Cause) -> Response<Bytes> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    headers.insert(HOST, HeaderValue::from_static("gateway.corp.example:8080"));
    ask(&Pac::default(), path, &headers, cause)
}

fn ask(pac: &Pac, path: &str, headers: &HeaderMap, cause: Cause) -> Response<Bytes> {
    let local = Some("192.0.2.7:8080".parse().unwrap());
    pages(pac).answer(&PageRequest { method: &Method::GET, path, headers, cause, local }, NOW)
}

fn text(answer: &Response<Bytes>) -> &str {
    std::str::from_utf8(answer.body()).unwrap()
}

#[test]
fn every_file_has_its_media_type() {
    for (path, media) in [
        ("/proxy.pac", "application/x-ns-proxy-autoconfig"),
        ("/wpad.dat", "application/x-ns-proxy-autoconfig"),
        ("/ca.pem", "application/x-pem-file"),
        ("/ca.der", "application/pkix-cert"),
        ("/ca.mobileconfig", "application/x-apple-aspen-config"),
        ("/", "text/html; charset=utf-8"),
    ] {
        let answer = get(path, "*/*", Cause::Direct);
        assert_eq!(
            (answer.status().as_u16(), answer.headers()[CONTENT_TYPE].to_str().unwrap()),
            (200, media),
            "{path}"
        );
    }
    assert_eq!(get("/ca-previous.pem", "*/*", Cause::Direct).status(), 404);
    assert_eq!(get("/nothing", "*/*", Cause::Direct).status(), 404);
}

#[test]
fn the_set_up_page_says_that_command_line_clients_ignore_pac() {
    let answer = get("/", "text/html", Cause::Direct);
    let page = text(&answer);
    for needed in [
        "ignore",
        "HTTPS_PROXY",
        "NODE_EXTRA_CA_CERTS",
        "SSL_CERT_FILE",
        "keytool",
        "certutil",
        "http.sslCAInfo",
        "update-ca-certificates",
        "update-ca-trust",
        "security add-trusted-cert",
        "gateway.corp.example:8080",
        "AA",
        "BB",
    ] {
        assert!(page.contains(needed), "{needed}");
    }
}

#[test]
fn a_wildcard_listener_is_named_as_typed_as_configured_or_as_reached() {
    let proxied = |proxies: &[&str], local: &str, host: &'static str, cause| {
        let pac = Pac { proxies: proxies.iter().map(|&proxy| proxy.to_owned()).collect(), ..Pac::default() };
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static(host));
        let local = Some(local.parse().unwrap());
        let asked = PageRequest { method: &Method::GET, path: "/", headers: &headers, cause, local };
        pages(&pac).proxy_for(&asked, &pac).to_string()
    };
    use Cause::{Direct, OwnName, OwnNameTrusted};
    let configured = ["a.corp.example:8080", "b.corp.example:8080"];
    for (proxies, local, host, cause, named) in [
        (&[][..], "192.0.2.7:8080", "gw.example:3128", Direct, "gw.example:3128"),
        (&[], "192.0.2.7:8080", "0.0.0.0:8080", Direct, "192.0.2.7:8080"),
        (&[], "192.0.2.7:8080", "daylight.internal", OwnName, "192.0.2.7:8080"),
        (&[], "[::ffff:192.0.2.7]:8080", "daylight.internal", OwnNameTrusted, "192.0.2.7:8080"),
        (&[], "[2001:db8::7]:8080", "daylight.internal", OwnNameTrusted, "[2001:db8::7]:8080"),
        (&configured, "192.0.2.7:8080", "daylight.internal", OwnNameTrusted, "a.corp.example:8080"),
    ] {
        assert_eq!(proxied(proxies, local, host, cause), named);
    }
}

#[test]
fn containers_are_told_an_address_that_they_can_reach() {
    let page = |host| {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static(host));
        text(&ask(&Pac::default(), "/", &headers, Cause::Direct)).to_owned()
    };
    assert!(page("localhost:8080").contains("\"httpProxy\": \"http://host.docker.internal:8080\""));
    assert!(page("gw.example:8080").contains("\"httpProxy\": \"http://gw.example:8080\""));
}

#[test]
fn check_tells_the_three_cases_apart() {
    for (cause, through, trusted) in
        [(Cause::Direct, false, false), (Cause::OwnName, true, false), (Cause::OwnNameTrusted, true, true)]
    {
        let answer = get("/check", "*/*", cause);
        let json: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(
            (json["through_proxy"].as_bool(), json["ca_trusted"].as_bool()),
            (Some(through), Some(trusted))
        );
    }
    assert!(text(&get("/check", "text/html", Cause::OwnName)).contains("https://daylight.internal/check"));
}

/// Runs a PAC file in a JavaScript engine, as a browser would.
fn find_proxy(pac: &Pac, hosts: &[&str]) -> Vec<String> {
    let script = format!(
        "const isPlainHostName = h => !h.includes('.');\n{}\nfor (const h of {}) console.log(FindProxyForURL('https://' + h + '/', h));",
        pac.render("proxy.corp.example:8080", NOW),
        serde_json::json!(hosts)
    );
    let mut node =
        Command::new("node").arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    node.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn the_pac_file_sends_private_and_bypassed_names_direct_and_the_rest_to_the_proxies_in_order() {
    let pac = Pac {
        proxies: vec!["a.corp.example:8080".into(), "b.corp.example:8080".into()],
        direct: vec![
            direct("*.bank.example"),
            direct("pinned.example"),
            Direct { host: "over.example".into(), until: Some(NOW) },
        ],
        direct_on_failure: false,
    };
    let hosts = [
        "intranet",
        "localhost",
        "10.1.2.3",
        "172.20.1.1",
        "www.bank.example",
        "pinned.example",
        "printer.local",
    ];
    assert!(find_proxy(&pac, &hosts).iter().all(|route| route == "DIRECT"));
    let hosts = [
        "mcp.vendor.example",
        "bank.example",
        "notpinned.example",
        "over.example",
        "172.32.1.1",
        "daylight.internal",
        "WWW.X.EXAMPLE",
    ];
    let route = "PROXY a.corp.example:8080; PROXY b.corp.example:8080";
    assert!(find_proxy(&pac, &hosts).iter().all(|found| found == route));
}

#[test]
fn the_pac_file_falls_back_to_direct_only_by_choice_and_cannot_be_broken_out_of() {
    let pac = Pac { direct: vec![direct("\"];throw 1;//")], direct_on_failure: true, ..Pac::default() };
    assert_eq!(find_proxy(&pac, &["mcp.vendor.example"]), ["PROXY proxy.corp.example:8080; DIRECT"]);
}

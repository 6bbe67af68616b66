//! The proxy itself: protocols, streaming, bypass, denial, users, onboarding.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::support::{Origin, SOON, curl, eventually, gateway};

#[test]
fn the_origins_protocol_is_mirrored() {
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).start();
    assert!(curl(&gateway, &["--http2", &origin.url("/a")]).head.starts_with("http/2 200"));
    assert!(curl(&gateway, &["--http1.1", &origin.url("/b")]).head.starts_with("http/1.1 200"));
    let event = gateway.event("h2", |e| e["path"] == "/a");
    assert_eq!(
        (&event["client_alpn"], &event["origin_alpn"], &event["origin_tls"]),
        (&"h2".into(), &"h2".into(), &"1.3".into())
    );
}

#[test]
fn the_first_event_of_a_stream_arrives_before_the_second_is_sent() {
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).start();
    let proxy = format!("http://{}", gateway.proxy);
    let ca = gateway.dir.path().join("certs/ca.pem");
    let mut stream = Command::new("curl")
        .args(["-s", "-N", "-m", "20", "-x", &proxy, "--cacert"])
        .arg(ca)
        .arg(origin.url("/sse"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = stream.stdout.take().unwrap();
    let mut first = [0; 13];
    out.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"data: first\n\n");
    assert_eq!(curl(&gateway, &[&origin.url("/release")]).body, "released");
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "data: second\n\n");
    assert!(stream.wait().unwrap().success());
}

#[test]
fn large_bodies_stream_both_ways_at_constant_memory() {
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).start();
    let size = 64 << 20;
    let file = gateway.dir.path().join("large");
    std::fs::write(&file, vec![b'x'; size]).unwrap();
    let upload = format!("@{}", file.display());
    let up = curl(
        &gateway,
        &[&origin.url("/echo"), "-H", "content-type: application/octet-stream", "--data-binary", &upload],
    );
    assert_eq!(up.json()["received"], size);
    let down = curl(
        &gateway,
        &[&origin.url(&format!("/bytes/{size}")), "-o", "/dev/null", "-w", "%{size_download}"],
    );
    assert!(down.body.is_empty());
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let peak =
        status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap().trim().trim_end_matches(" kB").trim();
    assert!(peak.parse::<usize>().unwrap() < 96 * 1024, "peak memory {peak} KiB for bodies of 65536 KiB");
    let event = gateway.event("upload", |e| e["bytes_up"] == size);
    assert_eq!(event["status"], 200);
}

#[test]
fn an_upgrade_passes_bytes_both_ways() {
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).start();
    let script = r#"
import socket, ssl, sys, urllib.request
host, port, proxy, ca = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(':'), sys.argv[4]
s = socket.create_connection((proxy[0], int(proxy[1])), 10)
s.sendall(f'CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n'.encode())
head = b''
while not head.endswith(b'\r\n\r\n'): head += s.recv(1)
c = ssl.create_default_context(cafile=ca).wrap_socket(s, server_hostname=host)
c.sendall(f'GET /ws HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'.encode())
head = b''
while not head.endswith(b'\r\n\r\n'): head += c.recv(1)
assert head.startswith(b'HTTP/1.1 101'), head
c.sendall(b'ping over the wire')
got = b''
while len(got) < 18: got += c.recv(100)
metrics = urllib.request.urlopen(f'http://{sys.argv[5]}/metrics').read().decode()
assert 'daylight_connections_active{listener="proxy"} 1' in metrics, 'an upgraded connection counts as one that is open'
print(got.decode())
"#;
    let ca = gateway.dir.path().join("certs/ca.pem");
    let output = Command::new("python3")
        .args(["-c", script, "localhost", &origin.address.port().to_string(), &gateway.proxy])
        .arg(ca)
        .arg(&gateway.admin)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "ping over the wire\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let event = gateway.event("upgrade", |e| e["status"] == 101);
    assert_eq!((&event["bytes_up"], &event["bytes_down"]), (&18.into(), &18.into()));
}

#[test]
fn a_bypassed_host_keeps_its_own_certificate_and_is_recorded() {
    let origin = Origin::start();
    let gateway = gateway().config("bypass: [ { host: localhost, reason: pinned } ]").start();
    let ca = origin.ca.display().to_string();
    let answer = curl(&gateway, &["--cacert", &ca, &origin.url("/bytes/1000"), "-o", "/dev/null"]);
    assert_eq!(answer.code, 0);
    let event = gateway.event("bypass", |e| e["verdict"] == "bypass");
    assert_eq!((&event["bypass_reason"], &event["sni"]), (&"pinned".into(), &"localhost".into()));
    assert!(event["bytes_down"].as_u64().unwrap() > 1000);
}

#[test]
fn loopback_is_out_of_reach_by_default_also_by_name() {
    let gateway = gateway().guarded().start();
    for url in [
        "http://127.0.0.1:9999/",
        "http://localhost:9999/",
        "http://[::ffff:127.0.0.1]:9999/",
        "https://localhost:9999/",
    ] {
        let answer = curl(&gateway, &["-g", url]);
        assert_eq!(answer.status, 403, "{url}: {answer:?}");
        assert!(answer.head.contains("destination_ip_prohibited"), "{url}");
    }
    assert_eq!(curl(&gateway, &["https://host.example:25/"]).code, 56, "CONNECT to port 25 is refused");
    let event = gateway.event("port", |e| e["port"] == 25);
    assert_eq!(event["status"], 403);
}

#[test]
fn a_user_has_to_log_in_and_is_named_in_events() {
    let origin = Origin::start();
    let salt = "c29tZXNhbHRzYWx0";
    let hash = argon2_hash("secret", salt);
    let gateway = gateway()
        .trusting(&origin)
        .config(&format!(
            "auth: {{ users: [ {{ name: laptop-7, password_hash: \"{hash}\", groups: [sales] }} ] }}"
        ))
        .start();
    assert_eq!(curl(&gateway, &["http://localhost:1/"]).status, 407);
    assert_eq!(curl(&gateway, &["-U", "laptop-7:wrong", "http://localhost:1/"]).status, 407);
    assert_eq!(curl(&gateway, &["-U", "laptop-7:secret", &origin.url("/a")]).status, 200);
    let event = gateway.event("user", |e| e["path"] == "/a");
    assert_eq!((&event["user"], &event["groups"][0]), (&"laptop-7".into(), &"sales".into()));
    let wrong = gateway.event("wrong password", |e| e["status"] == 407);
    assert_eq!(wrong["error"], "client: the name or the password is wrong");
    let config = gateway.dir.path().join("daylight.yaml");
    let yaml = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, yaml.replace("laptop-7", "laptop-8")).unwrap();
    assert!(gateway.reload().0);
    assert_eq!(curl(&gateway, &["-U", "laptop-7:secret", "http://localhost:1/"]).status, 407, "gone");
}

fn argon2_hash(password: &str, salt: &str) -> String {
    use argon2::password_hash::{PasswordHasher, SaltString};
    let salt = SaltString::from_b64(salt).unwrap();
    argon2::Argon2::default().hash_password(password.as_bytes(), &salt).unwrap().to_string()
}

#[test]
fn the_set_up_pages_are_reached_directly_and_through_the_proxy() {
    let gateway = gateway().start();
    let direct = |path: &str| {
        let url = format!("http://{}{path}", gateway.proxy);
        let output = Command::new("curl").args(["-s", "-i", &url]).output().unwrap();
        crate::support::answer(&output)
    };
    assert!(direct("/").body.contains("Command-line MCP clients ignore PAC files"));
    assert!(direct("/proxy.pac").head.contains("application/x-ns-proxy-autoconfig"));
    assert_eq!(direct("/check").json()["through_proxy"], false);
    let ca = std::fs::read_to_string(gateway.dir.path().join("certs/ca.pem")).unwrap();
    assert_eq!(direct("/ca.pem").body, ca);
    assert_eq!(curl(&gateway, &["http://daylight.internal/check"]).json()["ca_trusted"], false);
    assert_eq!(curl(&gateway, &["https://daylight.internal/check"]).json()["ca_trusted"], true);
}

#[test]
fn the_pac_file_follows_the_bypass_list_of_a_reload() {
    let gateway = gateway().config("bypass: [ { host: \"*.Bank.example\", expires: 2020-01-01 } ]").start();
    let pac = || curl(&gateway, &["http://daylight.internal/proxy.pac"]).body;
    assert!(!pac().contains("bank.example"), "it has expired");
    let config = gateway.dir.path().join("daylight.yaml");
    let yaml = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, yaml.replace("2020-01-01", "2120-01-01")).unwrap();
    assert!(gateway.reload().0);
    assert!(pac().contains(".bank.example"), "{}", pac());
}

#[test]
fn the_gateways_own_ports_are_not_for_its_clients() {
    let gateway = gateway().start();
    for port in [&gateway.admin, &gateway.proxy] {
        let answer = curl(&gateway, &[&format!("http://{port}/metrics")]);
        assert_eq!(
            (answer.status, answer.head.contains("destination_ip_prohibited")),
            (403, true),
            "{answer:?}"
        );
    }
}

#[test]
fn a_rotated_ca_stays_on_offer_for_its_overlap() {
    let page = |gateway: &crate::support::Gateway, path: &str| {
        let url = format!("http://{}{path}", gateway.proxy);
        crate::support::answer(&Command::new("curl").args(["-s", "-i", &url]).output().unwrap())
    };
    let gateway = gateway().start();
    let first = page(&gateway, "/ca.pem").body;
    assert!(gateway.verb(&["ca", "rotate", "--overlap-days", "7"]).status.success());
    let gateway = gateway.kill_and_restart();
    assert_eq!(page(&gateway, "/ca-previous.pem").body, first);
    assert_ne!(page(&gateway, "/ca.pem").body, first);
    assert!(page(&gateway, "/").body.contains("/ca-previous.pem"));
    assert!(gateway.verb(&["ca", "rotate", "--overlap-days", "0"]).status.success());
    let gateway = gateway.kill_and_restart();
    assert_eq!(page(&gateway, "/ca-previous.pem").status, 404, "its overlap is over");
    assert_eq!(gateway.verb(&["ca", "rotate", "--overlap-days", "4000000000"]).status.code(), Some(2));
}

#[test]
fn one_client_cannot_take_all_connections() {
    let gateway = gateway().config("limits: { connections_per_client: 3 }").start();
    let held: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(&gateway.proxy).unwrap()).collect();
    let mut refused = TcpStream::connect(&gateway.proxy).unwrap();
    let mut byte = [0];
    // Closed at once, by an end or a reset.
    assert!(matches!(
        refused.write_all(b"GET / HTTP/1.1\r\n\r\n").and_then(|()| refused.read(&mut byte)),
        Ok(0) | Err(_)
    ));
    drop(held);
    let line = "daylight_limit_hits_total{limit=\"connections_per_client\"} 1";
    eventually(SOON, "the refused connection is counted", || gateway.metrics().contains(line));
}

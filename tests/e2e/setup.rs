//! The commands of the set-up page, run as they stand.

use std::path::Path;
use std::process::Command;

use crate::support::{Gateway, curl, gateway};

/// A machine's home folder and the set-up page that its user reads.
struct Machine {
    gateway: Gateway,
    home: tempfile::TempDir,
    page: String,
}

fn machine() -> Machine {
    let gateway = gateway().start();
    let address = format!("http://{}/", gateway.proxy);
    let page = curl(&gateway, &["--noproxy", "*", &address]).body;
    let page = ["&#38;", "&#60;", "&#62;", "&#34;", "&#39;", "&amp;"]
        .iter()
        .zip(["&", "<", ">", "\"", "'", "&"])
        .fold(page, |page, (escaped, plain)| page.replace(escaped, plain));
    Machine { gateway, home: tempfile::tempdir().unwrap(), page }
}

impl Machine {
    /// The text of a block of the page.
    fn block(&self, id: &str) -> &str {
        let start = format!("<pre id=\"{id}\"><code>");
        let rest = self.page.split_once(&start).unwrap_or_else(|| panic!("no block `{id}`")).1;
        rest.split_once("</code></pre>").unwrap().0
    }

    /// Runs blocks of the page in one shell, then a command; gives what they print.
    fn run(&self, ids: &[&str], command: &str) -> (bool, String) {
        let script: Vec<&str> = ids.iter().map(|id| self.block(id)).chain([command]).collect();
        let output = Command::new("bash")
            .args(["-euc", &script.join("\n")])
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("HOME", self.home.path())
            .current_dir(self.home.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.success(), said)
    }

    /// Runs blocks and a command that must succeed.
    fn runs(&self, ids: &[&str], command: &str) -> String {
        let (succeeded, said) = self.run(ids, command);
        assert!(succeeded, "{ids:?} {command}: {said}");
        said
    }
}

fn found(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap();
    path.split(':').any(|folder| Path::new(folder).join(program).exists())
}

#[test]
fn the_bundle_holds_the_public_authorities_and_ours() {
    let machine = machine();
    let said = machine.runs(&["debian"], "grep -c BEGIN ~/.daylight/bundle.pem");
    assert!(said.trim().parse::<usize>().unwrap() > 100, "{said}");
    let bundle = std::fs::read_to_string(machine.home.path().join(".daylight/bundle.pem")).unwrap();
    let own = std::fs::read_to_string(machine.gateway.dir.path().join("certs/ca.pem")).unwrap();
    assert!(bundle.ends_with(&own));
}

#[test]
fn curl_and_python_go_through_the_gateway_and_trust_it() {
    let machine = machine();
    assert!(machine.runs(&["debian"], machine.block("curl")).contains("\"ca_trusted\":true"));
    let said = machine.runs(&["debian", "variables", "python"], "");
    assert!(said.contains("\"ca_trusted\":true"), "{said}");
}

#[test]
fn git_goes_through_the_gateway_and_trusts_it() {
    let machine = machine();
    // There is no repository: an answer of the gateway inside TLS is what can be had.
    let (succeeded, said) = machine.run(&["debian", "git"], "git ls-remote https://daylight.internal/x.git");
    assert!(!succeeded && said.contains("repository 'https://daylight.internal/x.git/' not found"), "{said}");
    let (_, said) = machine.run(
        &["git"],
        "git -c http.sslCAInfo=/etc/ssl/certs/ca-certificates.crt ls-remote https://daylight.internal/x.git",
    );
    assert!(said.contains("certificate"), "the CA is what made the difference: {said}");
}

#[test]
fn chromiums_store_is_made_where_it_is_missing_and_takes_the_ca() {
    let machine = machine();
    let list = "certutil -d sql:$HOME/.pki/nssdb -L -n daylight | grep Subject:";
    let said = machine.runs(&["debian", "chromium", "chromium"], list);
    assert!(said.contains("Daylight CA"), "{said}");
}

#[test]
fn javas_copy_of_the_trust_store_holds_the_ca() {
    if !found("java") || !found("keytool") {
        println!("there is no Java here");
        return;
    }
    let machine = machine();
    let list = "keytool -list -keystore ~/.daylight/cacerts -storepass changeit -alias daylight";
    assert!(machine.runs(&["debian", "java"], list).contains("trustedCertEntry"));
    let program = r#"class Check { public static void main(String[] a) throws Exception {
        try (var in = new java.net.URL("https://daylight.internal/check").openStream()) { in.transferTo(System.out); } } }"#;
    std::fs::write(machine.home.path().join("Check.java"), program).unwrap();
    // Java asks for HTML, so it gets the page.
    let said = machine.runs(&["debian", "java"], "java Check.java");
    assert!(said.contains("This client is set up"), "{said}");
}

#[test]
fn files_that_the_page_shows_are_json() {
    let machine = machine();
    for id in ["firefox", "docker-daemon", "docker-client"] {
        let parsed: serde_json::Value = serde_json::from_str(machine.block(id)).unwrap();
        assert!(parsed.is_object(), "{id}");
    }
}

use super::*;

const HEX: &str = "0123456789abcdef";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE36: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const BASE62: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const TOKENS: usize = 2000;

/// SplitMix64 with a fixed seed: the same tokens in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn token(&mut self, alphabet: &str, len: usize) -> String {
        let letters = alphabet.as_bytes();
        let pick = |_| char::from(letters[usize::try_from(self.next()).unwrap() % letters.len()]);
        (0..len).map(pick).collect()
    }
}

/// Tokens in a thousand that are found.
fn recall(alphabet: &str, len: usize, found: fn(&str) -> bool) -> usize {
    let mut random = Random(1);
    let tokens = (0..TOKENS).filter(|_| found(&random.token(alphabet, len)));
    tokens.count() * 1000 / TOKENS
}

#[test]
fn random_tokens_are_opaque() {
    let lower = BASE32.to_ascii_lowercase();
    for alphabet in [HEX, BASE32, &lower, BASE36, BASE62, BASE64URL] {
        for (len, floor) in [(20, 985), (24, 990), (32, 990), (43, 990)] {
            let found = recall(alphabet, len, is_opaque);
            assert!(found >= floor, "{alphabet} {len}: {found} of 1000");
        }
    }
}

#[test]
fn base64_with_slashes_is_no_path() {
    let known = |token: &str| is_opaque_base64(token) || token.split('/').any(is_opaque);
    // A slash near an end leaves a short piece, so that the floor is lower.
    for (len, floor) in [(32, 960), (44, 960)] {
        let found = recall(BASE64, len, known);
        assert!(found >= floor, "{len}: {found} of 1000");
    }
    for path in
        ["Users/Bob/Documents/Report2026", "src/Main/Java/Org/Example/Http2Client", "a/b/c/d/e/f/g/h/i/j/k"]
    {
        assert!(!is_opaque_base64(path), "{path}");
    }
}

#[test]
fn names_are_not_opaque() {
    for name in NAMES {
        assert!(!name.split(['.', '/']).any(is_opaque), "{name}");
    }
}

#[test]
fn only_the_hyphenated_uuid_names_something() {
    assert!(is_uuid("0198c2a4-5b6e-7d01-8a3f-0123456789AB"));
    for other in [
        "0198c2a45b6e7d018a3f0123456789ab",
        "0198c2a4-5b6e-7d01-8a3f-0123456789a",
        "g198c2a4-5b6e-7d01-8a3f-0123456789ab",
    ] {
        assert!(!is_uuid(other), "{other}");
    }
    assert!(is_opaque("0198c2a45b6e7d018a3f0123456789ab"));
}

const NAMES: [&str; 92] = [
    "v1",
    "mcp",
    "well-known",
    "oauth-authorization-server",
    "openid-configuration",
    "modelcontextprotocol",
    "@modelcontextprotocol/server-filesystem",
    "mcp__claude_ai_Google_Drive__download_file_content",
    "notifications/resources/list_changed",
    "a-rather-long-path-of-words-and-more-words-2026",
    "how-to-build-an-mcp-server-in-10-minutes",
    "2026-11-24T15:31:38.123456Z",
    "20261124T153138Z",
    "2026-11-24_quarterly-report-final-v2.pdf",
    "IMG_20261124_153138_HDR.jpeg",
    "Screenshot-2026-11-24-at-15.31.38.png",
    "rust-1.89.0-x86_64-unknown-linux-gnu.tar.gz",
    "node-v22.11.0-linux-arm64.tar.xz",
    "python3.13-minimal_3.13.0-1_amd64.deb",
    "libstdc++6_12.2.0-14+deb12u1_amd64.deb",
    "kubernetes-1.31.2-rc.1+build.20261124",
    "jetty-alpn-openjdk8-server-9.4.57.v20241219.jar",
    "org.springframework.boot.autoconfigure",
    "AbstractSingletonProxyFactoryBean",
    "SimpleBeanFactoryAwareAspectInstanceFactory",
    "getElementsByClassNameAndTagName",
    "XMLHttpRequestEventTarget",
    "NSAttributedStringMarkdownParsing",
    "CreateOrUpdateVirtualMachineScaleSet",
    "ResourceManagementPrivateLinkAssociation",
    "sendHttp2PushPromiseFrames",
    "base64UrlEncodeWithoutPadding",
    "convertUtf8ToUtf16LittleEndian",
    "list_pull_request_review_comments",
    "search_repositories_by_programming_language",
    "JAVA_TOOL_OPTIONS_DEFAULT_HEAP_SIZE",
    "NEXT_PUBLIC_ANALYTICS_MEASUREMENT",
    "aws-cdk-aws-gamelift-alpha",
    "azure-mgmt-containerregistry",
    "cdktf-cdktf-provider-snowflake",
    "sqlalchemy-pyodbc-mssql",
    "djangorestframework-simplejwt",
    "eslint-plugin-jsx-a11y",
    "babel-plugin-transform-es2015-modules-commonjs",
    "typescript-eslint-parser-services",
    "opentelemetry-instrumentation-fastapi",
    "tree-sitter-typescript-wasm32",
    "ec2-203-0-113-25.eu-central-1.compute.example",
    "analytics-collector-eu-west-1.internal.example",
    "internationalisation-accessibility.example",
    "my-bucket-with-a-long-name.storage.example",
    "mail.google.workspace.administration.example",
    "thequickbrownfoxjumpsoverthelazydog",
    "internationalization",
    "counterrevolutionaries",
    "Geschwindigkeitsbegrenzung",
    "Rechtsschutzversicherungsgesellschaften",
    "anticonstitutionnellement",
    "desenvolvimento-sustentavel",
    "responsabilidades-compartidas",
    "0198c2a4-5b6e-7d01-8a3f-0123456789ab",
    "user-0198c2a4-5b6e-7d01-8a3f-0123456789ab",
    "Invoice-0198c2a4-5b6e-7d01-8a3f-0123456789ab",
    "0198c2a4-5b6e-7d01-8a3f-0123456789ab-thumbnail",
    "1234567890123456789012345",
    "4111-1111-1111-1111",
    "+49-30-1234567890",
    "00000000000000000000000000",
    "xxxxxxxxxxxxxxxxxxxxxxxxxx",
    "________________________",
    "application-vnd.openxmlformats-officedocument",
    "application/x-www-form-urlencoded",
    "text-event-stream",
    "claude-opus-4-1-20250805",
    "gpt-4o-mini-realtime-preview-2024-12-17",
    "meta-llama-3.1-405b-instruct-turbo",
    "text-embedding-3-large",
    "CVE-2026-12345",
    "GHSA-jqcg-44mw-7w3h",
    "RFC9110-section-15.5.14",
    "ISO-8859-1-to-UTF-8",
    "ES_eu-south-2_m7g.16xlarge",
    "feature/JIRA-12345-add-customer-onboarding-flow",
    "release-2026.11.24-hotfix-3",
    "index-BxY12ab3.js",
    "chunk-vendors.4f3a2b1c.js",
    "main.9f86d081.css",
    "Inter-VariableFont_slnt,wght.ttf",
    "Playwright-BrowserContext-StorageState",
    "Content-Security-Policy-Report-Only",
    "Access-Control-Allow-Credentials",
    "ThisIsAReallyLongCamelCaseIdentifierWithManyWords",
];

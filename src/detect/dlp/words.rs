//! The words by which secrets are known.
//!
//! Names were gathered from OAuth (RFC 6749, RFC 7521, RFC 7636, RFC 8628), HTTP (RFC 6265, RFC 9110), the environment
//! variables and settings of cloud providers, and the configuration files of MCP servers. They are compared in lower case
//! without digits and separators. What is in a list of harmless words was met in ordinary traffic.

use super::finding::Kind;

/// How well-known credentials start, by their issuers' documentation.
pub(super) const CREDENTIAL_STARTS: [(&str, Kind); 32] = [
    // OpenAI, Anthropic and others who took over their form.
    ("sk-", Kind::ModelProviderKey),
    ("sk_live_", Kind::StripeKey),
    ("sk_test_", Kind::StripeKey),
    ("rk_live_", Kind::StripeKey),
    ("rk_test_", Kind::StripeKey),
    ("pk_live_", Kind::StripeKey),
    ("whsec_", Kind::StripeKey),
    ("ghp_", Kind::GithubToken),
    ("gho_", Kind::GithubToken),
    ("ghu_", Kind::GithubToken),
    ("ghs_", Kind::GithubToken),
    ("ghr_", Kind::GithubToken),
    ("github_pat_", Kind::GithubToken),
    ("glpat-", Kind::GitlabToken),
    ("xoxa-", Kind::SlackToken),
    ("xoxb-", Kind::SlackToken),
    ("xoxe-", Kind::SlackToken),
    ("xoxp-", Kind::SlackToken),
    ("xapp-", Kind::SlackToken),
    ("AIza", Kind::GoogleKey),
    ("ya29.", Kind::GoogleToken),
    ("npm_", Kind::NpmToken),
    ("pypi-", Kind::PypiToken),
    ("tvly-", Kind::TavilyKey),
    ("ntn_", Kind::NotionToken),
    ("lin_api_", Kind::LinearKey),
    ("figd_", Kind::FigmaToken),
    ("sbp_", Kind::SupabaseToken),
    ("shpat_", Kind::ShopifyToken),
    ("dop_v1_", Kind::DigitalOceanToken),
    ("hvs.", Kind::VaultToken),
    // A JSON object in base64url: `{"`.
    ("eyJ", Kind::Jwt),
];
/// How AWS access key ids start: of users, of sessions, of roles.
pub(super) const AWS_STARTS: [&str; 3] = ["AKIA", "ASIA", "AROA"];

/// Parts of a name that leave no doubt: nothing but a secret is called so.
pub(super) const CERTAIN_PARTS: [(&str, Kind); 33] = [
    ("password", Kind::Password),
    ("passwd", Kind::Password),
    ("passphrase", Kind::Password),
    ("passcode", Kind::Password),
    ("passkey", Kind::Password),
    ("secret", Kind::Secret),
    ("token", Kind::Token),
    ("credential", Kind::Secret),
    ("authorization", Kind::Authorization),
    ("bearer", Kind::Token),
    ("cookie", Kind::Session),
    ("sessionid", Kind::Session),
    ("sessid", Kind::Session),
    ("accesskey", Kind::ApiKey),
    ("accountkey", Kind::ApiKey),
    ("adminkey", Kind::ApiKey),
    ("apikey", Kind::ApiKey),
    ("appkey", Kind::ApiKey),
    ("authkey", Kind::ApiKey),
    ("clientkey", Kind::ApiKey),
    ("consumerkey", Kind::ApiKey),
    ("deploykey", Kind::ApiKey),
    ("encryptionkey", Kind::Secret),
    ("functionskey", Kind::ApiKey),
    ("licensekey", Kind::ApiKey),
    ("masterkey", Kind::ApiKey),
    ("privatekey", Kind::PrivateKey),
    ("servicekey", Kind::ApiKey),
    ("sharedkey", Kind::ApiKey),
    ("signingkey", Kind::Secret),
    ("sshkey", Kind::PrivateKey),
    ("storagekey", Kind::ApiKey),
    ("subscriptionkey", Kind::ApiKey),
];
/// Parts of a name that secrets and a few other things have.
pub(super) const LIKELY_PARTS: [(&str, Kind); 11] = [
    ("accesscode", Kind::Code),
    ("authcode", Kind::Code),
    ("backupcode", Kind::Code),
    ("devicecode", Kind::Code),
    ("recoverycode", Kind::Code),
    ("securitycode", Kind::Code),
    ("usercode", Kind::Code),
    ("verificationcode", Kind::Code),
    ("codeverifier", Kind::Code),
    ("assertion", Kind::Token),
    ("signature", Kind::Signature),
];
/// Parts of a name that only look like the above. At one place of a name the longest part counts, of several places the
/// first that has a part of a secret.
pub(super) const HARMLESS_PARTS: [&str; 22] = [
    "cachedtokens",
    "completiontokens",
    "cookiecutter",
    "inputtokens",
    "maxtokens",
    "mintokens",
    "newtokens",
    "numtokens",
    "outputtokens",
    "pagetoken",
    "passwordless",
    "progresstoken",
    "prompttokens",
    "reasoningtokens",
    "secretar",
    "thinkingtokens",
    "tokencount",
    "tokeni",
    "tokenlimit",
    "tokentype",
    "tokensused",
    "totaltokens",
];
/// Names that mean a secret when nothing else is in them. What stands before a `.` or `[` does not count.
pub(super) const WHOLE_NAMES: [(&str, Kind); 6] = [
    ("code", Kind::Code),
    ("key", Kind::ApiKey),
    ("mnemonic", Kind::Secret),
    ("state", Kind::Code),
    ("ticket", Kind::Token),
    ("seedphrase", Kind::Secret),
];
/// Words that mean a secret anywhere in a name.
pub(super) const WORDS: [(&str, Kind); 14] = [
    ("auth", Kind::Authorization),
    ("authentication", Kind::Authorization),
    ("authn", Kind::Authorization),
    ("authorisation", Kind::Authorization),
    ("authz", Kind::Authorization),
    ("cred", Kind::Secret),
    ("creds", Kind::Secret),
    ("csrf", Kind::Token),
    ("jwt", Kind::Token),
    ("oauth", Kind::Token),
    ("otp", Kind::Code),
    ("session", Kind::Session),
    ("totp", Kind::Code),
    ("xsrf", Kind::Token),
];
/// Words that mean a secret at the end of a name.
pub(super) const LAST_WORDS: [(&str, Kind); 8] = [
    ("hmac", Kind::Signature),
    ("pass", Kind::Password),
    ("pin", Kind::Password),
    ("psk", Kind::Password),
    ("pw", Kind::Password),
    ("pwd", Kind::Password),
    ("sid", Kind::Session),
    ("sig", Kind::Signature),
];
/// Last words of a name that says something about a secret and does not name it: `token_type`, `password_policy`.
pub(super) const DESCRIPTIONS: [&str; 41] = [
    "alg",
    "algorithm",
    "at",
    "budget",
    "count",
    "dir",
    "enabled",
    "endpoint",
    "expiration",
    "expires",
    "expiry",
    "file",
    "format",
    "in",
    "kind",
    "length",
    "level",
    "lifetime",
    "limit",
    "max",
    "method",
    "methods",
    "min",
    "mode",
    "name",
    "path",
    "policy",
    "provider",
    "required",
    "rotation",
    "scheme",
    "server",
    "servers",
    "size",
    "strategy",
    "supported",
    "ttl",
    "type",
    "types",
    "uri",
    "url",
];
/// Values that open nothing, whatever they are called.
pub(super) const HARMLESS_VALUES: [&str; 8] = ["", "0", "1", "true", "false", "null", "none", "undefined"];

/// Keys whose value names the value beside it, as in `{"name":"Authorization","value":"..."}`.
pub(super) const NAME_KEYS: [&str; 5] = ["field", "header", "k", "key", "name"];
/// Keys of the value beside such a name.
pub(super) const VALUE_KEYS: [&str; 3] = ["v", "value", "values"];

/// Authentication schemes that stand before a credential in a header's value.
pub(super) const SCHEMES: [&str; 6] = ["apikey", "basic", "bearer", "digest", "negotiate", "token"];
/// What follows the word `Bearer` in prose.
pub(super) const AFTER_BEARER_IN_PROSE: [&str; 14] = [
    "and",
    "auth",
    "authentication",
    "authorization",
    "for",
    "format",
    "header",
    "in",
    "is",
    "of",
    "or",
    "scheme",
    "token",
    "tokens",
];
/// Path segments behind which a UUID is the key to what the path names, as hosts of MCP servers have it.
pub(super) const SEGMENTS_BEFORE_KEYS: [&str; 2] = ["mcp", "s"];

/// For each first letter the second letters of the 240 most frequent pairs in package names and their summaries (87 % of
/// all pairs there). Names are made of such pairs, random values are not.
pub(super) const SECOND_LETTERS: [&str; 26] = [
    "bcdfgiklmnprstuvy",
    "aeilorsu",
    "aehiklorstu",
    "abeiorsu",
    "abcdefgilmnoprstvwx",
    "aeilor",
    "aeioru",
    "aeiotu",
    "abcdefglmnoprstvz",
    "",
    "aeis",
    "adeilostuy",
    "abeilmopsu",
    "acdefgiknostv",
    "abcdfgiklmnoprstuvwx",
    "aehiloprstuy",
    "u",
    "acdegiklmnoprstuy",
    "acehiklmopstuy",
    "acehiloprstuy",
    "abcdeilmnprst",
    "aei",
    "aeio",
    "t",
    "acnpst",
    "e",
];

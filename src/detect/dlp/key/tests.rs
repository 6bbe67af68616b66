use super::*;

const SECRETS: &str = "
    password Passwd db_password userPassword2 pass smtp_pass pwd passphrase token access_token
    refreshToken tokens card_token x-amz-security-token apikey api_key API-Key exaApiKey accessKey
    AWS_SECRET_ACCESS_KEY AccountKey privateKey ssh_key key code state sig sid pin otp jwt ticket
    params[key] user[password] auth x-auth oauth Authorization proxy-authorization authn authToken
    AUTH_HEADER session sessionId user_session JSESSIONID cookie Set-Cookie credentials signature
    X-Amz-Signature client_assertion code_verifier client_id_secret csrf mnemonic seed_phrase bearer
";
const OTHERS: &str = "
    author authors authority authorName authorized authenticated authuser compass passenger bypass
    passive passport keyboard keyword keys monkey primaryKey sort_key publicKey projectKey tokenizer
    tokenize tokenization max_tokens maxTokens max_new_tokens total_tokens prompt_tokens token_count
    tokenType token_url progressToken nextPageToken sessions session_count obsession secretary
    password_policy auth_type authMethod cookie_policy cookiecutter codec barcode postcode country_code
    status_code estate status pinned spin signal sigma inside tickets ticketing ticket_id private
    isPrivate name method uri cursor authorization_servers secret_expires_at protocolVersion
    io.modelcontextprotocol/protocolVersion ... 42
";

#[test]
fn names_of_secrets_are_known_in_every_spelling() {
    for name in SECRETS.split_whitespace().chain(["API key"]) {
        assert!(secret(name).is_some(), "{name}");
    }
}

#[test]
fn names_that_only_look_like_it_are_not() {
    for name in OTHERS.split_whitespace().chain([""]) {
        assert_eq!(secret(name), None, "{name}");
    }
}

#[test]
fn switches_error_numbers_and_counts_open_nothing() {
    let (code, tokens, pin) = (secret("code").unwrap(), secret("tokens").unwrap(), secret("pin").unwrap());
    for (name, value) in [(code, "-32601"), (tokens, "4096"), (pin, ""), (pin, "true"), (pin, "null")] {
        assert!(!name.is_opened_by(value), "{value}");
    }
    for (name, value) in
        [(code, "123456"), (tokens, "abc"), (tokens, "12345678901"), (pin, "4096"), (pin, "-x")]
    {
        assert!(name.is_opened_by(value), "{value}");
    }
}

#[test]
fn a_long_name_is_judged_by_its_end() {
    let long = "a".repeat(1 << 16);
    assert!(secret(&format!("{long}_password")).is_some());
    assert_eq!(secret(&long), None);
}

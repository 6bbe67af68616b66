//! The CA as an Apple configuration profile.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A profile that installs the CA; its identifiers follow from the fingerprint, so that a re-install replaces it.
pub(super) fn apple(der: &[u8], sha256: &str) -> String {
    let id = |part: &str| identifier(&format!("{part}:{sha256}"));
    let encoded = STANDARD.encode(der);
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>PayloadType</key><string>Configuration</string>
  <key>PayloadVersion</key><integer>1</integer>
  <key>PayloadIdentifier</key><string>dev.daylight.ca</string>
  <key>PayloadUUID</key><string>{profile}</string>
  <key>PayloadDisplayName</key><string>Daylight gateway CA</string>
  <key>PayloadDescription</key><string>Lets this device trust the company gateway.</string>
  <key>PayloadContent</key>
  <array>
    <dict>
      <key>PayloadType</key><string>com.apple.security.root</string>
      <key>PayloadVersion</key><integer>1</integer>
      <key>PayloadIdentifier</key><string>dev.daylight.ca.root</string>
      <key>PayloadUUID</key><string>{root}</string>
      <key>PayloadDisplayName</key><string>Daylight CA</string>
      <key>PayloadCertificateFileName</key><string>daylight-ca.cer</string>
      <key>PayloadContent</key><data>{encoded}</data>
    </dict>
  </array>
</dict>
</plist>
"#,
        profile = id("profile"),
        root = id("root"),
    )
}

/// A UUID made of a hash (RFC 9562, section 5.8).
fn identifier(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let mut bytes = [0_u8; 16];
    for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid().as_hyphenated().to_string().to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ca_has_one_profile() {
        let profile = apple(b"der", "AA:BB");
        assert_eq!(profile, apple(b"der", "AA:BB"));
        assert_ne!(profile, apple(b"der", "AA:CC"));
        assert!(profile.contains("<data>ZGVy</data>"));
        assert!(uuid::Uuid::parse_str(&identifier("x")).is_ok());
    }
}

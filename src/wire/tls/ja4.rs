//! JA4, the fingerprint of a TLS hello over TCP (FoxIO's JA4 specification; the JA4 part itself is BSD-licensed).

use aws_lc_rs::digest::{SHA256, digest};

/// The parts of a hello that make its fingerprint, in the hello's order.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    pub(super) version: u16,
    pub(super) supported_versions: Vec<u16>,
    pub(super) ciphers: Vec<u16>,
    pub(super) extensions: Vec<u16>,
    pub(super) signature_algorithms: Vec<u16>,
    pub(super) first_alpn: Vec<u8>,
    pub(super) named: bool,
}

const EXTENSION_SNI: u16 = 0x0000;
const EXTENSION_ALPN: u16 = 0x0010;

/// True for a reserved value that clients add at random (RFC 8701).
fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

pub(super) fn fingerprint(parts: &Parts) -> String {
    let plain = |values: &[u16]| values.iter().copied().filter(|v| !is_grease(*v)).collect::<Vec<_>>();
    let (mut ciphers, extensions) = (plain(&parts.ciphers), plain(&parts.extensions));
    let version = plain(&parts.supported_versions).into_iter().max().unwrap_or(parts.version);
    let head = format!(
        "t{}{}{:02}{:02}{}",
        version_word(version),
        if parts.named { 'd' } else { 'i' },
        ciphers.len().min(99),
        extensions.len().min(99),
        alpn_word(&parts.first_alpn),
    );
    ciphers.sort_unstable();
    let mut rest: Vec<u16> =
        extensions.into_iter().filter(|e| *e != EXTENSION_SNI && *e != EXTENSION_ALPN).collect();
    rest.sort_unstable();
    let mut third = list(&rest);
    if !parts.signature_algorithms.is_empty() {
        third = format!("{third}_{}", list(&parts.signature_algorithms));
    }
    format!("{head}_{}_{}", hash(&list(&ciphers)), if rest.is_empty() { hash("") } else { hash(&third) })
}

fn version_word(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        _ => "00",
    }
}

/// The first and the last character of the first protocol; hex digits when one of them is not alphanumeric.
fn alpn_word(alpn: &[u8]) -> String {
    let (Some(&first), Some(&last)) = (alpn.first(), alpn.last()) else { return "00".into() };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return format!("{}{}", char::from(first), char::from(last));
    }
    format!("{:x}{:x}", first >> 4, last & 0x0f)
}

fn list(values: &[u16]) -> String {
    values.iter().map(|v| format!("{v:04x}")).collect::<Vec<_>>().join(",")
}

fn hash(text: &str) -> String {
    if text.is_empty() {
        return "000000000000".into();
    }
    let hash = digest(&SHA256, text.as_bytes());
    const_hex::encode(hash.as_ref().get(..6).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specifications_own_example_gives_its_fingerprint() {
        let hex = |s: &str| s.split(',').map(|v| u16::from_str_radix(v, 16).unwrap()).collect::<Vec<_>>();
        let parts = Parts {
            version: 0x0303,
            supported_versions: hex("0a0a,0304,0303"),
            ciphers: hex("0a0a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035"),
            extensions: hex(
                "0a0a,001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015",
            ),
            signature_algorithms: hex("0403,0804,0401,0503,0805,0501,0806,0601"),
            first_alpn: b"h2".to_vec(),
            named: true,
        };
        assert_eq!(fingerprint(&parts), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    }
}

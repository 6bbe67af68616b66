//! Port ranges.

/// Reads `443` or `1024-65535`.
pub fn range(text: &str) -> Result<(u16, u16), String> {
    let bad = || format!("`{text}` is neither a port such as 443 nor a range such as 1024-65535");
    let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0);
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    match (port(low), port(high)) {
        (Some(low), Some(high)) if low <= high => Ok((low, high)),
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_ranges_are_read_and_nonsense_is_not() {
        assert_eq!(range("443"), Ok((443, 443)));
        assert_eq!(range("1024-65535"), Ok((1024, 65535)));
        for bad in ["", "0", "70000", "9-1", "a-b", "1-2-3"] {
            assert!(range(bad).is_err(), "{bad}");
        }
    }
}

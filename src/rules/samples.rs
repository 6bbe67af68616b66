//! Runs the samples inside rules through the same steps as traffic.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::file::Sample;
use super::{Head, Names, RuleSet};
use crate::inspect::{self, RequestBody};

/// The result of all samples.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Samples run.
    pub samples: usize,
    /// One line for each that failed.
    pub failures: Vec<String>,
}

/// Runs every sample of every rule; a rule without both kinds fails.
pub fn run(set: &RuleSet) -> Report {
    let mut report = Report::default();
    for entry in &set.entries {
        let id = &entry.id.value;
        let kinds = [(&entry.samples.positive, true, "match"), (&entry.samples.negative, false, "no_match")];
        for (samples, expected, word) in kinds {
            if samples.is_empty() {
                report.failures.push(format!("{id}: has no sample under samples.{word}"));
            }
            for (index, sample) in samples.iter().enumerate() {
                report.samples += 1;
                match matched(set, sample) {
                    Ok(ids) if ids.iter().any(|matched| matched == id) == expected => {}
                    Ok(ids) => {
                        let line = format!("{id}: samples.{word}[{index}]: matched by [{}]", ids.join(", "));
                        report.failures.push(line);
                    }
                    Err(why) => report.failures.push(format!("{id}: samples.{word}[{index}]: {why}")),
                }
            }
        }
    }
    report
}

/// The ids of the rules that match a sample.
fn matched(set: &RuleSet, sample: &Sample) -> Result<Vec<String>, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &sample.headers {
        let name: HeaderName = name.parse().map_err(|e| format!("{name}: {e}"))?;
        headers.append(name, HeaderValue::from_str(value).map_err(|e| e.to_string())?);
    }
    let method: Method = sample.method.parse().map_err(|e| format!("{}: {e}", sample.method))?;
    let (path, query) =
        sample.path.split_once('?').map_or((sample.path.as_str(), None), |(p, q)| (p, Some(q)));
    let names = Names {
        host: &sample.host,
        port: sample.port,
        sni: sample.sni.as_deref().or(Some(&sample.host)),
        user: sample.user.as_deref(),
        groups: &sample.groups,
        client_ip: sample.client.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        approved: sample.approved,
    };
    let mut evaluation = set.names(&names);
    let head = inspect::head::Head { method: &method, host: &sample.host, path, query, headers: &headers };
    let mut signals = inspect::head::read(&head);
    set.head(&mut evaluation, &Head { method: &method, path, query, headers: &headers });
    let mut reader = RequestBody::new(&headers);
    let mut regexes = |text: &[u8]| set.body(&mut evaluation, text, false);
    reader.feed_with(sample.body.as_bytes(), &mut signals, &mut regexes);
    reader.finish_with(&mut signals, &mut regexes);
    set.body(&mut evaluation, &[], true);
    set.mcp(&mut evaluation, &signals, true);
    let matches = set.matches(&evaluation);
    let counting = matches.iter().filter(|rule| rule.counts(sample.approved));
    Ok(counting.map(|rule| rule.id.to_string()).collect())
}

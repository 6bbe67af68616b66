//! Runs the samples inside rules through the same steps as traffic (`daylight rules test`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::facts::{Head, Names};
use super::file::Sample;
use super::rule::Rule;
use super::set::RuleSet;
use crate::detect::inspect::{self, RequestBody};

/// The result of one sample, or that a list of samples is missing.
#[derive(Clone, Debug)]
pub struct SampleResult {
    /// The rule.
    pub rule: Arc<Rule>,
    /// Line of the sample, or of the rule that lacks one; from 1.
    pub line: u64,
    /// The list: `match` or `no_match`.
    pub list: &'static str,
    /// Position in the list, from 0; none when the list is missing.
    pub index: Option<usize>,
    /// What is wrong; none when the sample passed.
    pub problem: Option<String>,
}

impl fmt::Display for SampleResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: samples.{}", self.rule.file.display(), self.line, self.rule.id, self.list)?;
        if let Some(index) = self.index {
            write!(f, "[{index}]")?;
        }
        write!(f, ": {}", self.problem.as_deref().unwrap_or("ok"))
    }
}

/// Runs every sample of every rule. A rule that lacks samples of one kind gets a result that says so.
pub fn run(set: &Arc<RuleSet>) -> Vec<SampleResult> {
    let mut results = Vec::new();
    for ((rule, _), entry) in set.rules.iter().zip(&set.entries) {
        let lists = [(&entry.samples.positive, true, "match"), (&entry.samples.negative, false, "no_match")];
        for (samples, expected, list) in lists {
            let result =
                |line, index, problem| SampleResult { rule: Arc::clone(rule), line, list, index, problem };
            if samples.is_empty() {
                results.push(result(entry.id.referenced.line(), None, Some("is missing".to_owned())));
            }
            let ran = samples.iter().enumerate().map(|(index, sample)| {
                let problem = problem(set, &rule.id, &sample.value, expected);
                result(sample.referenced.line(), Some(index), problem)
            });
            results.extend(ran);
        }
    }
    results
}

/// What is wrong with a sample of a rule.
fn problem(set: &Arc<RuleSet>, rule: &str, sample: &Sample, expected: bool) -> Option<String> {
    match matched(set, sample) {
        Ok(ids) if ids.iter().any(|id| id == rule) == expected => None,
        Ok(ids) => Some(format!("matched by [{}]", ids.join(", "))),
        Err(why) => Some(why),
    }
}

/// The ids of the rules that match a sample.
fn matched(set: &Arc<RuleSet>, sample: &Sample) -> Result<Vec<String>, String> {
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
    let mut evaluation = set.names(&names).exchange();
    let accepts = inspect::head::Accepts::of(&headers);
    let head =
        inspect::head::Head { method: &method, host: &sample.host, path, query, headers: &headers, accepts };
    let mut signals = inspect::head::read(&head);
    evaluation.head(&Head { method: &method, path, query, headers: &headers });
    let mut reader = RequestBody::new(&headers);
    let mut patterns = |text: &[u8]| evaluation.chunk(text);
    reader.feed_with(sample.body.as_bytes(), &mut signals, &mut patterns);
    reader.finish_with(&mut signals, &mut patterns);
    evaluation.end(&signals);
    let matches = evaluation.matches();
    let counting = matches.iter().filter(|rule| rule.counts(sample.approved));
    Ok(counting.map(|rule| rule.id.to_string()).collect())
}

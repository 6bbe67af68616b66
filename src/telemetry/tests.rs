use std::path::Path;

use time::OffsetDateTime;

use super::Metrics;
use super::labels::Info;
use crate::store::journal;
use crate::store::sink::clickhouse::deliver;
use crate::wire::connect::Outbound;
use crate::wire::tls::{Authority, Leafs};

/// The table of `docs/metrics.md`, as it has to be.
fn table(metrics: &Metrics) -> String {
    let mut table = String::from("| name | kind | labels | meaning |\n|---|---|---|---|\n");
    let mut rows: Vec<_> = metrics.described().iter().collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    for row in rows {
        let labels: Vec<String> = row.labels.iter().map(|label| format!("`{label}`")).collect();
        table += &format!("| `{}` | {} | {} | {} |\n", row.name, row.kind, labels.join(", "), row.help);
    }
    table
}

#[test]
fn the_docs_list_every_metric_with_its_labels_and_meaning() {
    let (dir, now) = (tempfile::tempdir().unwrap(), OffsetDateTime::now_utc());
    let leafs = Leafs::new(Authority::init(dir.path(), now).unwrap(), now).unwrap();
    let (journal, sink) = (journal::Stats::default(), deliver::Stats::default());
    let info = Info { version: "1", engine: "pure" };
    let table = table(&Metrics::new(info, &[&journal, &leafs, &sink, &Outbound::default()]));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let docs = std::fs::read_to_string(&file).unwrap();
    let start = docs.find("| name |").unwrap();
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&file, format!("{}{table}", &docs[..start])).unwrap();
    }
    assert_eq!(docs[start..], table, "WRITE_DOCS=1 with this test writes the table");
}

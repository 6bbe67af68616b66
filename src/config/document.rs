//! The configuration file as it was typed. Every key is optional; unknown keys are refused.

use std::fs;
use std::path::PathBuf;

use crate::config::auth::AuthSection;
use crate::config::bypass::BypassEntry;
use crate::config::clickhouse::ClickHouseSection;
use crate::config::destinations::DestinationsSection;
use crate::config::inspect::InspectSection;
use crate::config::journal::JournalSection;
use crate::config::limits::LimitsSection;
use crate::config::listen::ListenSection;
use crate::config::pac::PacSection;
use crate::config::policy::{ApprovedEntry, PortalSection, PostureSection};
use crate::config::section::section;
use crate::ruling::Recording;

section! {
    /// Daylight's configuration: every key is optional.
    #[schemars(title = "Daylight configuration")]
    Document {
        /// Folder of the event store and of the gateway's state.
        data: PathBuf = "./data".into(),
        /// Rule files, and folders with rule files.
        rules: Vec<PathBuf> = vec!["./rules".into()],
        /// Servers that people may use. They are exempt from every rule that does not say `approved: true`.
        approved: Vec<ApprovedEntry> = Vec::new(),
        /// Hosts that are not decrypted; what passes is still recorded.
        bypass: Vec<BypassEntry> = Vec::new(),
        /// Which exchanges are recorded: `all` or `detections`. What failed before it became an exchange is recorded in both
        /// cases.
        record: Recording = Recording::All,
    }
    sections {
        /// The gateway itself.
        gateway: GatewaySection,
        /// Where the gateway listens.
        listen: ListenSection,
        /// The certificate authority.
        ca: CaSection,
        /// How strict the shipped rules are.
        posture: PostureSection,
        /// The portal that people are sent to.
        portal: PortalSection,
        /// TLS towards origins.
        tls: TlsSection,
        /// Where clients may get to through the gateway.
        destinations: DestinationsSection,
        /// How bodies are inspected.
        inspect: InspectSection,
        /// Who may use the proxy.
        auth: AuthSection,
        /// Delivery of events to ClickHouse.
        clickhouse: ClickHouseSection,
        /// The embedded event store.
        journal: JournalSection,
        /// The PAC file.
        pac: PacSection,
        /// How much and how long.
        limits: LimitsSection,
    }
}

section! {
    GatewaySection {
        /// The gateway's name in events. Without one it is the host's name.
        name: Option<String> = None,
    }
}

impl GatewaySection {
    pub(crate) fn resolve(self) -> String {
        self.name.unwrap_or_else(|| {
            let name = fs::read_to_string("/etc/hostname").unwrap_or_default();
            let name = name.trim();
            if name.is_empty() { "daylight".into() } else { name.into() }
        })
    }
}

section! {
    CaSection {
        /// Folder of `ca.pem` and `ca.key`.
        dir: PathBuf = "./certs".into(),
    }
}

section! {
    TlsSection {
        /// PEM files with CA certificates that are trusted for origins and ClickHouse, beside the platform's.
        extra_roots: Vec<PathBuf> = Vec::new(),
    }
}

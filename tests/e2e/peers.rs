//! The official SDKs and a browser.

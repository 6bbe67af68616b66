//! What one message holds, and what that proves.

use crate::detect::inspect::evidence as e;
use crate::detect::inspect::signals::{CALLS_MAX, Call, Signals, Strength};
use crate::detect::mcp::{self, Exclusivity};

/// Who wrote the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// The client: its calls are listed.
    #[default]
    Request,
    /// The server: whatever it calls is evidence, but no call of this exchange's request.
    Response,
}

/// What one message holds. A key that is repeated keeps every value that a server could act on.
#[derive(Clone, Debug, Default)]
pub(super) struct MessageFacts {
    pub(super) json_rpc: bool,
    pub(super) methods: Vec<String>,
    /// Every `params.name`.
    pub(super) names: Vec<String>,
    pub(super) uri: Option<String>,
    /// The id as JSON text.
    pub(super) id: Option<String>,
    pub(super) params: bool,
    pub(super) result: bool,
    pub(super) meta: bool,
    pub(super) version: Option<String>,
    pub(super) client: Option<String>,
    pub(super) server: Option<String>,
    pub(super) capabilities: bool,
    pub(super) arguments: bool,
    pub(super) task_id: bool,
    pub(super) plain_id: bool,
    pub(super) retry: bool,
    pub(super) versions: bool,
    pub(super) input_schema: bool,
    pub(super) result_type: bool,
    /// A member of an answer to `roots/list` or `elicitation/create`.
    pub(super) client_answer: bool,
    /// Members of an answer to `sampling/createMessage`.
    pub(super) role: bool,
    pub(super) content: bool,
    pub(super) model: bool,
    pub(super) code: Option<i64>,
    pub(super) data_supported: bool,
    /// A key was repeated, or spelt so that only a careless parser takes it.
    pub(super) odd_keys: bool,
    /// More methods or names than are kept.
    pub(super) too_many: bool,
    /// Index of this message's first call in [`Signals::calls`].
    first_call: Option<usize>,
}

impl MessageFacts {
    pub(super) fn add_method(&mut self, method: &str) {
        self.odd_keys |= !self.methods.is_empty();
        if self.methods.len() < CALLS_MAX {
            self.methods.push(method.to_owned());
        } else {
            self.too_many |= mcp::exclusivity(method).is_some();
        }
    }

    pub(super) fn add_name(&mut self, name: &str) {
        self.odd_keys |= !self.names.is_empty();
        if self.names.len() < CALLS_MAX {
            self.names.push(name.to_owned());
        } else {
            self.too_many = true;
        }
    }

    /// True for a message that can only be MCP although its `jsonrpc` has not come yet.
    pub(super) fn is_surely_mcp(&self) -> bool {
        self.params
            && self.methods.iter().any(|method| mcp::exclusivity(method) == Some(Exclusivity::McpOnly))
    }

    /// Adds what the facts prove to the signals; false when there are more calls than are kept.
    pub(super) fn add_evidence(&mut self, side: Side, batch: bool, signals: &mut Signals) -> bool {
        let before = signals.evidence.len();
        self.request(side, signals);
        self.response(signals);
        if signals.evidence.len() > before {
            if batch {
                signals.note(&e::BATCH);
            }
            if self.odd_keys {
                signals.note(&e::ODD_KEYS);
            }
        }
        // The language server protocol has a `clientInfo` and a `serverInfo`, too.
        let is_mcp = self.version.is_some() || signals.strength() >= Strength::Strong;
        if is_mcp && !signals.evidence.is_empty() {
            self.name_peers(side, signals);
        }
        side == Side::Response || self.list_calls(batch, signals)
    }

    fn request(&self, side: Side, signals: &mut Signals) {
        if self.meta && !self.methods.is_empty() {
            signals.note(&e::MODERN_ENVELOPE);
        }
        if self.retry && self.meta {
            signals.note(&e::RETRY);
        }
        for method in &self.methods {
            self.method(method, signals);
        }
        let sampled = self.role && self.content && self.model;
        if side == Side::Request && self.methods.is_empty() && (self.client_answer || sampled) {
            signals.note(&e::CLIENT_RESPONSE);
        }
    }

    fn method(&self, method: &str, signals: &mut Signals) {
        match mcp::exclusivity(method) {
            Some(Exclusivity::McpOnly) => signals.note(&e::OWN_METHOD),
            Some(Exclusivity::Shared) if self.task_id => signals.note(&e::OWN_METHOD),
            // A2A names its tasks with a plain `id`, and lists them by parameters of its own.
            Some(Exclusivity::Shared) if method == "tasks/list" && !self.params => {
                signals.note(&e::SHARED_METHOD);
            }
            Some(Exclusivity::Shared) if method.starts_with("tasks/") => {}
            Some(Exclusivity::Shared) => signals.note(&e::SHARED_METHOD),
            Some(Exclusivity::Common)
                if method == "initialize"
                    && self.version.is_some()
                    && self.client.is_some()
                    && self.capabilities =>
            {
                signals.note(&e::INITIALIZE);
            }
            Some(Exclusivity::Common) => signals.note(&e::COMMON_METHOD),
            None if !self.names.is_empty() && self.arguments && !self.plain_id => {
                signals.note(&e::TOOL_CALL_FORM);
            }
            None => {}
        }
    }

    fn response(&self, signals: &mut Signals) {
        let server = self.server.is_some();
        if self.result && server && self.version.is_some() && self.capabilities {
            signals.note(&e::INITIALIZE_RESULT);
        }
        if self.result && (self.versions || (server && self.meta)) {
            signals.note(&e::DISCOVER_RESULT);
        }
        if self.result && self.input_schema {
            signals.note(&e::TOOL_LIST);
        }
        if self.result && self.result_type {
            signals.note(&e::RESULT_TYPE);
        }
        if matches!(self.code, Some(-32_022..=-32_020)) && self.data_supported {
            signals.note(&e::MCP_ERROR);
        }
    }

    /// Keeps the names of client and server and the version that they speak.
    fn name_peers(&self, side: Side, signals: &mut Signals) {
        let (client, server) = match side {
            Side::Request => (self.client.as_ref(), None),
            Side::Response => (None, self.server.as_ref()),
        };
        if self.version.is_some() && (side == Side::Request || self.result) {
            signals.protocol_version.clone_from(&self.version);
        }
        signals.client = signals.client.take().or_else(|| client.cloned());
        signals.server = signals.server.take().or_else(|| server.cloned());
    }

    /// Lists the message's calls. A message that was read before its end is listed again, in place of its first list. False
    /// when there are more calls than are kept.
    fn list_calls(&mut self, batch: bool, signals: &mut Signals) -> bool {
        if signals.claimed.method.as_ref().is_some_and(|claimed| self.methods.iter().any(|m| m != claimed)) {
            signals.note(&e::METHOD_MISMATCH);
        }
        signals.batch = batch;
        signals.calls.truncate(*self.first_call.get_or_insert(signals.calls.len()));
        let mut all = !self.too_many;
        let Some(last) = self.methods.last() else { return all };
        for at in 0..self.methods.len().max(self.names.len()) {
            let method = self.methods.get(at).unwrap_or(last);
            if signals.calls.len() == CALLS_MAX {
                all &= mcp::exclusivity(method).is_none() && self.names.is_empty();
                break;
            }
            signals.calls.push(Call {
                method: method.clone(),
                name: self.name(at, method),
                id: self.id.clone().filter(|_| at == 0),
            });
        }
        all
    }

    /// What a call is for. A server looks at `uri` for resources and at `name` for everything else.
    fn name(&self, at: usize, method: &str) -> Option<String> {
        let name = self.names.get(at).or_else(|| self.names.last());
        let found = if method.starts_with("resources/") {
            self.uri.as_ref().or(name)
        } else {
            name.or(self.uri.as_ref())
        };
        found.cloned()
    }
}

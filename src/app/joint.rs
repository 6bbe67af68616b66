//! Joins the parts to the steps of a request, the last step first.

use std::sync::Arc;

use super::decisions::Replaceable;
use crate::audit::Audit;
use crate::budget::HoldBudget;
use crate::config::Limits;
use crate::inlet::Inlet;
use crate::proxy::exchange::{Exchanges, HoldLimits, Streams};
use crate::proxy::front::{Front, FrontLimits};
use crate::proxy::intercept::{Intercept, InterceptLimits};
use crate::wire::http::origin::Origins;
use crate::wire::tasks::Tasks;
use crate::wire::tls::ClientSide;

/// The parts that several steps use, or that one step takes whole.
pub(super) struct Joint {
    pub(super) audit: Arc<Audit>,
    pub(super) origins: Arc<Origins>,
    pub(super) client_side: ClientSide,
    pub(super) tasks: Tasks,
    pub(super) held: HoldBudget,
}

impl Joint {
    /// The first step, with all that follow.
    pub(super) fn front(
        self,
        replaceable: &Replaceable,
        connect_ports: Vec<(u16, u16)>,
        limits: &Limits,
    ) -> Arc<Front> {
        let Self { audit, origins, client_side, tasks, held } = self;
        let in_force = &replaceable.in_force;
        let pages: Arc<dyn Inlet> = Arc::<crate::setup::Pages>::clone(&replaceable.pages);
        let exchanges = Arc::new(Exchanges {
            audit: Arc::clone(&audit),
            hold: HoldLimits { bytes: limits.hold_bytes, time: limits.hold },
            held,
            streams: Arc::new(Streams::default()),
            tasks: tasks.clone(),
            upgrade_idle: limits.splice_idle,
        });
        let intercept = Arc::new(Intercept {
            origins: Arc::clone(&origins),
            client_side,
            in_force: Arc::clone(in_force),
            exchanges: Arc::clone(&exchanges),
            pages: Arc::clone(&pages),
            audit: Arc::clone(&audit),
            limits: InterceptLimits { http: limits.http, client_tls: limits.client_tls },
            tasks: tasks.clone(),
        });
        Arc::new(Front {
            in_force: Arc::clone(in_force),
            users: Arc::clone(&replaceable.users),
            connect_ports,
            origins,
            pages,
            audit,
            intercept,
            exchanges,
            limits: FrontLimits { http: limits.http, hello: limits.hello, splice_idle: limits.splice_idle },
            tasks,
        })
    }
}

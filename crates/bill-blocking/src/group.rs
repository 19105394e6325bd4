//! The organisations of one principal: what they have in common, and who holds each of them.

use std::sync::{Arc, OnceLock, Weak};

use bill_session_core::{Account, Organizations, Settings};
use bill_session_host::{Alarm, Clock};

use crate::drive::Shared;
use crate::renewal::Renewer;
use crate::transport::Transport;

/// The sessions of one principal's organisations.
///
/// Clients hold each other's sessions through this alone: it goes, and the sessions with it, when
/// the last client goes.
pub(crate) struct Group {
    organizations: Organizations<Shared>,
    /// A partner's session, which is no organisation's.
    partner: OnceLock<Arc<Shared>>,
    common: Arc<Common>,
}

/// What the sessions of a group have in common.
pub(crate) struct Common {
    /// To find the other sessions by.
    pub(crate) group: Weak<Group>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) transport: Transport,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Group {
    pub(crate) fn new(
        settings: Settings,
        transport: Transport,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let group = Arc::new_cyclic(|group| {
            let (group, settings) = (Weak::clone(group), Arc::new(settings));
            let common = Arc::new(Common { group, settings, transport, clock });
            Self { organizations: Organizations::new(), partner: OnceLock::new(), common }
        });
        let alarm: Weak<dyn Alarm> = Arc::downgrade(&group) as Weak<dyn Alarm>;
        group.common.clock.on_jump(alarm);
        group
    }

    /// What the clients of this account hold; the same for the same organisation.
    pub(crate) fn hold(self: &Arc<Self>, account: Account) -> Arc<Hold> {
        let shared = match account.org_id().cloned() {
            Some(org_id) => self.organizations.get_or_make(&org_id, || self.session(account)),
            None => Arc::clone(self.partner.get_or_init(|| self.session(account))),
        };
        shared.held_by_clients(self)
    }

    fn session(&self, account: Account) -> Arc<Shared> {
        Arc::new(Shared::new(Arc::new(account), Arc::clone(&self.common)))
    }

    /// Every session that was asked for.
    pub(crate) fn sessions(&self) -> Vec<Arc<Shared>> {
        let mut sessions = self.organizations.all();
        sessions.extend(self.partner.get().cloned());
        sessions
    }
}

impl Alarm for Group {
    fn ring(&self) {
        for shared in self.sessions() {
            shared.ring();
        }
    }
}

/// What all clients of one organisation hold together: it goes with the last of them.
///
/// The session itself stays for as long as the group does, and is found again.
pub(crate) struct Hold {
    pub(crate) shared: Arc<Shared>,
    pub(crate) group: Arc<Group>,
    renewer: Option<Renewer>,
}

impl Hold {
    pub(crate) fn new(shared: Arc<Shared>, group: Arc<Group>) -> Arc<Self> {
        let renewer = Renewer::new(group.common.settings.renewal);
        Arc::new(Self { shared, group, renewer })
    }

    /// Begins to renew, if that is wanted and not done already.
    pub(crate) fn renew(self: &Arc<Self>) {
        if let Some(renewer) = &self.renewer {
            renewer.ensure(self);
        }
    }

    /// Something has changed: when to renew, or whether anybody is left to renew for.
    pub(crate) fn look_again(&self) {
        if let Some(renewer) = &self.renewer {
            renewer.look_again();
        }
    }
}

impl Drop for Hold {
    /// Whoever waits for an event or to renew finds out that it is over.
    fn drop(&mut self) {
        self.look_again();
        self.shared.rouse_listeners();
    }
}

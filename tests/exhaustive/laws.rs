//! What must hold in every state, each by its name.

/// A law of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    OneSignIn,
    NoDeadSession,
    NoOldVerdict,
    OneReplay,
    Slots,
    SlotsCounted,
    SignedOut,
    EndsForAReason,
    NoHurry,
    NoStorm,
    Drains,
    Woken,
    NoLeak,
}

impl Law {
    pub const ALL: [Self; 13] = [
        Self::OneSignIn,
        Self::NoDeadSession,
        Self::NoOldVerdict,
        Self::OneReplay,
        Self::Slots,
        Self::SlotsCounted,
        Self::SignedOut,
        Self::EndsForAReason,
        Self::NoHurry,
        Self::NoStorm,
        Self::Drains,
        Self::Woken,
        Self::NoLeak,
    ];

    /// What it says.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneSignIn => "one sign-in is in flight for each session",
            Self::NoDeadSession => "no request leaves with a session known to be dead",
            Self::NoOldVerdict => "a verdict on one session never touches the next",
            Self::OneReplay => "a call is sent again once after 1109, twice after 1322",
            Self::Slots => "no more is in flight than there are slots",
            Self::SlotsCounted => "a slot is in use by what is in flight, and by nothing else",
            Self::SignedOut => "no call begun before a sign-out is sent after it",
            Self::EndsForAReason => "a call is refused for what has happened alone",
            Self::NoHurry => {
                "after a failure no sign-in begins at once, nor after a refusal at all"
            }
            Self::NoStorm => "one instant holds no storm of wakes",
            Self::Drains => "a healthy server drains everyone who is not frozen",
            Self::Woken => "whoever can go on was woken",
            Self::NoLeak => "all slots are usable again in the end",
        }
    }
}

/// The laws that were broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Broken(u16);

impl Broken {
    pub fn unless(&mut self, holds: bool, law: Law) {
        if !holds {
            self.0 |= 1 << law as u16;
        }
    }

    pub fn holds(self, law: Law) -> bool {
        self.0 & 1 << law as u16 == 0
    }

    pub fn any(self) -> bool {
        self.0 != 0
    }
}

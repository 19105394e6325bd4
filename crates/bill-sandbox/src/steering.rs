//! Control of a running sandbox's limits, second factor and uploads from code.

use std::time::SystemTime;

use crate::claim::Key;
use crate::sandbox::Sandbox;
use crate::uploads::Upload;

impl Sandbox {
    /// The time of day on its own clock, by which the hours of BILL's limits are counted.
    pub fn wall(&self) -> SystemTime {
        self.shared.with(|state| state.clock.wall())
    }

    /// Allows a key so many calls in a clock hour from now on; `None` any number.
    pub fn set_calls_per_hour(&self, most: Option<u64>) {
        self.shared.with(|state| state.limits.rules.calls = most);
    }

    /// Allows a key so many sign-ins in a clock hour from now on; `None` any number.
    pub fn set_sign_ins_per_hour(&self, most: Option<u64>) {
        self.shared.with(|state| state.limits.rules.sign_ins = most);
    }

    /// Allows a key and an organisation so many calls at once from now on; `None` any number.
    pub fn set_concurrent_calls(&self, most: Option<u64>) {
        self.shared.with(|state| state.limits.rules.concurrent = most);
    }

    /// Refuses what is beyond a limit with these HTTP statuses from now on.
    pub fn set_limit_status(&self, v2: u16, v3: u16) {
        self.shared.with(|state| {
            (state.limits.rules.v2_status, state.limits.rules.v3_status) = (v2, v3);
        });
    }

    /// Counts calls and sign-ins of a developer key in this clock hour as if they had come; false
    /// if the sandbox does not know the key.
    pub fn spend_hour(&self, dev_key: &str, calls: u64, sign_ins: u64) -> bool {
        self.shared.with(|state| {
            let label = state.accounts.key_label(&Key::Dev(dev_key.to_owned()));
            let wall = state.clock.wall();
            label.is_some_and(|label| {
                state.limits.spend(&label, calls, sign_ins, wall);
                true
            })
        })
    }

    /// Whether the answer to a sign-in in v3 says from now on if the session is trusted.
    pub fn set_tells_trust(&self, tells: bool) {
        self.shared.with(|state| state.tells_trust = tells);
    }

    /// Remembers a device of a user's as if a challenge had been passed, and gives the id that is
    /// sent with it: `rememberMeId` in v3, `mfaId` in v2. There is none for an unknown user.
    pub fn remember_device(&self, user: &str, device: &str) -> Option<String> {
        self.shared.with(|state| {
            let users_id = state.accounts.users_id(user)?;
            Some(state.mfa.remember(&users_id, device, state.clock.now()))
        })
    }

    /// Forgets every remembered device: later sign-ins with one are silently not trusted.
    pub fn forget_devices(&self) {
        self.shared.with(|state| state.mfa.forget());
    }

    /// Takes the trust from every session, which lives on.
    pub fn distrust_sessions(&self) {
        self.shared.with(|state| state.sessions.distrust_all());
    }

    /// The files that were uploaded, in order, the last 10,000 of them.
    pub fn uploads(&self) -> Vec<Upload> {
        self.shared.with(|state| state.uploads.iter().cloned().collect())
    }
}

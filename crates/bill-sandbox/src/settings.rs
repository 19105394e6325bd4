//! Settings of what a session may do, of BILL's limits and of the second factor.

use std::time::Duration;

use crate::builder::Builder;

impl Builder {
    /// Ends a token's session after so long without a call; `None`, the default, never does.
    ///
    /// An older page of BILL's says that such a session does not expire, a newer one 48 hours.
    pub fn token_idle_limit(self, limit: Option<Duration>) -> Self {
        Self { token_idle_limit: limit, ..self }
    }

    /// Refuses these operations to a token's session instead of those that move money.
    ///
    /// `Crud/Create` means that of any entity.
    pub fn token_refuses<T: Into<String>>(self, operations: impl IntoIterator<Item = T>) -> Self {
        Self { token_refuses: operations.into_iter().map(Into::into).collect(), ..self }
    }

    /// Refuses these operations to a session that is not trusted, with BDC_1361, instead of
    /// `PayBills` and `v3/Create/payments`.
    pub fn untrusted_refuses<T: Into<String>>(
        self,
        operations: impl IntoIterator<Item = T>,
    ) -> Self {
        Self { untrusted_refuses: operations.into_iter().map(Into::into).collect(), ..self }
    }

    /// Allows a key so many calls in a clock hour instead of 20,000; `None` does not count them.
    pub fn calls_per_hour(mut self, most: Option<u64>) -> Self {
        self.limits.calls = most;
        self
    }

    /// Allows a key so many sign-ins in a clock hour instead of 200; `None` does not count them.
    pub fn sign_ins_per_hour(mut self, most: Option<u64>) -> Self {
        self.limits.sign_ins = most;
        self
    }

    /// Allows a key and an organisation so many calls at once instead of 3; `None` any number.
    pub fn concurrent_calls(mut self, most: Option<u64>) -> Self {
        self.limits.concurrent = most;
        self
    }

    /// Whether a sign-in takes a place among the calls at once, which it does not by default.
    pub fn sign_ins_concur(mut self, concur: bool) -> Self {
        self.limits.sign_ins_concur = concur;
        self
    }

    /// Enforces none of BILL's limits.
    pub fn without_limits(self) -> Self {
        self.calls_per_hour(None).sign_ins_per_hour(None).concurrent_calls(None)
    }

    /// Refuses what is beyond a limit with these HTTP statuses instead of 200 in v2 and 429 in v3.
    pub fn limit_status(mut self, v2: u16, v3: u16) -> Self {
        (self.limits.v2_status, self.limits.v3_status) = (v2, v3);
        self
    }

    /// Lets a challenge be answered for so long instead of 10 minutes.
    pub fn mfa_challenge_lives(mut self, lives: Duration) -> Self {
        self.mfa.challenge_lives = lives;
        self
    }

    /// Takes so many wrong codes for a challenge instead of 3.
    pub fn mfa_tries(mut self, tries: u32) -> Self {
        self.mfa.tries = tries;
        self
    }

    /// Remembers a device for so long instead of 30 days.
    pub fn mfa_device_lives(mut self, lives: Duration) -> Self {
        self.mfa.device_lives = lives;
        self
    }

    /// Leaves `trusted` out of the answer to a sign-in in v3.
    pub fn omit_trusted(self) -> Self {
        Self { tells_trust: false, ..self }
    }

    /// Takes files of so many bytes instead of 64 MiB.
    pub fn largest_file(self, bytes: u64) -> Self {
        Self { largest_file: bytes, ..self }
    }
}

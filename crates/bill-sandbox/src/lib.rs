//! A local imitation of BILL's API, v2 and v3, for tests, demos and CI.
//!
//! A [`Sandbox`] listens on a loopback port and answers as BILL's documents say that BILL does: in
//! v2, at `/api/v2`, form bodies, one envelope for every answer and HTTP 200 on failure; in v3, at
//! `/connect/v3`, JSON, headers for the session and an array of errors; in both, sessions that end
//! after 35 idle minutes, a second factor, remembered devices, and limits by the hour and of calls
//! at once. It is stricter than any real server with the mistakes that leak a secret or that a
//! lenient server would hide, and it counts each of them in [`Stats`]. Its clock can be moved, a
//! [`Fault`] makes it misbehave on purpose, and a [`Hold`] keeps answers back until a test releases
//! them.
//!
//! It shares no code with the clients that are tested against it, so that the two cannot share a
//! mistake. What it imitates, and from what kinds of sources, is written in `docs/protocol.md`.
//! Nothing here was ever run against BILL itself.
//!
//! ```
//! use std::time::Duration;
//!
//! use bill_sandbox::{Fault, FaultKind, Sandbox};
//!
//! # fn main() -> Result<(), bill_sandbox::StartError> {
//! let sandbox = Sandbox::start()?;
//! println!("a client signs in at {}/api/v2/Login.json", sandbox.origin());
//! println!("or at {}/connect/v3/login", sandbox.origin());
//!
//! // The next two sign-ins get no answer, and every session idles for 34 minutes.
//! sandbox.fault(Fault::new(FaultKind::NoAnswer).on("Login").times(2));
//! sandbox.advance(Duration::from_secs(34 * 60));
//!
//! // At the end of a test: what was asked, and whether the client kept to the protocol.
//! assert_eq!(sandbox.stats().sign_ins, 0);
//! assert!(sandbox.stats().violations().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # Operations
//!
//! Faults, holds and the journal call a request by the name of its operation: in v2 its path, as
//! in `Login` or `List/Vendor`; in v3 one of `v3/Login`, `v3/PartnerLogin`, `v3/GetSession`,
//! `v3/ListOrganizations`, `v3/Logout`, `v3/MFAChallenge`, `v3/MFAValidate`, `v3/MFAStepUp`,
//! `v3/List/vendors`, `v3/Create/vendors`, `v3/Read/vendors`, `v3/Replace/vendors` (`PUT`),
//! `v3/Update/vendors` (`PATCH`), `v3/Delete/vendors` and `v3/Upload/bills`. The beginning of a
//! name, up to a slash, stands for all that begin so: `v3/List` or `v3`.
//!
//! # Limits
//!
//! BILL's limits are enforced unless [`Builder::without_limits`] or one of the finer settings
//! switches them off: 20,000 calls and 200 sign-ins of a key in a clock hour (BDC_1144), and 3
//! calls at once of a key and an organisation (BDC_1322). A request beyond a limit is refused when
//! it comes, and waits at no hold. A fault may strike it like any other.
//!
//! # Guesses
//!
//! BILL's documents are silent, or uncertain, where the sandbox
//!
//! - refuses an unknown organisation with BDC_1107, a wrong code of the second factor with
//!   BDC_1357, an unknown challenge and an unknown id with BDC_1002, and what a token may not do
//!   with BDC_1120;
//! - gives these HTTP statuses in v3: 401 with BDC_1101 and BDC_1102, 403 with BDC_1105, BDC_1107
//!   and BDC_1120, 404 for an unknown id, 429 with BDC_1144 and BDC_1322, 500 with BDC_1001, 422
//!   with any other code but BDC_1109 (401), BDC_1361 (403) and BDC_1121 (404);
//! - counts a sign-in that fails, but none that breaks the rules of the wire; counts sign-ins and
//!   calls apart; gives a sign-in no place among the calls at once; does not count in its hour what
//!   it refuses with BDC_1322; and looks at a dead session before it looks at the calls at once;
//! - lets a challenge live for 10 minutes and take 3 wrong codes, and remembers a device with its
//!   user, for 30 days from the challenge, whatever key or organisation it signs in with;
//! - says `{"trusted":false}` to a step-up by a device that it does not know;
//! - answers `MFAStatus` with `{"isTrusted"}`, `UploadAttachment` with `{"documentUploadedId"}`, an
//!   upload in v3 with `{"uploadId"}`, an organisation in v3 as `{"id","name"}`, a creation with
//!   HTTP 201, and a deletion with the object that is gone;
//! - takes `PayBills` and `POST /v3/payments` for what needs trust, and a session of a partner for
//!   one of the first organisation;
//! - shows in v3 the objects of v2, with `archived` in place of `isActive`.

mod accounts;
mod answer;
mod api;
mod arrival;
mod asked;
mod body;
mod builder;
mod calendar;
mod caller;
mod claim;
mod clock;
mod control;
mod delivery;
mod error_entry;
mod exchange;
mod fault;
mod fault_kind;
mod form;
mod hold;
mod ids;
mod journal;
mod limits;
mod list;
mod mfa;
mod multipart;
mod operation;
mod sandbox;
mod seed;
mod sessions;
mod settings;
mod state;
mod stats;
mod steering;
mod store;
mod strict;
mod uploads;
mod v3;
mod violation;
mod wire;

pub use accounts::{
    DEMO_APP_KEY, DEMO_CONSOLE_API_TOKEN, DEMO_DEV_KEY, DEMO_ORG, DEMO_OTHER_ORG, DEMO_PARTNER,
    DEMO_PARTNER_PASSWORD, DEMO_PASSWORD, DEMO_TOKEN_NAME, DEMO_TOKEN_VALUE, DEMO_USER,
};
pub use builder::{Builder, StartError};
pub use error_entry::{ErrorEntry, Params};
pub use fault::Fault;
pub use fault_kind::FaultKind;
pub use hold::{Hold, WaitTimeout};
pub use journal::Entry;
pub use mfa::DEMO_MFA_CODE;
pub use sandbox::Sandbox;
pub use stats::Stats;
pub use uploads::Upload;

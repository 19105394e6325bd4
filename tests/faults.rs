//! One table of faults, and what both adapters have to make of each: the same.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a cell fails by panicking"
)]

#[expect(dead_code, reason = "secrets are added to it elsewhere")]
#[path = "secrets/canary.rs"]
mod canary;

#[path = "faults/answers.rs"]
mod answers;
#[path = "faults/authority.rs"]
mod authority;
#[path = "faults/cell.rs"]
mod cell;
#[path = "faults/certificates.rs"]
mod certificates;
#[path = "faults/contents.rs"]
mod contents;
#[path = "faults/end_points.rs"]
mod end_points;
#[path = "faults/hostile.rs"]
mod hostile;
#[path = "faults/outcome.rs"]
mod outcome;
#[path = "faults/party.rs"]
mod party;
#[path = "faults/proxies.rs"]
mod proxies;
#[path = "faults/redirects.rs"]
mod redirects;
#[path = "faults/rows.rs"]
mod rows;
#[path = "faults/server.rs"]
mod server;
#[path = "faults/transport.rs"]
mod transport;
#[path = "faults/trusting.rs"]
mod trusting;
#[path = "faults/wire.rs"]
mod wire;

use authority::Authority;
use cell::{Cell, count};

/// How many cells each part of the matrix has; each is run over both adapters.
const CELLS: [(&str, usize); 5] =
    [("transport", 142), ("redirects", 108), ("TLS", 54), ("apiEndPoint", 114), ("proxy", 37)];

#[test]
fn the_matrix_has_as_many_cells_as_it_says() {
    let authority = Authority::new(trusting::NAME);
    let parts = [
        transport::cells(),
        redirects::cells(&authority),
        certificates::cells(&authority),
        end_points::cells(&authority),
        proxies::cells(&authority),
    ];
    let counted = parts.each_ref().map(|cells| {
        let part = cells[0].name().split(" / ").next().unwrap();
        assert!(cells.iter().all(|cell| cell.name().starts_with(part)), "{cells:?}");
        (part, count(cells))
    });
    assert_eq!(counted, CELLS);
    let all: Vec<&Cell> = parts.iter().flatten().collect();
    println!("{} cells, each over both adapters", all.len());
    assert!(all.len() >= 80, "{}", all.len());
}

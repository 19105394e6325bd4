//! What the project's own commands share with its tests: how code lines are counted, and which
//! tools of the machine the tests use.

pub mod code;
pub mod mutations;
pub mod tools;

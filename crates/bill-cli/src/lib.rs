//! The bill command.

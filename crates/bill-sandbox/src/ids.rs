//! Identifiers that nobody can guess, of sessions, challenges and remembered devices.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A source of identifiers; no two sources give the same ones.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    // The standard library's randomly keyed hasher spares a dependency on a random generator.
    random: RandomState,
    given: u64,
}

impl Ids {
    /// An identifier of 36 characters that was never given before.
    pub(crate) fn next(&mut self) -> String {
        self.given += 1;
        let characters = (0..3_u64).flat_map(|part| {
            let bits = self.random.hash_one((self.given, part));
            (0..12).map(move |place| ALPHABET[(bits >> (place * 5)) as usize % ALPHABET.len()])
        });
        characters.map(char::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Ids;

    #[test]
    fn no_two_identifiers_are_alike() {
        let mut sources = [Ids::default(), Ids::default()];
        let all = sources.iter_mut().flat_map(|ids| (0..1_000).map(|_| ids.next()));
        let all: HashSet<_> = all.collect();
        assert_eq!(all.len(), 2_000);
        assert!(all.iter().all(|id| id.len() == 36));
    }
}

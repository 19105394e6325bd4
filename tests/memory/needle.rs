//! What is looked for in memory, kept so that the search does not find itself.
//!
//! Every byte is turned over by a mask, and stays so: a needle is compared with memory piece by
//! piece, and is never put together in the clear.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

/// How long each piece is. Memory that is freed loses its first 16 bytes to the allocator, and a
/// buffer that has been used again loses more: what is left of a secret is found by its pieces.
const PIECE: usize = 16;

const MASK: u8 = 0b1010_0101;

/// Bytes of which each is turned over by the mask.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Masked(Vec<u8>);

impl Masked {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(bytes.iter().map(|byte| byte ^ MASK).collect())
    }

    /// As it is sent to a child, to whom nobody tells a secret.
    pub(crate) fn to_hex(&self) -> String {
        self.0.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        })
    }

    pub(crate) fn from_hex(hex: &str) -> Self {
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        Self((0..hex.len()).step_by(2).map(byte).collect())
    }

    /// The text itself, in one buffer that has just the room: whoever gets it must wipe it.
    pub(crate) fn reveal(&self) -> String {
        let mut text = Vec::with_capacity(self.0.len());
        text.extend(self.0.iter().map(|byte| byte ^ MASK));
        String::from_utf8(text).unwrap()
    }

    /// The pieces that are found of it, each wherever it stands.
    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.0.chunks_exact(PIECE)
    }
}

/// What is looked for, by name.
#[derive(Default)]
pub(crate) struct Needles {
    names: Vec<String>,
    /// The masked pieces by their first four bytes, each with the name of what it is a piece of.
    pieces: HashMap<[u8; 4], Vec<([u8; PIECE], usize)>>,
    /// Which first two bytes, as they stand in memory, a piece has.
    begins: Vec<bool>,
}

impl Needles {
    pub(crate) fn add(&mut self, name: &str, what: &Masked) {
        self.begins.resize(1 << 16, false);
        let index = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        for piece in what.pieces() {
            let piece: [u8; PIECE] = piece.try_into().unwrap();
            let [one, two, ..] = piece;
            self.begins[usize::from(u16::from_be_bytes([one ^ MASK, two ^ MASK]))] = true;
            let key: [u8; 4] = piece[..4].try_into().unwrap();
            let known = self.pieces.entry(key).or_default();
            // The same piece under another name is that of the name that came first.
            if known.iter().all(|(other, _)| *other != piece) {
                known.push((piece, index));
            }
        }
    }

    /// How many pieces of each name stand in `memory`, and where each begins.
    pub(crate) fn find(&self, memory: &[u8], mut found: impl FnMut(&str, usize)) {
        for (at, pair) in memory.windows(2).enumerate() {
            if self.begins[usize::from(u16::from_be_bytes([pair[0], pair[1]]))] {
                let Some(here) = memory.get(at..at + PIECE) else { return };
                let key = [0, 1, 2, 3].map(|of: usize| here[of] ^ MASK);
                for (piece, name) in self.pieces.get(&key).into_iter().flatten() {
                    if piece.iter().zip(here).all(|(masked, byte)| *masked == byte ^ MASK) {
                        found(&self.names[*name], at);
                    }
                }
            }
        }
    }
}

/// How far one stretch of memory must reach into the next, so that no piece is cut in two.
pub(crate) const OVERLAP: usize = PIECE - 1;

/// How many pieces of each name were found.
pub(crate) type Found = BTreeMap<String, usize>;

#[test]
fn a_needle_is_found_by_each_of_its_pieces_wherever_they_stand() {
    let text = "0123456789abcdefABCDEFGHIJKLMNOP and a bit";
    let mut needles = Needles::default();
    needles.add("text", &Masked::of(text.as_bytes()));
    let found = |memory: &str| {
        let mut found = Vec::new();
        needles.find(memory.as_bytes(), |name, at| found.push((name.to_owned(), at)));
        found
    };
    let (one, two) = (("text".to_owned(), 3), ("text".to_owned(), 19));
    assert_eq!(found(&format!("xyz{text}")), [one.clone(), two.clone()]);
    assert_eq!(found(&format!("xyz{}", &text[..20])), [one]);
    assert_eq!(found(&format!("xyz{}{}", "0".repeat(16), &text[16..])), [two]);
    assert!(found(&text.replace(['5', 'F'], "x")).is_empty());
    assert_eq!(Masked::from_hex(&Masked::of(text.as_bytes()).to_hex()).reveal(), text);
}

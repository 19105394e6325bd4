//! Files that were uploaded: what is kept of them is their length and a checksum.

// FNV-1a of 64 bits: enough to find a byte that was lost, added or changed on the way.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// The length and the checksum of bytes that went by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) length: u64,
    pub(crate) checksum: u64,
}

/// A file that a client uploaded, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upload {
    /// The id that the answer gave it.
    pub id: String,
    /// The organisation of the session that sent it.
    pub organization: String,
    /// The object that it belongs to, such as a bill.
    pub object: String,
    /// The name of the file.
    pub name: String,
    /// How many bytes came.
    pub length: u64,
    /// The checksum of the bytes that came; compare it with [`Upload::checksum_of`].
    pub checksum: u64,
}

impl Upload {
    /// The checksum of some bytes: FNV-1a with 64 bits.
    ///
    /// ```
    /// assert_eq!(bill_sandbox::Upload::checksum_of(b"a"), 0xaf63_dc4c_8601_ec8c);
    /// ```
    pub fn checksum_of(bytes: &[u8]) -> u64 {
        let mut digest = Digest::default();
        digest.feed(bytes);
        digest.checksum
    }
}

impl Digest {
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let mix = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(PRIME);
        self.checksum = bytes.iter().fold(self.checksum, mix);
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self { length: 0, checksum: BASIS }
    }
}

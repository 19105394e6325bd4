//! The form encoding of v2's bodies, written straight into the buffer that is sent.
//!
//! The bytes are those of `form_urlencoded`, and a test compares all of them. That crate hands out an
//! encoded text piece by piece, which is slow for what JSON consists of: every quote, colon and
//! bracket is a piece of its own.

use std::io;

use percent_encoding::percent_encode_byte;
use serde::Serialize;

/// Encodes `fields`, then appends `rest`, in one buffer that has room for just this and never grows:
/// growing would leave a copy of the secrets behind, unwiped.
pub(super) fn form(fields: &[(&str, &str)], rest: &[u8]) -> Vec<u8> {
    // With `=` and `&`.
    let room: usize = fields.iter().map(|(name, value)| length(name) + length(value) + 2).sum();
    let mut body = Vec::with_capacity(room + rest.len());
    for (name, value) in fields {
        if !body.is_empty() {
            body.push(b'&');
        }
        push(&mut body, name.as_bytes());
        body.push(b'=');
        push(&mut body, value.as_bytes());
    }
    if !rest.is_empty() {
        body.push(b'&');
        body.extend_from_slice(rest);
    }
    body
}

/// The field `data`: one JSON document, encoded as it is serialised; nothing for one that is `null`.
pub(super) fn data<D: Serialize + ?Sized>(data: &D) -> serde_json::Result<Vec<u8>> {
    struct Form(Vec<u8>);

    impl io::Write for Form {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            push(&mut self.0, bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const NAME: &[u8] = b"data=";
    let mut form = Form(Vec::with_capacity(256));
    form.0.extend_from_slice(NAME);
    serde_json::to_writer(&mut form, data)?;
    if form.0[NAME.len()..] == *b"null" {
        form.0.clear();
    }
    Ok(form.0)
}

/// Appends `bytes`, encoded.
fn push(body: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        match *byte {
            byte if PLAIN[usize::from(byte)] => body.push(byte),
            b' ' => body.push(b'+'),
            byte => body.extend_from_slice(percent_encode_byte(byte).as_bytes()),
        }
    }
}

/// How many bytes `text` takes, encoded.
fn length(text: &str) -> usize {
    let grows = |byte: &u8| !PLAIN[usize::from(*byte)] && *byte != b' ';
    text.len() + 2 * text.bytes().filter(grows).count()
}

/// The bytes that stand for themselves.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let character = byte as u8;
        plain[byte] =
            character.is_ascii_alphanumeric() || matches!(character, b'*' | b'-' | b'.' | b'_');
        byte += 1;
    }
    plain
};

#[cfg(test)]
mod tests {
    use super::{data, form, push};

    #[test]
    fn every_byte_is_encoded_as_the_url_standard_has_it() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        let mut ours = Vec::new();
        push(&mut ours, &all);
        let theirs: String = form_urlencoded::byte_serialize(&all).collect();
        assert_eq!(String::from_utf8(ours).unwrap(), theirs);
    }

    #[test]
    fn a_body_is_what_the_url_standard_makes_of_its_fields_and_fills_its_buffer() {
        let fields = [("userName", "a b+c@d.é"), ("password", "p&=%\n\"~*-_."), ("empty", "")];
        let ours = form(&fields, b"");
        let mut theirs = form_urlencoded::Serializer::new(String::new());
        let theirs = theirs.extend_pairs(fields).finish();
        assert_eq!(ours.len() + 1, ours.capacity(), "there is one `&` less than there are fields");
        assert_eq!(String::from_utf8(ours).unwrap(), theirs);
    }

    #[test]
    fn what_is_encoded_already_is_appended_as_it_is() {
        assert_eq!(form(&[("a", "/")], b"data=%7B%7D"), b"a=%2F&data=%7B%7D");
    }

    #[test]
    fn data_is_encoded_as_it_is_serialised_and_null_is_left_out() {
        let text = "a \"quoted\" é/\u{1F600}\u{7}";
        let whole = serde_json::to_string(text).unwrap();
        let theirs: String = form_urlencoded::byte_serialize(whole.as_bytes()).collect();
        assert_eq!(data(text).unwrap(), format!("data={theirs}").into_bytes());
        assert_eq!(data(&()).unwrap(), b"");
    }
}

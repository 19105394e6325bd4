//! A parser of `multipart/form-data` that keeps the short parts and lets the file go by.

use crate::uploads::Digest;

// A part that is no file is a key, a session or a small document.
const LARGEST_FIELD: usize = 64 * 1024;
const LARGEST_HEAD: usize = 8 * 1024;

/// The name of the part that is a file.
const FILE: &str = "file";

/// The parts of a form.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) file: Option<Digest>,
}

#[derive(Debug)]
pub(crate) struct Parser {
    /// What ends a part: a line break, two hyphens and the boundary.
    delimiter: Vec<u8>,
    /// Bytes that may be the beginning of something.
    held: Vec<u8>,
    place: Place,
    parts: Parts,
}

#[derive(Debug)]
enum Place {
    /// Behind a delimiter: a line break begins a part, two hyphens end the form.
    Edge,
    Head,
    Field {
        name: String,
        value: Vec<u8>,
    },
    File(Digest),
    End,
    Malformed,
}

/// The boundary that a content type of several parts names.
pub(crate) fn boundary(content_type: &str) -> Option<&str> {
    let (media_type, parameters) = content_type.split_once(';')?;
    if !media_type.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let pairs = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"));
    let boundary = named.next()?.1.trim().trim_matches('"');
    (1..=70).contains(&boundary.len()).then_some(boundary)
}

impl Parser {
    pub(crate) fn new(boundary: &str) -> Self {
        Self {
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            // The first delimiter has no line break before it.
            held: b"\r\n".to_vec(),
            place: Place::Field { name: String::new(), value: Vec::new() },
            parts: Parts::default(),
        }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if matches!(self.place, Place::End | Place::Malformed) {
            return;
        }
        self.held.extend_from_slice(bytes);
        while self.step() {}
    }

    /// The parts of a form that came to its end.
    pub(crate) fn finish(self) -> Option<Parts> {
        matches!(self.place, Place::End).then_some(self.parts)
    }

    /// Goes on as far as the held bytes say how, and tells whether there may be more to do.
    fn step(&mut self) -> bool {
        match &mut self.place {
            Place::Edge => match self.held.get(..2) {
                None => false,
                Some(b"\r\n") => self.go(2, Place::Head),
                Some(b"--") => self.go(2, Place::End),
                Some(_) => self.go(0, Place::Malformed),
            },
            // The head of a part ends with an empty line.
            Place::Head => match find(&self.held, b"\r\n\r\n") {
                Some(end) => {
                    let begun = begin(&self.held[..end]);
                    self.go(end + 4, begun)
                }
                None if self.held.len() > LARGEST_HEAD => self.go(0, Place::Malformed),
                None => false,
            },
            Place::Field { .. } | Place::File(_) => self.content(),
            Place::End | Place::Malformed => false,
        }
    }

    fn content(&mut self) -> bool {
        let end = find(&self.held, &self.delimiter);
        // What might be the beginning of a delimiter is held back.
        let sure =
            end.unwrap_or_else(|| (self.held.len() + 1).saturating_sub(self.delimiter.len()));
        match &mut self.place {
            Place::Field { value, .. } => value.extend_from_slice(&self.held[..sure]),
            Place::File(digest) => digest.feed(&self.held[..sure]),
            _ => {}
        }
        if let Place::Field { value, .. } = &self.place
            && value.len() > LARGEST_FIELD
        {
            return self.go(0, Place::Malformed);
        }
        if end.is_none() {
            self.held.drain(..sure);
            return false;
        }
        let kept = self.keep();
        self.go(sure + self.delimiter.len(), kept)
    }

    /// Keeps the part that is complete, and gives the place behind it.
    fn keep(&mut self) -> Place {
        match std::mem::replace(&mut self.place, Place::Edge) {
            // What stands before the first delimiter is no part, and must be nothing.
            Place::Field { name, value } if name.is_empty() => {
                return if value.is_empty() { Place::Edge } else { Place::Malformed };
            }
            Place::Field { name, value } => match String::from_utf8(value) {
                Ok(value) => self.parts.fields.push((name, value)),
                Err(_) => return Place::Malformed,
            },
            Place::File(digest) if self.parts.file.is_none() => self.parts.file = Some(digest),
            _ => return Place::Malformed,
        }
        Place::Edge
    }

    fn go(&mut self, bytes: usize, place: Place) -> bool {
        self.held.drain(..bytes);
        if matches!(place, Place::End | Place::Malformed) {
            self.held.clear();
        }
        self.place = place;
        true
    }
}

/// The place behind the head of a part.
fn begin(head: &[u8]) -> Place {
    match std::str::from_utf8(head).ok().and_then(name) {
        Some(FILE) => Place::File(Digest::default()),
        Some(name) => Place::Field { name: name.to_owned(), value: Vec::new() },
        None => Place::Malformed,
    }
}

/// The name of a part, which its `content-disposition` says.
fn name(head: &str) -> Option<&str> {
    let mut headers = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, disposition) =
        headers.find(|(name, _)| name.eq_ignore_ascii_case("content-disposition"))?;
    let parameters = disposition.trim().strip_prefix("form-data;")?;
    let mut pairs = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let (_, name) = pairs.find(|(name, _)| name.trim() == "name")?;
    Some(name.trim().trim_matches('"')).filter(|name| !name.is_empty())
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::{Parser, Parts, boundary};
    use crate::uploads::Upload;

    const FORM: &str = "--xyz\r\ncontent-disposition: form-data; name=\"devKey\"\r\n\r\nkey\r\n\
        --xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a;b.pdf\"\r\n\
        Content-Type: application/pdf\r\n\r\nline\r\n--xy no boundary\r\n\r\n--xyz--\r\n";

    fn parse(bytes: &[u8], portion: usize) -> Option<Parts> {
        let mut parser = Parser::new("xyz");
        bytes.chunks(portion).for_each(|portion| parser.feed(portion));
        parser.finish()
    }

    #[test]
    fn a_form_is_the_same_in_whatever_portions_it_comes() {
        for portion in 1..=FORM.len() {
            let parts = parse(FORM.as_bytes(), portion).unwrap();
            assert_eq!(parts.fields, [("devKey".to_owned(), "key".to_owned())]);
            let file = parts.file.unwrap();
            let content = b"line\r\n--xy no boundary\r\n";
            assert_eq!(file.length, content.len() as u64);
            assert_eq!(file.checksum, Upload::checksum_of(content));
        }
    }

    #[test]
    fn what_is_not_well_formed_is_no_form() {
        let broken = [
            String::new(),
            "--xyz--x".replace("--xyz--", "--xyz-"),
            FORM.replace("--xyz--", "--xyz"),
            FORM.replacen("--xyz", "x--xyz", 1),
            FORM.replacen("form-data", "attachment", 1),
            FORM.replacen("; name=\"devKey\"", "", 1),
            FORM.replacen("\"devKey\"", "\"file\"", 1),
            FORM.replacen("key\r\n", &format!("{}\r\n", "k".repeat(70_000)), 1),
        ];
        for form in broken {
            for portion in [1, 7, form.len().max(1)] {
                assert_eq!(parse(form.as_bytes(), portion), None);
            }
        }
    }

    #[test]
    fn a_boundary_is_taken_from_its_content_type() {
        assert_eq!(boundary("multipart/form-data; boundary=x-y"), Some("x-y"));
        assert_eq!(boundary("Multipart/Form-Data;charset=utf-8; Boundary=\"x\""), Some("x"));
        for none in
            ["multipart/form-data", "text/plain; boundary=x", "multipart/form-data; boundary="]
        {
            assert_eq!(boundary(none), None);
        }
    }

    #[test]
    fn nothing_but_the_length_of_a_delimiter_is_held_of_a_file() {
        let mut parser = Parser::new("xyz");
        parser.feed(b"--xyz\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\n");
        for _ in 0..100 {
            parser.feed(&[b'-'; 10_000]);
            assert!(parser.held.len() < parser.delimiter.len());
        }
    }
}

//! A parser of `application/x-www-form-urlencoded` bodies that forgives nothing.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormError {
    /// The body is JSON.
    Json,
    /// The body is not a list of `name=value` pairs in percent-encoded UTF-8.
    Malformed,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, FormError> {
        let text = std::str::from_utf8(body).map_err(|_| FormError::Malformed)?;
        if text.trim_start().starts_with(['{', '[']) {
            return Err(FormError::Json);
        }
        if text.is_empty() {
            return Ok(Self::default());
        }
        text.split('&').map(pair).collect::<Option<_>>().map(Self).ok_or(FormError::Malformed)
    }

    pub(crate) fn of_fields(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }

    pub(crate) fn fields(&self) -> &[(String, String)] {
        &self.0
    }

    /// The value of a field, or the empty string.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

fn pair(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    Some((decode(name)?, decode(value)?))
}

/// Undoes percent-encoding and `+` for a space; `None` for a broken escape or broken UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::{Form, FormError};

    #[test]
    fn percent_escapes_and_plus_signs_are_undone() {
        let form = Form::parse(b"password=p%26a%3Ds+s%2b%25%C3%A9").unwrap();
        assert_eq!(form.value("password"), "p&a=s s+%é");
    }

    #[test]
    fn a_second_equals_sign_belongs_to_the_value() {
        assert_eq!(Form::parse(b"data=a=b").unwrap().value("data"), "a=b");
    }

    #[test]
    fn json_is_told_from_a_malformed_form() {
        assert_eq!(Form::parse(b" {\"a\":1}").unwrap_err(), FormError::Json);
        for malformed in ["a=1&", "a", "a=%4", "a=%zz", "a=%ff", "&a=1"] {
            assert_eq!(Form::parse(malformed.as_bytes()).unwrap_err(), FormError::Malformed);
        }
    }
}

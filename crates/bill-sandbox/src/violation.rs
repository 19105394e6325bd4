//! The ways in which a request strays from the protocol, and the counter of each.

/// A way in which a request strays from the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    SecretInUrl,
    UnexpectedQuery,
    WrongPathCase,
    WrongMethod,
    WrongAccept,
    WrongContentType,
    BodyTooLarge,
    JsonBody,
    MalformedForm,
    RepeatedField,
    EmptyField,
    MissingField,
    UnexpectedField,
    UnexpectedBody,
    MalformedJson,
}

/// Why a request is refused before any operation sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Strict(Violation),
    UnknownPath,
}

impl Violation {
    const ALL: [Self; 15] = [
        Self::SecretInUrl,
        Self::UnexpectedQuery,
        Self::WrongPathCase,
        Self::WrongMethod,
        Self::WrongAccept,
        Self::WrongContentType,
        Self::BodyTooLarge,
        Self::JsonBody,
        Self::MalformedForm,
        Self::RepeatedField,
        Self::EmptyField,
        Self::MissingField,
        Self::UnexpectedField,
        Self::UnexpectedBody,
        Self::MalformedJson,
    ];

    /// The name of its counter.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SecretInUrl => "secret_in_url",
            Self::UnexpectedQuery => "unexpected_query",
            Self::WrongPathCase => "wrong_path_case",
            Self::WrongMethod => "wrong_method",
            Self::WrongAccept => "wrong_accept",
            Self::WrongContentType => "wrong_content_type",
            Self::BodyTooLarge => "body_too_large",
            Self::JsonBody => "json_body",
            Self::MalformedForm => "malformed_form",
            Self::RepeatedField => "repeated_field",
            Self::EmptyField => "empty_field",
            Self::MissingField => "missing_field",
            Self::UnexpectedField => "unexpected_field",
            Self::UnexpectedBody => "unexpected_body",
            Self::MalformedJson => "malformed_json",
        }
    }

    pub(crate) fn is_name(name: &str) -> bool {
        Self::ALL.iter().any(|violation| violation.name() == name)
    }

    /// The code in the envelope, which nobody can take for one of BILL's.
    pub(crate) fn code(self) -> String {
        format!("SANDBOX_{}", self.name().to_ascii_uppercase())
    }

    pub(crate) fn status(self) -> u16 {
        match self {
            Self::WrongPathCase => 404,
            Self::WrongMethod => 405,
            Self::WrongAccept => 406,
            Self::BodyTooLarge => 413,
            Self::WrongContentType | Self::JsonBody => 415,
            _ => 400,
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::SecretInUrl => "A URL holds a credential or a session. Rotate it.",
            Self::UnexpectedQuery => "This path does not take this query.",
            Self::WrongPathCase => "Paths are case-sensitive.",
            Self::WrongMethod => "This path does not take this method.",
            Self::WrongAccept => "Every answer is application/json.",
            Self::WrongContentType => "This path takes another content type.",
            Self::BodyTooLarge => "The body is larger than the sandbox takes.",
            Self::JsonBody => "The body is a form, not JSON.",
            Self::MalformedForm => "The body is not a well-formed form.",
            Self::RepeatedField => "A field or a header is given twice.",
            Self::EmptyField => "A field or a header is empty.",
            Self::MissingField => "A field or a header is missing.",
            Self::UnexpectedField => "A field or a header is not one of this operation.",
            Self::UnexpectedBody => "A request of this operation has no body.",
            Self::MalformedJson => "The body is a JSON object of the documented types.",
        }
    }
}

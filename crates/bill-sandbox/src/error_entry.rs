//! One entry of the array of errors that v3 answers with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An entry of the array in [`FaultKind::Errors`], with the odd shapes that were seen of it.
///
/// Its JSON is `{"code":"BDC_1109","message":"…","params":{"list":["…"]}}`, and every part of it
/// may be absent.
///
/// [`FaultKind::Errors`]: crate::FaultKind::Errors
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use]
pub struct ErrorEntry {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    params: Option<Params>,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    help: Option<String>,
}

/// The `params` of an [`ErrorEntry`]: BILL documents an array, and was seen to send an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Params {
    /// An array of texts.
    List(Vec<String>),
    /// An object, such as the empty one.
    Object(BTreeMap<String, String>),
}

impl ErrorEntry {
    /// An entry with a code, and with the text that belongs to it unless another is given.
    pub fn new(code: impl Into<String>) -> Self {
        Self { code: Some(code.into()), ..Self::default() }
    }

    /// An entry without a code.
    pub fn without_code() -> Self {
        Self::default()
    }

    /// Sets the text.
    pub fn message(self, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..self }
    }

    /// Adds `params`.
    pub fn params(self, params: Params) -> Self {
        Self { params: Some(params), ..self }
    }

    /// Adds `detail`.
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// Adds `help`.
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    pub(crate) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// What is sent, with a text for an entry that has none of its own.
    pub(crate) fn sent<'a>(&'a self, stamp: &'a str, text: &'a str) -> impl Serialize {
        Sent {
            timestamp: stamp,
            code: self.code(),
            severity: "ERROR",
            category: "REQUEST",
            message: self.message.as_deref().unwrap_or(text),
            params: self.params.as_ref().map(|params| match params {
                Params::List(list) => SentParams::List(list),
                Params::Object(object) => SentParams::Object(object),
            }),
            detail: self.detail.as_deref(),
            help: self.help.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct Sent<'a> {
    timestamp: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    severity: &'a str,
    category: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<SentParams<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum SentParams<'a> {
    List(&'a [String]),
    Object(&'a BTreeMap<String, String>),
}

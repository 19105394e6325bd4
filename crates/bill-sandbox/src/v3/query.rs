//! The query of a v3 request.

use crate::form::decode;

/// The names and values of a query, decoded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Takes a query apart; nothing for one that is not well formed or repeats a name.
    pub(crate) fn parse(text: Option<&str>) -> Option<Self> {
        let pairs = text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let decoded: Vec<_> = pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=')?;
                Some((decode(name)?, decode(value)?))
            })
            .collect::<Option<_>>()?;
        let repeated = |(position, (name, _)): (usize, &(String, String))| {
            decoded[..position].iter().any(|(earlier, _)| earlier == name)
        };
        if decoded.iter().enumerate().any(repeated) { None } else { Some(Self(decoded)) }
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether it has no other names than these.
    pub(crate) fn keeps_to(&self, names: &[&str]) -> bool {
        self.0.iter().all(|(name, _)| names.contains(&name.as_str()))
    }
}

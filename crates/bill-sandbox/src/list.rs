//! `List`: the document that asks for a page, and the page.

use std::cmp::Ordering;

use serde::Deserialize;
use serde_json::{Map, Value};

const LARGEST_PAGE: usize = 999;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    start: usize,
    max: usize,
    #[serde(default)]
    filters: Vec<Filter>,
    #[serde(default)]
    sort: Vec<Sort>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    field: String,
    op: Op,
    value: Value,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum Op {
    #[serde(rename = "=")]
    Equal,
    #[serde(rename = "!=")]
    Unequal,
    #[serde(rename = "<")]
    Less,
    #[serde(rename = ">")]
    Greater,
    #[serde(rename = "<=")]
    AtMost,
    #[serde(rename = ">=")]
    AtLeast,
    #[serde(rename = "in")]
    In,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sort {
    field: String,
    asc: Direction,
}

// BILL's examples write the direction as a string.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Direction {
    Plain(bool),
    Written(Written),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Written {
    True,
    False,
}

impl Query {
    pub(crate) fn parse(data: &str) -> Result<Self, &'static str> {
        let query: Self = serde_json::from_str(data).map_err(|_| {
            "data is a JSON document of start, max, filters (field, op, value), sort (field, asc)"
        })?;
        if !(1..=LARGEST_PAGE).contains(&query.max) {
            return Err("max is from 1 to 999");
        }
        Ok(query)
    }

    pub(crate) fn page<'a>(
        &self,
        rows: impl Iterator<Item = &'a Map<String, Value>>,
    ) -> Vec<&'a Map<String, Value>> {
        let fitting = rows.filter(|row| self.filters.iter().all(|filter| filter.fits(row)));
        if self.sort.is_empty() {
            return fitting.skip(self.start).take(self.max).collect();
        }
        let mut sorted: Vec<_> = fitting.collect();
        sorted.sort_by(|a, b| {
            self.sort.iter().fold(Ordering::Equal, |order, sort| order.then(sort.order(a, b)))
        });
        sorted.into_iter().skip(self.start).take(self.max).collect()
    }
}

impl Filter {
    fn fits(&self, row: &Map<String, Value>) -> bool {
        let value = row.get(&self.field).unwrap_or(&Value::Null);
        let order = |wanted: &Value| compare(value, wanted);
        match self.op {
            Op::Equal => order(&self.value).is_eq(),
            Op::Unequal => order(&self.value).is_ne(),
            Op::In => match &self.value {
                Value::Array(wanted) => wanted.iter().any(|wanted| order(wanted).is_eq()),
                other => text(other).split(',').any(|wanted| order(&wanted.trim().into()).is_eq()),
            },
            // An absent value is neither less nor greater than anything.
            _ if value.is_null() => false,
            Op::Less => order(&self.value).is_lt(),
            Op::Greater => order(&self.value).is_gt(),
            Op::AtMost => order(&self.value).is_le(),
            Op::AtLeast => order(&self.value).is_ge(),
        }
    }
}

impl Sort {
    fn order(&self, a: &Map<String, Value>, b: &Map<String, Value>) -> Ordering {
        let value = |row: &Map<String, Value>| row.get(&self.field).cloned().unwrap_or_default();
        let ascending = compare(&value(a), &value(b));
        match self.asc {
            Direction::Plain(true) | Direction::Written(Written::True) => ascending,
            Direction::Plain(false) | Direction::Written(Written::False) => ascending.reverse(),
        }
    }
}

// BILL writes numbers and booleans as strings in some places and bare in others. Only a bare
// number on one side makes it a comparison of numbers, so that ids compare as text.
fn compare(a: &Value, b: &Value) -> Ordering {
    let (text_a, text_b) = (text(a), text(b));
    if (a.is_number() || b.is_number())
        && let (Ok(a), Ok(b)) = (text_a.parse::<f64>(), text_b.parse::<f64>())
    {
        return a.total_cmp(&b);
    }
    text_a.cmp(&text_b)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

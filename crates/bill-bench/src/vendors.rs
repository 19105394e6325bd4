//! The list of vendors that clients ask for: the question, the answer, and the type it is read into.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// What `List/Vendor` is asked: one page, filtered and in order.
#[derive(Debug, Serialize)]
pub struct Question {
    start: usize,
    max: usize,
    filters: [Filter; 1],
    sort: [Sort; 1],
}

#[derive(Debug, Serialize)]
struct Filter {
    field: &'static str,
    op: &'static str,
    value: &'static str,
}

#[derive(Debug, Serialize)]
struct Sort {
    field: &'static str,
    asc: &'static str,
}

impl Question {
    /// The first page of so many active vendors.
    pub fn first(max: usize) -> Self {
        Self {
            start: 0,
            max,
            filters: [Filter { field: "isActive", op: "=", value: "1" }],
            sort: [Sort { field: "createdTime", asc: "true" }],
        }
    }
}

/// What a program wants to know of a vendor: five of the two dozen fields.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "its fields are there to be parsed")]
pub struct Vendor {
    id: String,
    name: String,
    email: Option<String>,
    created_time: String,
    address1: Option<String>,
}

/// The envelope around everything that v2 answers, as a program reads it that has no session layer.
#[derive(Debug, Deserialize)]
pub struct Envelope<T> {
    /// 0 for a success.
    pub response_status: i64,
    /// What was asked for.
    pub response_data: T,
}

/// What v2 answers: so many vendors in its envelope.
pub fn v2_page(rows: usize) -> String {
    let rows = list(rows);
    format!(r#"{{"response_status":0,"response_message":"Success","response_data":{rows}}}"#)
}

/// What v3 answers: so many vendors in a page that is not the last.
pub fn v3_page(rows: usize) -> String {
    format!(r#"{{"results":{},"nextPage":"Y3Vyc29yLW9mLXRoZS1uZXh0LXBhZ2U"}}"#, list(rows))
}

fn list(rows: usize) -> String {
    let mut list = String::from("[");
    for number in 1..=rows {
        let comma = if number == 1 { "" } else { "," };
        let minute = number % 60;
        // To write to a string cannot fail.
        let _written = write!(
            list,
            r#"{comma}{{"entity":"Vendor","id":"00901{number:015}","isActive":"1","createdTime":"2024-01-01T00:{minute:02}:00.000+0000","updatedTime":"2024-01-01T00:{minute:02}:00.000+0000","name":"Amber Bakery {number}","shortName":null,"nameOnCheck":"Amber Bakery {number}","companyName":"Amber Bakery {number}","accNumber":"V-{number:05}","taxId":null,"track1099":false,"address1":"{number} Example Street","address2":null,"addressCity":"San Jose","addressState":"CA","addressZip":"95002","addressCountry":"USA","email":"vendor{number}@example.com","paymentEmail":null,"phone":"(555) 555-0100","contactFirstName":null,"contactLastName":null,"accountType":"1","description":"\"Bakery\" \u2014 delivers daily"}}"#
        );
    }
    list.push(']');
    list
}

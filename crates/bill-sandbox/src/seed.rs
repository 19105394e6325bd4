//! Fake, deterministic data that every organisation starts with.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::calendar::{date_from, stamp_from};

// 2024-01-01: the first object was created then, and one more every ten minutes.
const FIRST: u64 = 1_704_067_200;
const EVERY: u64 = 600;

const FIRST_WORDS: [&str; 10] =
    ["Amber", "Birch", "Cedar", "Delta", "Elm", "Fern", "Granite", "Harbor", "Iris", "Juniper"];
const SECOND_WORDS: [&str; 10] = [
    "Bakery",
    "Catering",
    "Cleaning",
    "Design",
    "Electric",
    "Freight",
    "Hardware",
    "Landscaping",
    "Printing",
    "Supply",
];
const CITIES: [(&str, &str, &str); 5] = [
    ("San Jose", "CA", "95002"),
    ("Houston", "TX", "77002"),
    ("Draper", "UT", "84020"),
    ("Portland", "OR", "97201"),
    ("Albany", "NY", "12207"),
];

/// The entities that do not begin empty.
pub(crate) const SEEDED: [&str; 5] = ["Vendor", "Customer", "User", "Bill", "Invoice"];

/// Whose data it is, and how much of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed {
    /// The position of the organisation, counted from 1.
    pub(crate) organization: usize,
    pub(crate) vendors: usize,
}

impl Seed {
    /// An id of BILL's shape: 20 characters that begin with three of the entity's own.
    pub(crate) fn id(&self, entity: &str, number: u64) -> String {
        let prefix = match entity {
            "Vendor" => "009",
            "Customer" => "0cu",
            "User" => "006",
            "Bill" => "00n",
            "Invoice" => "00e",
            "SentPay" => "stp",
            "Document" => "0du",
            _ => "0zz",
        };
        format!("{prefix}{:02}{number:015}", self.organization % 100)
    }
}

pub(crate) fn seed(seed: &Seed, entity: &str) -> BTreeMap<String, Map<String, Value>> {
    let (count, fields): (usize, fn(&Seed, u64) -> Value) = match entity {
        "Vendor" => (seed.vendors, vendor),
        "Customer" => (12, customer),
        "User" => (3, user),
        "Bill" => (20, bill),
        "Invoice" => (15, invoice),
        _ => return BTreeMap::new(),
    };
    let row = |number| {
        let id = seed.id(entity, number);
        let created = stamp_from(FIRST + number * EVERY, 0);
        let mut row = Map::new();
        row.insert("entity".to_owned(), entity.into());
        row.insert("id".to_owned(), id.clone().into());
        row.insert("isActive".to_owned(), "1".into());
        row.insert("createdTime".to_owned(), created.clone().into());
        row.insert("updatedTime".to_owned(), created.into());
        if let Value::Object(fields) = fields(seed, number) {
            row.extend(fields);
        }
        (id, row)
    };
    (1..=count as u64).map(row).collect()
}

fn vendor(_: &Seed, number: u64) -> Value {
    let name = name(number);
    let (city, state, zip) = pick(&CITIES, number);
    json!({
        "name": name,
        "shortName": null,
        "nameOnCheck": name,
        "companyName": name,
        "accNumber": format!("V-{number:05}"),
        "taxId": null,
        "track1099": false,
        "address1": format!("{} Example Street", 100 + number % 900),
        "address2": null,
        "addressCity": city,
        "addressState": state,
        "addressZip": zip,
        "addressCountry": "USA",
        "email": format!("vendor{number}@example.com"),
        "paymentEmail": null,
        "phone": format!("(555) 555-01{:02}", number % 100),
        "contactFirstName": null,
        "contactLastName": null,
        "accountType": "1",
        "description": null,
    })
}

fn customer(_: &Seed, number: u64) -> Value {
    let name = name(number * 7);
    let (city, state, zip) = pick(&CITIES, number);
    json!({
        "name": name,
        "companyName": name,
        "shortName": null,
        "parentCustomerId": null,
        "accNumber": format!("C-{number:04}"),
        "billAddress1": format!("{} Example Avenue", 10 + number),
        "billAddressCity": city,
        "billAddressState": state,
        "billAddressZip": zip,
        "billAddressCountry": "USA",
        "email": format!("customer{number}@example.com"),
        "phone": format!("(555) 555-01{:02}", number % 100),
    })
}

fn user(_: &Seed, number: u64) -> Value {
    json!({
        "profileId": "00pADMIN000000000001",
        "firstName": pick(&FIRST_WORDS, number),
        "lastName": "Example",
        "email": format!("user{number}@example.com"),
        "timezoneId": "7",
    })
}

fn bill(seed: &Seed, number: u64) -> Value {
    let amount = 100 * number;
    json!({
        "vendorId": seed.id("Vendor", number),
        "invoiceNumber": format!("B-{number:04}"),
        "invoiceDate": date_from(FIRST + number * 86_400),
        "dueDate": date_from(FIRST + (number + 30) * 86_400),
        "amount": amount,
        "dueAmount": amount,
        "paymentStatus": "1",
        "approvalStatus": "0",
        "description": null,
    })
}

fn invoice(seed: &Seed, number: u64) -> Value {
    let amount = 250 * number;
    json!({
        "customerId": seed.id("Customer", 1 + number % 12),
        "invoiceNumber": format!("I-{number:04}"),
        "invoiceDate": date_from(FIRST + number * 86_400),
        "dueDate": date_from(FIRST + (number + 15) * 86_400),
        "amount": amount,
        "amountDue": amount,
        "paymentStatus": "1",
        "description": null,
    })
}

fn name(number: u64) -> String {
    format!("{} {} {number:04}", pick(&FIRST_WORDS, number), pick(&SECOND_WORDS, number / 10))
}

fn pick<T: Copy, const N: usize>(from: &[T; N], number: u64) -> T {
    from[number as usize % N]
}

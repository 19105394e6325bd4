//! Signs in and lists vendors with bill-blocking.

use std::env::var;
use std::error::Error;

use bill_blocking::{Client, Credentials, DevKey, OrgId, Principal};
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let credentials = Credentials::new(
        Principal::password(var("BILL_USERNAME")?, var("BILL_PASSWORD")?)?,
        OrgId::new(var("BILL_ORG_ID")?)?,
        DevKey::new(var("BILL_DEV_KEY")?)?,
    );
    let bill = Client::builder(var("BILL_ENVIRONMENT")?.parse()?, credentials).build();
    let vendors: Vec<Value> = bill.list("Vendor").all()?;
    println!("{} vendors", vendors.len());
    Ok(())
}

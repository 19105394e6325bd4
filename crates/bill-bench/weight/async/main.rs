//! Signs in and lists vendors with bill-async.

use std::env::var;
use std::error::Error;

use bill_async::{Client, Credentials, DevKey, OrgId, Principal};
use serde_json::Value;
use tokio::runtime::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let credentials = Credentials::new(
        Principal::password(var("BILL_USERNAME")?, var("BILL_PASSWORD")?)?,
        OrgId::new(var("BILL_ORG_ID")?)?,
        DevKey::new(var("BILL_DEV_KEY")?)?,
    );
    let bill = Client::builder(var("BILL_ENVIRONMENT")?.parse()?, credentials).build();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let vendors: Vec<Value> = runtime.block_on(bill.list("Vendor").all())?;
    println!("{} vendors", vendors.len());
    Ok(())
}

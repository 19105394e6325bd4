//! Signs in with the core alone, so far as that goes without a network: writes down what it would
//! send.

use std::env::var;
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use bill_session_core::{
    Account, Call, Credentials, DevKey, KeyLimits, OrgId, Principal, Session, Settings, Step,
};

fn main() -> Result<(), Box<dyn Error>> {
    let credentials = Credentials::new(
        Principal::password(var("BILL_USERNAME")?, var("BILL_PASSWORD")?)?,
        OrgId::new(var("BILL_ORG_ID")?)?,
        DevKey::new(var("BILL_DEV_KEY")?)?,
    );
    let now = Instant::now();
    let key = Arc::new(KeyLimits::new(now));
    let account = Arc::new(Account::new(var("BILL_ENVIRONMENT")?.parse()?, credentials, key));
    let mut session = Session::<()>::new(account, Settings::default(), now);
    let (step, _nobody) = Call::sign_in().step(&mut session, || (), now);
    if let Step::SignIn(sign_in, ..) = step {
        let request = sign_in.request();
        println!("{} {}, {} bytes", request.method(), request.uri(), request.body().len());
    }
    Ok(())
}

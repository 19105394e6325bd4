//! What both adapters are made to do with every secret there is, and how BILL answers.

use bill_session_core::{
    AppKey, Credentials, DevKey, Environment, MfaCode, OrgId, Principal, RememberedDevice,
};

use crate::child::Child;

/// The answer to the request for this path: an HTTP status and JSON, where `~session~` and the like
/// stand for a secret. `number` is how many requests came before it.
pub(crate) fn answer(path: &str, number: usize) -> (u16, String) {
    let (status, body) = match path.strip_prefix("/connect").unwrap_or(path) {
        "/api/v2/Login.json" => {
            (200, v2(r#"{"sessionId":"~session~","usersId":"00600000000000000001"}"#))
        }
        "/api/v2/MFAChallenge.json" => (200, v2(r#"{"challengeId":"a-challenge"}"#)),
        "/api/v2/MFAAuthenticate.json" => (200, v2(r#"{"mfaId":"~device~"}"#)),
        // It is lost once, so that the call is sent again with the next.
        "/api/v2/GetSessionInfo.json" if number == 1 => (200, refused("BDC_1109", "invalid")),
        "/api/v2/Crud/Create/Vendor.json" => (200, refused("BDC_1234", "no")),
        "/v3/login" | "/v3/partner/login" => {
            (200, r#"{"sessionId":"~second session~","trusted":true}"#.to_owned())
        }
        path if path.starts_with("/v3/") => (200, r#"{"id":"0","trusted":true}"#.to_owned()),
        _ => (200, v2("{}")),
    };
    (status, body)
}

fn v2(data: &str) -> String {
    format!(r#"{{"response_status":0,"response_data":{data}}}"#)
}

fn refused(code: &str, message: &str) -> String {
    let data = format!(r#"{{"error_code":"{code}","error_message":"{message}"}}"#);
    format!(r#"{{"response_status":1,"response_data":{data}}}"#)
}

impl Child {
    pub(crate) fn user(&self) -> Principal {
        Principal::password(self.secret("user"), self.secret("password")).unwrap()
    }

    pub(crate) fn token(&self) -> Principal {
        Principal::token(self.secret("token name"), self.secret("token")).unwrap()
    }

    pub(crate) fn console(&self) -> Principal {
        Principal::console(self.secret("user"), self.secret("console token")).unwrap()
    }

    pub(crate) fn credentials(&self, principal: Principal) -> Credentials {
        let key = DevKey::new(self.secret("key")).unwrap();
        Credentials::new(principal, OrgId::new("00800000000000000001").unwrap(), key)
    }

    pub(crate) fn partner(&self) -> Credentials {
        Credentials::partner(self.user(), AppKey::new(self.secret("application key")).unwrap())
    }

    pub(crate) fn code(&self) -> MfaCode {
        MfaCode::new(self.secret("code")).unwrap()
    }

    pub(crate) fn device(&self) -> RememberedDevice {
        RememberedDevice::new(self.secret("device"), "till 3").unwrap()
    }

    pub(crate) fn environment(&self) -> Environment {
        match self.origin.as_str() {
            "" => Environment::Production,
            origin => Environment::custom(origin).unwrap(),
        }
    }
}

/// Uses clients in every way that has to do with a secret, looks whether all secrets are there, and
/// drops everything. `$wait` is what an operation is awaited by.
macro_rules! uses_every_secret {
    ($child:expr, $client:expr, [$($wait:tt)*]) => {{
        use bill_session_core::{Remember, SignInWith};
        use bytes::Bytes;
        use http::{Method, Request};
        use serde::de::IgnoredAny;
        let (child, client) = ($child, $client);
        // v2: a call that is sent again with another session, a refusal, a lease, and MFA.
        let first = client(child.credentials(child.user()), SignInWith::V2);
        first.v2("GetSessionInfo", &()).send::<IgnoredAny>()$($wait)*.unwrap();
        let create = first.v2("Crud/Create/Vendor", &serde_json::json!({"obj": {"name": "x"}}));
        create.send::<IgnoredAny>()$($wait)*.unwrap_err();
        let lease = first.lease()$($wait)*.unwrap();
        let mut request = Request::post(format!("{}/GetSessionInfo.json", lease.api()))
            .body(Bytes::new())
            .unwrap();
        lease.sign(&mut request).unwrap();
        lease.accepted();
        let challenge = first.mfa().challenge()$($wait)*.unwrap();
        let code = child.code();
        let remembered =
            challenge.validate(code, Remember::device("till 3"))$($wait)*.unwrap().unwrap();
        first.replace_credentials(child.token());
        first.sign_in()$($wait)*.unwrap();
        // v3: a call, an upload, and a device that is known already.
        let principal = child.user().remembered(child.device());
        let second = client(child.credentials(principal), SignInWith::V3);
        second.v3(Method::GET, "/v3/vendors").send::<IgnoredAny>()$($wait)*.unwrap();
        let upload = second.upload("/v3/documents/bills/1", b"content".to_vec());
        upload.send::<IgnoredAny>()$($wait)*.unwrap();
        second.mfa().step_up(child.device())$($wait)*.unwrap();
        let third = client(child.credentials(child.console()), SignInWith::V3);
        third.v3(Method::GET, "/v3/vendors").send::<IgnoredAny>()$($wait)*.unwrap();
        let fourth = client(child.partner(), SignInWith::V3);
        fourth.v3(Method::GET, "/v3/organizations").send::<IgnoredAny>()$($wait)*.unwrap();
        let during = child.found();
        for secret in [
            "user", "password", "key", "session", "second session", "token name", "token",
            "console token", "application key", "device",
        ] {
            assert!(during.contains_key(&format!("{secret}, as it is")), "{secret}: {during:?}");
        }
        first.sign_out()$($wait)*.unwrap();
        third.sign_out()$($wait)*.unwrap();
        let debugged = format!("{first:?} {second:?} {challenge:?} {remembered:?}");
        assert!(!debugged.is_empty());
        drop((first, second, third, fourth, challenge, remembered, request));
    }};
}

pub(crate) use uses_every_secret;

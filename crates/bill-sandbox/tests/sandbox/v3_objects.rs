//! Objects in v3 are made, read, replaced, changed and deleted, and are those of v2.

use bill_sandbox::{DEMO_OTHER_ORG, Sandbox};
use serde_json::{Value, json};

use crate::raw_http::{call, exchange};
use crate::raw_v3::{ask, in_session, tell, v3_login_with, v3_post_login, v3_sign_in};

#[test]
fn an_object_is_created_read_changed_replaced_and_deleted() {
    let sandbox = Sandbox::start().unwrap();
    let session = v3_sign_in(&sandbox);
    let name = "Fish & Chips = 100% + Söhne";
    let body = json!({"name": name, "address": {"city": "Zürich"}, "email": "a@example.com"});
    let reply = tell(&sandbox, &session, "POST", "vendors", &body);
    let made = reply.found();
    assert_eq!(reply.status, 201);
    assert_eq!((&made["name"], &made["archived"]), (&name.into(), &false.into()));
    assert_eq!(made["address"], json!({"city": "Zürich"}));
    assert!(made.get("entity").is_none() && made.get("isActive").is_none());
    let path = format!("vendors/{}", made["id"].as_str().unwrap());
    assert_eq!(ask(&sandbox, &session, "GET", &path).found(), made);

    let changed = tell(&sandbox, &session, "PATCH", &path, &json!({"archived": true})).found();
    assert_eq!((&changed["name"], &changed["archived"]), (&name.into(), &true.into()));
    assert_eq!(changed["createdTime"], made["createdTime"]);

    let replaced = tell(&sandbox, &session, "PUT", &path, &json!({"name": "Only"})).found();
    assert_eq!((&replaced["name"], &replaced["archived"]), (&"Only".into(), &false.into()));
    assert_eq!((&replaced["id"], &replaced["createdTime"]), (&made["id"], &made["createdTime"]));
    assert!(replaced.get("email").is_none());

    assert_eq!(ask(&sandbox, &session, "DELETE", &path).found(), replaced);
    for method in ["GET", "DELETE"] {
        let reply = ask(&sandbox, &session, method, &path);
        assert_eq!(reply.error(), (404, "BDC_1002".to_owned()));
    }
    for method in ["PATCH", "PUT"] {
        let reply = tell(&sandbox, &session, method, &path, &json!({"name": "x"}));
        assert_eq!(reply.error(), (404, "BDC_1002".to_owned()));
    }
    assert!(sandbox.stats().violations().is_empty());
}

#[test]
fn an_object_that_is_unfit_is_refused_with_422() {
    let sandbox = Sandbox::start().unwrap();
    let session = v3_sign_in(&sandbox);
    for body in [json!({}), json!({"name": ""}), json!({"name": "x", "id": "1"})] {
        let reply = tell(&sandbox, &session, "POST", "vendors", &body);
        assert_eq!(reply.error(), (422, "BDC_1002".to_owned()), "{body}");
    }
}

#[test]
fn vendors_are_those_of_v2() {
    let sandbox = Sandbox::start().unwrap();
    let session = v3_sign_in(&sandbox);
    let made = r#"{"obj":{"entity":"Vendor","name":"Zinc Tools"}}"#;
    let made = call(&sandbox, &session, "Crud/Create/Vendor", made).data();
    let path = format!("vendors/{}", made["id"].as_str().unwrap());
    assert_eq!(ask(&sandbox, &session, "GET", &path).found()["name"], "Zinc Tools");
    tell(&sandbox, &session, "PATCH", &path, &json!({"name": "Tin Tools", "archived": true}));
    let by_id = json!({"id": made["id"]}).to_string();
    let read = call(&sandbox, &session, "Crud/Read/Vendor", &by_id).data();
    assert_eq!((&read["name"], &read["isActive"]), (&"Tin Tools".into(), &"2".into()));
    assert!(read.get("archived").is_none());
}

#[test]
fn any_other_resource_keeps_what_it_is_given() {
    let sandbox = Sandbox::start().unwrap();
    let session = v3_sign_in(&sandbox);
    let body = json!({"list": [1, 2.5, null], "id-like": "x"});
    let made = tell(&sandbox, &session, "POST", "recurring-bills", &body).found();
    assert_eq!(made["list"], body["list"]);
    let other = v3_login_with(&json!({"organizationId": DEMO_OTHER_ORG}));
    let other = v3_post_login(&sandbox, &other).found();
    let path = format!("recurring-bills/{}", made["id"].as_str().unwrap());
    let reply = ask(&sandbox, other["sessionId"].as_str().unwrap(), "GET", &path);
    assert_eq!(reply.error(), (404, "BDC_1002".to_owned()), "organisations share no data");
}

#[test]
fn a_body_that_is_no_object_is_malformed() {
    let sandbox = Sandbox::start().unwrap();
    let session = v3_sign_in(&sandbox);
    for body in ["[]", "\"x\"", "{\"name\":", "{\"name\":\"a\"} x", "name=a"] {
        let reply = exchange(&sandbox, &in_session(&session, "POST", "vendors", body));
        assert_eq!(reply.error(), (400, "SANDBOX_MALFORMED_JSON".to_owned()), "{body}");
    }
    let list: Value = ask(&sandbox, &session, "GET", "vendors?max=100").found();
    assert_eq!(list["results"].as_array().unwrap().len(), 100);
}

//! Lists are paged, filtered and sorted; objects are made, read, changed, deleted and brought back.

use bill_sandbox::{DEMO_DEV_KEY, DEMO_OTHER_ORG, DEMO_PASSWORD, DEMO_USER, Sandbox};
use serde_json::{Value, json};

use crate::raw_http::{DEMO_LOGIN, call, sign_in};

fn list(sandbox: &Sandbox, session: &str, entity: &str, data: Value) -> Vec<Value> {
    let reply = call(sandbox, session, &format!("List/{entity}"), &data.to_string());
    reply.data().as_array().unwrap().clone()
}

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["id"].as_str().unwrap()).collect()
}

#[test]
fn vendors_come_in_two_full_pages_and_a_short_one() {
    let sandbox = Sandbox::start().unwrap();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    let filters = json!([{"field": "isActive", "op": "=", "value": "1"}]);
    let sort = json!([{"field": "createdTime", "asc": "true"}]);
    let mut all = Vec::new();
    for (start, length) in [(0, 999), (999, 999), (1_998, 502), (2_500, 0)] {
        let page = json!({"start": start, "max": 999, "filters": filters, "sort": sort});
        let rows = list(&sandbox, &session, "Vendor", page);
        assert_eq!(rows.len(), length);
        all.extend(rows);
    }
    let mut distinct = ids(&all);
    assert!(distinct.iter().all(|id| id.starts_with("009") && id.len() == 20));
    assert!(distinct.is_sorted());
    distinct.dedup();
    assert_eq!(distinct.len(), 2_500);
    assert_eq!(all[0]["entity"], "Vendor");
    assert_eq!(all[0]["name"], "Birch Bakery 0001");
    assert_eq!(all[0]["createdTime"], "2024-01-01T00:10:00.000+0000");
    assert!(sandbox.stats().violations().is_empty());
}

#[test]
fn other_entities_are_seeded_and_unheard_of_ones_are_empty() {
    let sandbox = Sandbox::builder().vendors(3).start().unwrap();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    let page = json!({"start": 0, "max": 999});
    for (entity, prefix, count) in [
        ("Vendor", "009", 3),
        ("Customer", "0cu", 12),
        ("User", "006", 3),
        ("Bill", "00n", 20),
        ("Invoice", "00e", 15),
        ("Gadget", "", 0),
    ] {
        let rows = list(&sandbox, &session, entity, page.clone());
        assert_eq!(rows.len(), count, "{entity}");
        assert!(ids(&rows).iter().all(|id| id.starts_with(prefix)));
    }
}

#[test]
fn each_filter_compares_as_its_sign_says() {
    let sandbox = Sandbox::start().unwrap();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    // The amounts of the bills are 100, 200 and so on to 2,000.
    let cases = [
        ("=", json!(300), 1),
        ("!=", json!(300), 19),
        ("<", json!(300), 2),
        ("<=", json!("300"), 3),
        (">", json!(300), 17),
        (">=", json!(300), 18),
        ("in", json!([100, "200", 250]), 2),
        ("in", json!("100, 200"), 2),
    ];
    for (op, value, count) in cases {
        let filters = json!([{"field": "amount", "op": op, "value": value}]);
        let page = json!({"start": 0, "max": 999, "filters": filters});
        assert_eq!(list(&sandbox, &session, "Bill", page).len(), count, "{op} {value}");
    }
    let both = json!([
        {"field": "amount", "op": ">", "value": 300},
        {"field": "invoiceNumber", "op": "<", "value": "B-0006"},
    ]);
    let page = json!({"start": 1, "max": 999, "filters": both});
    let rows = list(&sandbox, &session, "Bill", page);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["amount"], 500);
}

#[test]
fn a_list_is_sorted_either_way_and_by_several_fields() {
    let sandbox = Sandbox::start().unwrap();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    let sorted = |sort: Value| {
        let page = json!({"start": 0, "max": 2, "sort": sort});
        let rows = list(&sandbox, &session, "Bill", page);
        rows.iter().map(|row| row["amount"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(sorted(json!([{"field": "amount", "asc": "false"}])), [2_000, 1_900]);
    assert_eq!(sorted(json!([{"field": "amount", "asc": true}])), [100, 200]);
    let two = json!([{"field": "isActive", "asc": "true"}, {"field": "amount", "asc": false}]);
    assert_eq!(sorted(two), [2_000, 1_900]);
}

#[test]
fn a_list_that_is_asked_for_wrongly_is_refused_in_bills_envelope() {
    let sandbox = Sandbox::start().unwrap();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    for data in [
        r#"{"start":0,"max":1000}"#,
        r#"{"start":0,"max":0}"#,
        r#"{"start":-1,"max":1}"#,
        r#"{"max":1}"#,
        r#"{"start":0,"max":1,"filter":[]}"#,
        r#"{"start":0,"max":1,"filters":[{"field":"id","op":"~","value":"1"}]}"#,
        "not JSON",
    ] {
        let reply = call(&sandbox, &session, "List/Vendor", data);
        assert_eq!((reply.status, reply.code().as_str()), (200, "BDC_1002"), "{data}");
    }
    assert!(sandbox.stats().violations().is_empty());
}

#[test]
fn an_object_is_created_read_updated_deleted_and_undeleted() {
    let sandbox = Sandbox::start().unwrap();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    let crud = |verb: &str, data: &Value| {
        call(&sandbox, &session, &format!("Crud/{verb}/Vendor"), &data.to_string()).data()
    };
    let made = crud("Create", &json!({"obj": {"entity": "Vendor", "name": "Zinc Tools"}}));
    assert!(made["id"].as_str().unwrap().starts_with("009"));
    assert_eq!(made["isActive"], "1");
    let by_id = json!({"id": made["id"]});
    assert_eq!(crud("Read", &by_id), made);

    let change = json!({"obj": {"entity": "Vendor", "id": made["id"], "name": "Zinc & Söhne"}});
    assert_eq!(crud("Update", &change)["name"], "Zinc & Söhne");
    assert_eq!(crud("Read", &by_id)["createdTime"], made["createdTime"]);

    assert_eq!(crud("Delete", &by_id)["isActive"], "2");
    assert_eq!(crud("Read", &by_id)["isActive"], "2");
    assert_eq!(crud("Undelete", &by_id)["isActive"], "1");
    let filters = json!([{"field": "name", "op": "=", "value": "Zinc & Söhne"}]);
    let page = json!({"start": 0, "max": 9, "filters": filters});
    assert_eq!(ids(&list(&sandbox, &session, "Vendor", page)), [made["id"].as_str().unwrap()]);
}

#[test]
fn unfit_objects_are_refused_in_bills_envelope() {
    let sandbox = Sandbox::start().unwrap();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    for (verb, data) in [
        ("Create", r#"{"obj":{"entity":"Vendor"}}"#),
        ("Create", r#"{"obj":{"entity":"Bill","name":"x"}}"#),
        ("Create", r#"{"obj":{"name":"x"}}"#),
        ("Create", r#"{"obj":{"entity":"Vendor","name":"x","id":"1"}}"#),
        ("Create", r#"{"entity":"Vendor","name":"x"}"#),
        ("Update", r#"{"obj":{"entity":"Vendor","name":"x"}}"#),
        ("Update", r#"{"obj":{"entity":"Vendor","id":"none"}}"#),
        ("Read", r#"{"id":"none"}"#),
        ("Delete", r#"{"id":"none"}"#),
        ("Undelete", r#"{"ids":["none"]}"#),
    ] {
        let reply = call(&sandbox, &session, &format!("Crud/{verb}/Vendor"), data);
        assert_eq!((reply.status, reply.code().as_str()), (200, "BDC_1002"), "{verb} {data}");
    }
}

#[test]
fn organisations_share_no_data() {
    let sandbox = Sandbox::start().unwrap();
    let here = sign_in(&sandbox, &DEMO_LOGIN);
    let other = [
        ("userName", DEMO_USER),
        ("password", DEMO_PASSWORD),
        ("orgId", DEMO_OTHER_ORG),
        ("devKey", DEMO_DEV_KEY),
    ];
    let there = sign_in(&sandbox, &other);
    let made = r#"{"obj":{"entity":"Gadget"}}"#;
    let id = call(&sandbox, &here, "Crud/Create/Gadget", made).data()["id"].clone();
    let page = json!({"start": 0, "max": 9});
    assert_eq!(list(&sandbox, &here, "Gadget", page.clone()).len(), 1);
    assert_eq!(list(&sandbox, &there, "Gadget", page.clone()).len(), 0);
    let by_id = json!({"id": id}).to_string();
    assert_eq!(call(&sandbox, &there, "Crud/Read/Gadget", &by_id).code(), "BDC_1002");
    let vendors = [&here, &there].map(|session| list(&sandbox, session, "Vendor", page.clone()));
    assert_ne!(ids(&vendors[0]), ids(&vendors[1]));
}

//! The entities of one organisation, in memory.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::seed::{SEEDED, Seed, seed};

#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: BTreeMap<String, Map<String, Value>>,
}

/// Why an id is refused.
pub(crate) const NO_SUCH_OBJECT: &str = "no object has this id";

/// Why the store refuses a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfit(pub(crate) &'static str);

#[derive(Debug)]
pub(crate) struct Store {
    seed: Seed,
    tables: BTreeMap<String, Table>,
    created: u64,
}

impl Store {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { seed, tables: BTreeMap::new(), created: 0 }
    }

    /// The objects of an entity in the order of their ids, which is that of their creation.
    pub(crate) fn rows(&mut self, entity: &str) -> impl Iterator<Item = &Map<String, Value>> {
        self.table(entity).rows.values()
    }

    pub(crate) fn create(
        &mut self,
        entity: &str,
        mut object: Map<String, Value>,
        stamp: &str,
    ) -> Result<&Map<String, Value>, Unfit> {
        check_object(entity, &object)?;
        if object.contains_key("id") {
            return Err(Unfit("a new object has no id"));
        }
        let named = matches!(entity, "Vendor" | "Customer");
        if named && object.get("name").and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(Unfit("name is required"));
        }
        let id = self.id(entity);
        object.insert("id".to_owned(), id.clone().into());
        object.entry("isActive").or_insert_with(|| "1".into());
        object.insert("createdTime".to_owned(), stamp.into());
        object.insert("updatedTime".to_owned(), stamp.into());
        Ok(self.table(entity).rows.entry(id).or_insert(object))
    }

    pub(crate) fn read(&mut self, entity: &str, id: &str) -> Result<&Map<String, Value>, Unfit> {
        self.table(entity).rows.get(id).ok_or(Unfit(NO_SUCH_OBJECT))
    }

    pub(crate) fn update(
        &mut self,
        entity: &str,
        changes: Map<String, Value>,
        stamp: &str,
    ) -> Result<&Map<String, Value>, Unfit> {
        check_object(entity, &changes)?;
        let id = changes.get("id").and_then(Value::as_str).ok_or(Unfit("id is required"))?;
        let row = self.table(entity).rows.get_mut(id).ok_or(Unfit(NO_SUCH_OBJECT))?;
        row.extend(changes);
        row.insert("updatedTime".to_owned(), stamp.into());
        Ok(row)
    }

    pub(crate) fn set_active(
        &mut self,
        entity: &str,
        id: &str,
        active: bool,
        stamp: &str,
    ) -> Result<&Map<String, Value>, Unfit> {
        let row = self.table(entity).rows.get_mut(id).ok_or(Unfit(NO_SUCH_OBJECT))?;
        row.insert("isActive".to_owned(), if active { "1" } else { "2" }.into());
        row.insert("updatedTime".to_owned(), stamp.into());
        Ok(row)
    }

    /// Replaces an object whole, except for what the store itself writes.
    pub(crate) fn replace(
        &mut self,
        entity: &str,
        id: &str,
        mut object: Map<String, Value>,
        stamp: &str,
    ) -> Result<&Map<String, Value>, Unfit> {
        let row = self.table(entity).rows.get_mut(id).ok_or(Unfit(NO_SUCH_OBJECT))?;
        for kept in ["entity", "id", "createdTime"] {
            if let Some(value) = row.remove(kept) {
                object.insert(kept.to_owned(), value);
            }
        }
        object.entry("isActive").or_insert_with(|| "1".into());
        object.insert("updatedTime".to_owned(), stamp.into());
        *row = object;
        Ok(row)
    }

    /// Takes an object out for good.
    pub(crate) fn remove(&mut self, entity: &str, id: &str) -> Result<Map<String, Value>, Unfit> {
        self.table(entity).rows.remove(id).ok_or(Unfit(NO_SUCH_OBJECT))
    }

    /// Whether any entity has an object of this id.
    pub(crate) fn holds(&mut self, id: &str) -> bool {
        SEEDED.iter().for_each(|entity| {
            self.table(entity);
        });
        self.tables.values().any(|table| table.rows.contains_key(id))
    }

    /// An id for something that the store does not keep.
    pub(crate) fn id(&mut self, entity: &str) -> String {
        self.created += 1;
        self.seed.id(entity, 1_000_000 + self.created)
    }

    // Made when first asked for: most tests never list a vendor.
    fn table(&mut self, entity: &str) -> &mut Table {
        let seed = &self.seed;
        self.tables
            .entry(entity.to_owned())
            .or_insert_with(|| Table { rows: self::seed(seed, entity) })
    }
}

fn check_object(entity: &str, object: &Map<String, Value>) -> Result<(), Unfit> {
    match object.get("entity").and_then(Value::as_str) {
        Some(named) if named == entity => Ok(()),
        Some(_) => Err(Unfit("obj.entity is not the entity of the path")),
        None => Err(Unfit("obj.entity is required")),
    }
}

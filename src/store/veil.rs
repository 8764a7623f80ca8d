//! Takes people out of a fact before it is written, and puts them back when it is read.
//!
//! What would tell who somebody is gives way to `{"~": ID}`, an id of the people table: numbers and names always,
//! Call-IDs, tags and a gateway's references where they have a number in them. No fact has a key `~` of its own.

use rusqlite::{Connection, OptionalExtension};
use serde_json::{Value, json};

use super::error::StoreError;
use super::people::{NOBODY, Needle, People, named};
use crate::event::{Event, OpenCall};
use crate::phone::Party;

/// A fact without people.
pub(super) struct Veiled {
    /// Its JSON.
    pub(super) body: String,
    /// The parties in it, by id: the caller's first.
    pub(super) people: Vec<i64>,
}

/// A fact with its people again.
pub(super) struct Unveiled {
    /// Its JSON.
    pub(super) value: Value,
    /// Some of it was erased and reads `erased-ID`.
    pub(super) erased: bool,
}

/// An event without people.
pub(super) fn event(people: &People<'_>, event: &Event) -> Result<Veiled, StoreError> {
    let mut value = json_of(event)?;
    let mut veil = Veil { people, known: Vec::new() };
    if let Some(data) = value.get_mut("data") {
        veil.data(event, data)?;
    }
    Ok(veil.done(&value))
}

/// An open call without people.
pub(super) fn open_call(people: &People<'_>, call: &OpenCall) -> Result<Veiled, StoreError> {
    let mut value = json_of(call)?;
    let mut veil = Veil { people, known: Vec::new() };
    veil.party(&mut value, "caller", call.caller.as_ref())?;
    veil.party(&mut value, "called", call.called.as_ref())?;
    veil.told(&mut value, &["call_id", "from_tag"])?;
    Ok(veil.done(&value))
}

/// Puts people back.
pub(super) fn lifted(db: &Connection, body: &str) -> Result<Unveiled, StoreError> {
    let value = serde_json::from_str(body).map_err(|error| StoreError::damaged(error.to_string()))?;
    let mut whole = Unveiled { value, erased: false };
    lift(db, &mut whole.value, &mut whole.erased)?;
    Ok(whole)
}

/// The ids of people in a body.
pub(super) fn ids(body: &str) -> Vec<i64> {
    let mut found = Vec::new();
    if let Ok(value) = serde_json::from_str(body) {
        gather(&value, &mut found);
    }
    found
}

struct Veil<'a> {
    people: &'a People<'a>,
    /// Parties of this fact, and how to find each in a text.
    known: Vec<(i64, Option<Needle>)>,
}

impl Veil<'_> {
    fn data(&mut self, event: &Event, data: &mut Value) -> Result<(), StoreError> {
        match event {
            Event::Call(call) => {
                let caller = self.party(data, "caller", call.caller.as_ref())?;
                let called = self.party(data, "called", call.called.as_ref())?;
                self.text(data, "caller_raw", caller)?;
                self.text(data, "caller_name", caller)?;
                self.text(data, "called_raw", called)?;
                for leg in data.get_mut("legs").and_then(Value::as_array_mut).into_iter().flatten() {
                    self.told(leg, &["call_id", "from_tag"])?;
                }
            }
            Event::CaseOpened(case) => {
                self.party(data, "caller", case.caller.as_ref())?;
            }
            Event::Message(message) => {
                let about = self.person_of(&message.case)?;
                let to = self.party(data, "to", Some(&message.to))?;
                self.text(data, "body", about.or(to))?;
                self.told(data, &["gateway_ref"])?;
            }
            Event::Task(task) => {
                let about = self.person_of(&task.case)?;
                self.text(data, "title", about)?;
            }
            Event::Reply(reply) => {
                let from = self.party(data, "from", Some(&reply.from))?;
                self.party(data, "to", reply.to.as_ref())?;
                self.text(data, "body", from)?;
            }
            Event::CaseClosed(_)
            | Event::Decision(_)
            | Event::Review(_)
            | Event::TaskDone(_)
            | Event::ReviewDecided(_)
            | Event::ClockGap(_) => {}
        }
        Ok(())
    }

    fn party(
        &mut self,
        data: &mut Value,
        name: &str,
        party: Option<&Party>,
    ) -> Result<Option<i64>, StoreError> {
        let Some(party) = party else { return Ok(None) };
        let id = self.people.person(&party.shown())?;
        self.known.push((id, Needle::of(party)));
        if let Some(field) = data.get_mut(name) {
            *field = reference(id);
        }
        Ok(Some(id))
    }

    /// Hides a text that belongs to `owner`.
    fn text(&self, data: &mut Value, name: &str, owner: Option<i64>) -> Result<(), StoreError> {
        if let Some(field) = data.get_mut(name)
            && let Value::String(text) = field
        {
            *field = reference(self.people.text(owner.unwrap_or(NOBODY), text)?);
        }
        Ok(())
    }

    /// Hides the fields that have a party's number in them.
    fn told(&self, data: &mut Value, names: &[&str]) -> Result<(), StoreError> {
        for name in names {
            let text = data.get(name).and_then(Value::as_str).unwrap_or_default();
            let tells = |(_, needle): &&(i64, Option<Needle>)| needle.as_ref().is_some_and(|n| n.is_in(text));
            if let Some((owner, _)) = self.known.iter().find(tells) {
                self.text(data, name, Some(*owner))?;
            }
        }
        Ok(())
    }

    fn person_of(&mut self, case: &str) -> Result<Option<i64>, StoreError> {
        let db = self.people.db();
        let mut find = db.prepare_cached("SELECT person FROM cases WHERE id = ?1")?;
        Ok(find.query_row([case], |row| row.get(0)).optional()?.flatten())
    }

    fn done(self, value: &Value) -> Veiled {
        Veiled { body: value.to_string(), people: self.known.into_iter().map(|(id, _)| id).collect() }
    }
}

fn json_of(fact: &impl serde::Serialize) -> Result<Value, StoreError> {
    serde_json::to_value(fact).map_err(|error| StoreError::Refused { what: error.to_string() })
}

fn reference(id: i64) -> Value {
    json!({ "~": id })
}

fn referred(value: &Value) -> Option<i64> {
    value.as_object().filter(|object| object.len() == 1)?.get("~")?.as_i64()
}

fn lift(db: &Connection, value: &mut Value, erased: &mut bool) -> Result<(), StoreError> {
    if let Some(id) = referred(value) {
        let name = named(db, id)?;
        *erased |= name.is_none();
        *value = Value::String(name.unwrap_or_else(|| format!("erased-{id}")));
        return Ok(());
    }
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| lift(db, item, erased)),
        Value::Object(fields) => fields.values_mut().try_for_each(|field| lift(db, field, erased)),
        _ => Ok(()),
    }
}

fn gather(value: &Value, found: &mut Vec<i64>) {
    found.extend(referred(value));
    match value {
        Value::Array(items) => items.iter().for_each(|item| gather(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| gather(field, found)),
        _ => {}
    }
}

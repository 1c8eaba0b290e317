//! Schemas that a type does not say by itself.

use utoipa::openapi::schema::OneOfBuilder;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, Ref, Schema, Type};

use crate::domain::webhook::EventName;

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// One text, or several.
pub fn message() -> Schema {
    let several = ArrayBuilder::new().items(text().build());
    OneOfBuilder::new().item(text()).item(several).build().into()
}

pub fn nullable(name: &str) -> Schema {
    let nothing = ObjectBuilder::new().schema_type(Type::Null);
    OneOfBuilder::new().item(nothing).item(Ref::from_schema_name(name)).build().into()
}

pub fn nullable_wid() -> Schema {
    nullable("Wid")
}

pub fn nullable_me() -> Schema {
    nullable("MeInfo")
}

pub fn nullable_add_request() -> Schema {
    nullable("AddRequest")
}

pub fn event_name() -> Schema {
    text().enum_values(Some(EventName::ALL.map(EventName::as_str))).build().into()
}

pub fn anything() -> Schema {
    utoipa::openapi::schema::empty()
}

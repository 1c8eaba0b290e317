//! What the document says of one operation.

use serde_json::json;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{
    Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, ParameterStyle,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{
    ArrayBuilder, ContentBuilder, ObjectBuilder, Ref, RefOr, Required, Response, ResponseBuilder,
    Schema, Type,
};

use super::errors;
use crate::domain::event::MemberAction;
use crate::rest::shape::Shape;

/// By whom the operations are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    Server,
    Sessions,
    Groups,
    Members,
    Invites,
    Settings,
    People,
    Events,
    Carried,
}

impl Tag {
    pub const ALL: [Self; 9] = [
        Self::Server,
        Self::Sessions,
        Self::Groups,
        Self::Members,
        Self::Invites,
        Self::Settings,
        Self::People,
        Self::Events,
        Self::Carried,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "Server",
            Self::Sessions => "Sessions",
            Self::Groups => "Groups",
            Self::Members => "Members",
            Self::Invites => "Invites",
            Self::Settings => "Settings",
            Self::People => "People",
            Self::Events => "Events",
            Self::Carried => "Carried by WAHA",
        }
    }
}

/// A body of an answer.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// The schema of this name.
    Json(&'static str),
    /// A list of what has this name.
    JsonList(&'static str),
    /// Bare text.
    Text(&'static str),
    /// `true`; nothing where the shape's engine says nothing.
    Done,
    /// What became of the people of a change.
    Verdicts(MemberAction),
    Nothing,
    /// A picture; where JSON is asked for, what has this name.
    Picture(&'static str),
    /// Server-sent events.
    Stream,
}

/// An operation, said in a few words; all else follows from them.
pub struct OperationDoc {
    id: &'static str,
    tag: Tag,
    summary: &'static str,
    detail: String,
    query: Vec<Parameter>,
    headers: Vec<Parameter>,
    takes: Option<&'static str>,
    answers: Vec<(u16, &'static str, Body)>,
    answer_headers: Vec<(&'static str, Header)>,
    changes: bool,
    /// Whether WhatsApp may have to be asked, which not every engine can.
    asks: bool,
    refusals: Vec<u16>,
    /// Whether those are all.
    only_those: bool,
    needs_no_key: bool,
}

pub fn says(id: &'static str, tag: Tag, summary: &'static str) -> OperationDoc {
    OperationDoc {
        id,
        tag,
        summary,
        detail: String::new(),
        query: Vec::new(),
        headers: Vec::new(),
        takes: None,
        answers: Vec::new(),
        answer_headers: Vec::new(),
        changes: false,
        asks: false,
        refusals: Vec::new(),
        only_those: false,
        needs_no_key: false,
    }
}

impl OperationDoc {
    pub fn detail(self, detail: &str) -> Self {
        Self { detail: detail.to_owned(), ..self }
    }

    /// A parameter of the query.
    pub fn query(mut self, parameter: ParameterBuilder) -> Self {
        self.query.push(parameter.build());
        self
    }

    /// A header that it reads.
    pub fn header(mut self, parameter: ParameterBuilder) -> Self {
        self.headers.push(in_header(parameter));
        self
    }

    /// The schema of the request's body.
    pub fn takes(self, schema: &'static str) -> Self {
        Self { takes: Some(schema), ..self }
    }

    pub fn answers(mut self, status: u16, description: &'static str, body: Body) -> Self {
        self.answers.push((status, description, body));
        self
    }

    pub fn with_header(mut self, name: &'static str, header: Header) -> Self {
        self.answer_headers.push((name, header));
        self
    }

    /// It changes something, by asking WhatsApp.
    pub fn changes(self) -> Self {
        Self { changes: true, asks: true, ..self }
    }

    pub fn asks(self) -> Self {
        Self { asks: true, ..self }
    }

    /// Statuses that it refuses with beside those that follow from the rest.
    pub fn refuses(self, statuses: &[u16]) -> Self {
        Self { refusals: statuses.to_vec(), ..self }
    }

    /// Statuses that it refuses with, and no others.
    pub fn refuses_only(self, statuses: &[u16]) -> Self {
        Self { refusals: statuses.to_vec(), only_those: true, ..self }
    }

    pub fn without_key(self) -> Self {
        Self { needs_no_key: true, ..self }
    }

    pub fn operation(self, path: &str, shape: Shape) -> Operation {
        let mut operation = OperationBuilder::new()
            .operation_id(Some(self.id))
            .tag(self.tag.name())
            .summary(Some(self.summary))
            .description(Some(self.detail.clone()).filter(|detail| !detail.is_empty()));
        let parts = [
            ("{session}", "Session"),
            ("{id}", "GroupId"),
            ("{lid}", "Lid"),
            ("{phone}", "PhoneNumber"),
        ];
        for (part, name) in &parts {
            if path.contains(*part) {
                operation =
                    operation.parameter_ref(Ref::new(format!("#/components/parameters/{name}")));
            }
        }
        // Those of routes that are passed on, about which this knows no more than their names.
        let known = |part: &str| parts.iter().any(|(known, _)| *known == part);
        for part in path.split('/').filter(|part| part.starts_with('{') && !known(part)) {
            operation = operation.parameter(in_path(part.trim_matches(['{', '}'])));
        }
        for parameter in self.query.iter().chain(&self.headers) {
            operation = operation.parameter(parameter.clone());
        }
        if self.changes {
            operation = operation.parameter_ref(Ref::new("#/components/parameters/IdempotencyKey"));
        }
        if self.needs_no_key {
            operation = operation.securities(Some([]));
        }
        if let Some(schema) = self.takes {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
            let body = RequestBodyBuilder::new().content("application/json", content);
            operation = operation.request_body(Some(body.required(Some(Required::True)).build()));
        }
        for (status, description, body) in &self.answers {
            let mut response = response(description, *body, shape);
            for (name, header) in &self.answer_headers {
                response.headers.insert((*name).to_owned(), RefOr::T(header.clone()));
            }
            if self.changes {
                let sequence = Ref::new("#/components/headers/X-Wagroups-Sequence");
                response.headers.insert("X-Wagroups-Sequence".to_owned(), RefOr::Ref(sequence));
            }
            operation = operation.response(status.to_string(), response);
        }
        for status in self.all_refusals(path) {
            let name = errors::name(status);
            operation = operation.response(status.to_string(), Ref::from_response_name(name));
        }
        operation.build()
    }

    fn all_refusals(&self, path: &str) -> Vec<u16> {
        if self.only_those {
            return self.refusals.clone();
        }
        let mut statuses = vec![400, 401, 403, 500, 503];
        let of_groups = path.contains("/groups");
        statuses.extend(if of_groups { vec![422] } else { Vec::new() });
        statuses.extend(if self.asks { vec![501] } else { Vec::new() });
        statuses.extend(if self.changes { vec![409, 504] } else { Vec::new() });
        statuses.extend(if self.takes.is_some() { vec![408, 413, 415] } else { Vec::new() });
        statuses.extend(&self.refusals);
        statuses.sort_unstable();
        statuses.dedup();
        statuses
    }
}

fn response(description: &str, body: Body, shape: Shape) -> Response {
    let response = ResponseBuilder::new().description(description);
    let json = |schema: RefOr<Schema>| ContentBuilder::new().schema(Some(schema)).build();
    let text = |example: &str| {
        let schema = ObjectBuilder::new().schema_type(Type::String);
        ContentBuilder::new().schema(Some(schema)).example(Some(json!(example))).build()
    };
    let response = match (body, shape) {
        (Body::Json(name), _) => {
            response.content("application/json", json(Ref::from_schema_name(name).into()))
        }
        (Body::JsonList(name), _) => {
            let list = ArrayBuilder::new().items(Ref::from_schema_name(name)).build();
            response.content("application/json", json(Schema::Array(list).into()))
        }
        (Body::Text(example), _) => response.content("text/html", text(example)),
        (Body::Done, Shape::Normalized | Shape::Webjs | Shape::Wpp)
        | (Body::Verdicts(MemberAction::Promote), Shape::Wpp) => {
            response.content("text/html", text("true"))
        }
        (Body::Verdicts(_), Shape::Normalized | Shape::Gows | Shape::Noweb) => {
            let list =
                ArrayBuilder::new().items(Ref::from_schema_name("ParticipantResult")).build();
            response.content("application/json", json(Schema::Array(list).into()))
        }
        (Body::Verdicts(MemberAction::Join), Shape::Webjs | Shape::Wpp)
        | (Body::Verdicts(_), Shape::Webjs) => {
            let name = if matches!(body, Body::Verdicts(MemberAction::Join)) {
                "AddedParticipants"
            } else {
                "Done"
            };
            response.content("application/json", json(Ref::from_schema_name(name).into()))
        }
        (Body::Done, Shape::Gows | Shape::Noweb)
        | (Body::Verdicts(_), Shape::Wpp)
        | (Body::Nothing, _) => response,
        (Body::Picture(name), _) => {
            let bytes = ObjectBuilder::new().schema_type(Type::String);
            let bytes = bytes.content_media_type("image/png");
            let picture = ContentBuilder::new().schema(Some(bytes)).build();
            let in_json = json(Ref::from_schema_name(name).into());
            response.content("image/png", picture).content("application/json", in_json)
        }
        (Body::Stream, _) => response
            .content("text/event-stream", text("id: …\nevent: group.v2.join\ndata: {…}\n\n")),
    };
    response.build()
}

/// One part of a path as every reader takes it: no slash, no percent sign, no dots alone.
fn in_path(name: &str) -> Parameter {
    let schema = text().pattern(Some(r"^(?!\.+$)[^/\\%?#;\x00-\x1f\x7f-\x9f]+$"));
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path);
    parameter.required(Required::True).schema(Some(schema)).build()
}

pub fn in_header(parameter: ParameterBuilder) -> Parameter {
    parameter.parameter_in(ParameterIn::Header).build()
}

/// A parameter of the query that may be left out.
pub fn optional(
    name: &str,
    description: &str,
    schema: impl Into<RefOr<Schema>>,
) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .description(Some(description))
        .required(Required::False)
        .schema(Some(schema))
}

pub fn required(
    name: &str,
    description: &str,
    schema: impl Into<RefOr<Schema>>,
) -> ParameterBuilder {
    optional(name, description, schema).required(Required::True)
}

/// A parameter of the query that may stand there several times.
pub fn repeated(name: &str, description: &str, each: ObjectBuilder) -> ParameterBuilder {
    let list = Schema::Array(ArrayBuilder::new().items(each.build()).build());
    optional(name, description, list).style(Some(ParameterStyle::Form)).explode(Some(true))
}

pub fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

pub fn one_of(values: &[&str]) -> ObjectBuilder {
    text().enum_values(Some(values.iter().copied()))
}

pub fn number(least: i64) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least))
}

pub fn flag() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean)
}

pub fn header(description: &str, schema: ObjectBuilder) -> Header {
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

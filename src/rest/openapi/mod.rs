//! The OpenAPI document: made once at the start, of the routes that are served and of the shape that is set.

mod asked;
mod errors;
pub mod says;

use bytes::Bytes;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, Paths};
use utoipa::openapi::schema::{OneOfBuilder, SchemaFormat};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ArrayBuilder, Components, ComponentsBuilder, InfoBuilder, LicenseBuilder, ObjectBuilder,
    OpenApi, OpenApiBuilder, Ref, RefOr, Required, Schema, Type,
};

pub use self::says::{
    Body, OperationDoc, Tag, flag, header, number, one_of, optional, repeated, required, says, text,
};
use super::answers::{browser, errors as bodies, gows, normalized, noweb, plain, server};
use super::route::Route;
use super::shape::Shape;
use crate::domain::id::number_pattern;
use crate::envelope::words::GroupParticipant;
use crate::envelope::{MeInfo, Version};

/// The document of these routes, as it is served.
pub fn document(routes: Vec<Route>, shape: Shape, is_open: bool) -> Bytes {
    // A document that cannot be written would be a bug that every test sees; it has no keys but texts.
    serde_json::to_vec(&describe(routes, shape, is_open)).unwrap_or_default().into()
}

fn describe(routes: Vec<Route>, shape: Shape, is_open: bool) -> OpenApi {
    let mut paths = Paths::new();
    for route in routes {
        let operation = route.says.operation(&route.path, shape);
        paths.add_path_operation(&route.path, vec![route.method], operation);
    }
    let info = InfoBuilder::new()
        .title("wagroups")
        .version(env!("CARGO_PKG_VERSION"))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .description(Some(format!(
            "WAHA's paths for WhatsApp groups. Groups are answered in the shape `{}` (`rest.shape`).",
            shape.name()
        )));
    let tags = Tag::ALL.map(|tag| TagBuilder::new().name(tag.name()).build());
    OpenApiBuilder::new()
        .info(info.build())
        .paths(paths)
        .components(Some(components(shape)))
        .security(Some(security(is_open)))
        .tags(Some(tags))
        .build()
}

const SCHEMES: [&str; 3] = ["ApiKey", "ApiKeyInQuery", "Bearer"];

/// One of the keys; where none are set, none.
fn security(is_open: bool) -> Vec<SecurityRequirement> {
    let none: [&str; 0] = [];
    let keys = SCHEMES.map(|name| SecurityRequirement::new(name, none));
    let nobody = is_open.then(SecurityRequirement::default);
    nobody.into_iter().chain(keys).collect()
}

fn components(shape: Shape) -> Components {
    let [key, in_query, bearer] = SCHEMES;
    let api_key = |value: ApiKeyValue| SecurityScheme::ApiKey(ApiKey::Header(value));
    let query_key = SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::with_description(
        "x-api-key",
        "For clients that cannot send headers; it ends up in logs of proxies.",
    )));
    let token = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let mut components = ComponentsBuilder::new()
        .security_scheme(key, api_key(ApiKeyValue::new("X-Api-Key")))
        .security_scheme(in_query, query_key)
        .security_scheme(bearer, token)
        .header(
            "X-Wagroups-Reason",
            header("Why it is refused, as gRPC says it: one word, which does not change.", text()),
        )
        .header(
            "X-Wagroups-Sequence",
            header("The sequence at which the answer holds: gRPC's `min_sequence`.", number(0)),
        )
        .header("Retry-After", header("After how many seconds it may work.", number(1)))
        .parameter("Session", session())
        .parameter("GroupId", group_id())
        .parameter("Lid", lid())
        .parameter("PhoneNumber", phone_number())
        .parameter("IdempotencyKey", idempotency_key());
    for (name, response) in errors::responses() {
        components = components.response(name, response);
    }
    components.schemas_from_iter(all_schemas(shape)).build()
}

fn session() -> Parameter {
    ParameterBuilder::new()
        .name("session")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The session's name."))
        .schema(Some(session_name_text()))
        .example(Some(json!("default")))
        .build()
}

fn group_id() -> Parameter {
    ParameterBuilder::new()
        .name("id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The group's id."))
        .schema(Some(group_id_text()))
        .example(Some(json!("120363000000000001@g.us")))
        .build()
}

fn lid() -> Parameter {
    let schema = text().pattern(Some("^[1-9][0-9]{0,17}(@lid)?$"));
    in_path("lid", "A hidden id, with or without its ending.", schema, "222@lid")
}

/// A phone number, with or without its server, as a regular expression without anchors.
fn written_number() -> String {
    format!(r"{}(@c\.us|@s\.whatsapp\.net)?", number_pattern())
}

/// Written as people write it, it is taken as well.
fn phone_number() -> Parameter {
    let schema = text().pattern(Some(format!("^{}$", written_number())));
    in_path("phone", "A phone number with its country code.", schema, "12025550123@c.us")
}

fn in_path(name: &str, what: &str, schema: ObjectBuilder, example: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(what))
        .schema(Some(schema))
        .example(Some(json!(example)))
        .build()
}

/// A session's name, wherever it stands.
pub fn session_name_text() -> ObjectBuilder {
    text().pattern(Some("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"))
}

/// An invite code or a link with one, wherever it stands.
pub fn invite_code_text() -> ObjectBuilder {
    text().pattern(Some(r"^(https://chat\.whatsapp\.com/)?[A-Za-z0-9]{22}$"))
}

/// A group's id, wherever it stands.
pub fn group_id_text() -> ObjectBuilder {
    text().pattern(Some("^[0-9]{1,20}(-[0-9]{1,20})?@g\\.us$"))
}

fn idempotency_key() -> Parameter {
    let schema = text().format(Some(SchemaFormat::Custom("uuid".to_owned())));
    let what = "A UUID that names this change: however often it is asked for within 24 hours, it happens at \
        most once.";
    says::in_header(optional("Idempotency-Key", what, schema))
}

type Named = (String, RefOr<Schema>);

/// The schema of a type and of all that it consists of.
fn schemas_of<T: ToSchema>() -> Vec<Named> {
    let mut all = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut all);
    all
}

fn all_schemas(shape: Shape) -> Vec<Named> {
    let mut all = vec![
        schemas_of::<asked::CreateGroupRequest>(),
        schemas_of::<asked::ParticipantsRequest>(),
        schemas_of::<asked::JoinGroupRequest>(),
        schemas_of::<asked::SubjectRequest>(),
        schemas_of::<asked::DescriptionRequest>(),
        schemas_of::<asked::PictureRequest>(),
        schemas_of::<asked::RemoteFile>(),
        schemas_of::<asked::BinaryFile>(),
        schemas_of::<asked::AdminsOnly>(),
        schemas_of::<asked::MemberAddMode>(),
        schemas_of::<asked::MembershipApproval>(),
        schemas_of::<asked::MemberShareHistory>(),
        schemas_of::<bodies::Plain>(),
        schemas_of::<bodies::OfSession>(),
        schemas_of::<bodies::Thrown>(),
        schemas_of::<plain::CountResponse>(),
        schemas_of::<plain::JoinGroupResponse>(),
        schemas_of::<plain::Success>(),
        schemas_of::<plain::PictureResponse>(),
        schemas_of::<plain::GroupJoinRequest>(),
        schemas_of::<plain::GroupJoinRequestResult>(),
        schemas_of::<plain::Session>(),
        schemas_of::<MeInfo>(),
        schemas_of::<Version>(),
        schemas_of::<server::Pong>(),
        schemas_of::<server::Health>(),
        schemas_of::<server::ServerStatus>(),
        schemas_of::<server::Replicas>(),
        schemas_of::<server::QRCode>(),
        schemas_of::<server::PairingCode>(),
        schemas_of::<server::LidToPhoneNumber>(),
        schemas_of::<asked::RequestCodeRequest>(),
        schemas_of::<asked::SessionNameRequest>(),
        schemas_of::<asked::StopSessionRequest>(),
        schemas_of::<asked::CarriedRequest>(),
        schemas_of::<plain::EventPage>(),
        schemas_of::<GroupParticipant>(),
        of_shape(shape),
    ]
    .concat();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    all.dedup_by(|(one, _), (other, _)| one == other);
    all
}

/// Groups and members as the shape has them. The names are the same in each, so that routes can use them.
fn of_shape(shape: Shape) -> Vec<Named> {
    let alias = |name: &str, of: &str| (name.to_owned(), Ref::from_schema_name(of).into());
    let list = |name: &str, of: &str| {
        let list = ArrayBuilder::new().items(Ref::from_schema_name(of)).build();
        (name.to_owned(), Schema::Array(list).into())
    };
    let by_id = |name: &str, of: &str| {
        let by_id = ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(Ref::from_schema_name(of)))
            .description(Some("By their ids."));
        (name.to_owned(), by_id.into())
    };
    match shape {
        Shape::Normalized => [
            schemas_of::<normalized::Group>(),
            schemas_of::<normalized::Created>(),
            schemas_of::<normalized::Outcome>(),
            schemas_of::<normalized::Previewed>(),
            vec![list("GroupList", "Group"), alias("Member", "GroupParticipant")],
        ]
        .concat(),
        Shape::Gows => [
            schemas_of::<gows::Group>(),
            schemas_of::<gows::AddRequest>(),
            vec![
                list("GroupList", "Group"),
                alias("CreatedGroup", "Group"),
                alias("InvitedGroup", "Group"),
                alias("ParticipantResult", "Member"),
            ],
        ]
        .concat(),
        Shape::Noweb => [
            schemas_of::<noweb::Group>(),
            schemas_of::<noweb::Outcome>(),
            vec![
                by_id("GroupList", "Group"),
                alias("CreatedGroup", "Group"),
                alias("InvitedGroup", "Group"),
            ],
        ]
        .concat(),
        Shape::Webjs => [
            schemas_of::<browser::Chat>(),
            schemas_of::<browser::CreatedOnWebjs>(),
            schemas_of::<browser::AddedOnWebjs>(),
            schemas_of::<browser::Done>(),
            schemas_of::<browser::Previewed>(),
            vec![
                list("GroupList", "Group"),
                alias("ChatId", "Wid"),
                by_id("AddedParticipants", "AddedParticipant"),
            ],
        ]
        .concat(),
        Shape::Wpp => [
            schemas_of::<browser::Chat>(),
            schemas_of::<browser::CreatedOnWpp>(),
            schemas_of::<browser::AddedOnWpp>(),
            schemas_of::<browser::Previewed>(),
            vec![
                list("GroupList", "Group"),
                ("ChatId".to_owned(), text().build().into()),
                by_id("AddedParticipants", "AddedParticipant"),
            ],
        ]
        .concat(),
    }
}

pub fn file() -> Schema {
    let one = OneOfBuilder::new()
        .item(Ref::from_schema_name("RemoteFile"))
        .item(Ref::from_schema_name("BinaryFile"));
    one.description(Some("A file by its address, or by its bytes.")).build().into()
}

//! Refusals, which are the same on all routes.

use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

/// Status, name of the response, what it means, schema.
const ALL: [(u16, &str, &str, &str); 15] = [
    (400, "BadRequest", "Something in the request is wrong; each field is named.", "Error"),
    (401, "Unauthorized", "No key, or one that is unknown.", "Error"),
    (403, "Forbidden", "The key may not see this session, or has too low a role.", "Error"),
    (404, "NotFound", "There is no such session, or no such path.", "Error"),
    (408, "RequestTimeout", "The body did not arrive in time.", "Error"),
    (409, "Conflict", "The same change is running, or the place is of another log.", "Error"),
    (410, "Gone", "The place in the log is older than the log is kept.", "Error"),
    (413, "PayloadTooLarge", "The body is too large.", "Error"),
    (
        415,
        "UnsupportedMediaType",
        "The body is of a kind or packed in a way that is not taken.",
        "Error",
    ),
    (422, "SessionUnavailable", "The session does not exist or does not work.", "SessionError"),
    (429, "TooManyRequests", "As many follow events as may.", "Error"),
    (500, "Refused", "WhatsApp refuses, or there is no such group.", "ExceptionError"),
    (501, "NotImplemented", "The session's engine cannot do this.", "Error"),
    (503, "Unavailable", "Too many requests, or the service is stopping.", "Error"),
    (504, "OutcomeUnknown", "Nobody knows whether it has happened.", "Error"),
];

/// What the response of a status is called.
pub fn name(status: u16) -> &'static str {
    ALL.iter().find(|(known, ..)| *known == status).map_or("Refused", |(_, name, ..)| name)
}

pub fn responses() -> impl Iterator<Item = (&'static str, Response)> {
    ALL.into_iter().map(|(status, name, description, schema)| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
        let mut response = ResponseBuilder::new()
            .description(description)
            .content("application/json", content)
            .build();
        let mut headers = vec!["X-Wagroups-Reason"];
        if matches!(status, 422 | 429 | 500 | 503) {
            headers.push("Retry-After");
        }
        for header in headers {
            let known = Ref::new(format!("#/components/headers/{header}"));
            response.headers.insert(header.to_owned(), RefOr::Ref(known));
        }
        (name, response)
    })
}

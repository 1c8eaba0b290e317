//! A request's query, as WAHA reads one.

use axum::http::Uri;

use crate::domain::error::Violations;
use crate::rest::form;

#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    pub fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    pub fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Values of a query that may be repeated, or separated by commas.
    pub fn list(&self, name: &str) -> Vec<String> {
        let all = self.all(name);
        let each = all.iter().flat_map(|value| value.split(',')).filter(|value| !value.is_empty());
        each.map(str::to_owned).collect()
    }

    /// The values of a list, however clients write one: `name` repeated, `name[]`, `name[0]`.
    pub fn all(&self, name: &str) -> Vec<String> {
        let matching = self.0.iter().filter(|(key, _)| form::names_list(key, name));
        matching.map(|(_, value)| value.clone()).collect()
    }

    /// Whether the list is written as an object, so that its values would be passed over: `name[key]`.
    pub fn has_object(&self, name: &str) -> bool {
        let begins = |key: &str| key.strip_prefix(name).is_some_and(|rest| rest.starts_with('['));
        self.0.iter().any(|(key, _)| begins(key) && !form::names_list(key, name))
    }

    /// A boolean of the query, as WAHA reads one; absent is false.
    pub fn flag(&self, violations: &mut Violations, name: &str) -> bool {
        match self.first(name) {
            None | Some("false" | "False" | "0") => false,
            Some("true" | "True" | "1") => true,
            Some(_) => {
                violations.add(name, "must be a boolean value");
                false
            }
        }
    }

    /// A number of the query.
    pub fn number(&self, violations: &mut Violations, name: &str) -> Option<usize> {
        let text = self.first(name)?;
        // There is no more of anything than fits.
        let is_large = text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().or_else(|| is_large.then_some(usize::MAX));
        if number.is_none() {
            let must = "must be a number conforming to the specified constraints";
            violations.add(name, must);
        }
        number
    }
}

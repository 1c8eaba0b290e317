//! Metrics that have a new name. Their old one is exported beside it for one version, so that dashboards and alerts of
//! others go on until they are changed.

use std::fmt::Write;

use super::metrics::{
    INGRESS_ACKNOWLEDGED, INGRESS_BUFFER, INGRESS_IGNORED, INGRESS_LAG_SECONDS, INGRESS_REFUSED,
    INGRESS_UNKNOWN_FIELDS,
};

/// Before 0.2 the listener for WAHA's webhooks was called `webhook`.
pub(super) const OLD_NAMES: [(&str, &str); 6] = [
    (INGRESS_ACKNOWLEDGED, "wagroups_webhooks_total"),
    (INGRESS_REFUSED, "wagroups_webhooks_refused_total"),
    (INGRESS_BUFFER, "wagroups_webhook_buffer_bytes"),
    (INGRESS_IGNORED, "wagroups_webhooks_ignored_total"),
    (INGRESS_UNKNOWN_FIELDS, "wagroups_webhook_unknown_fields_total"),
    (INGRESS_LAG_SECONDS, "wagroups_webhook_lag_seconds"),
];

/// An exposition, followed by all that it has of renamed metrics under their old names. `names` are pairs of the new name
/// and the old one.
pub(super) fn with_old_names(mut exposition: String, names: &[(&str, &str)]) -> String {
    let mut old = String::new();
    for (new_name, old_name) in names {
        for line in exposition.lines() {
            let (head, rest) = match line.split_once(new_name) {
                Some((head, rest)) if is_name_of(head, rest) => (head, rest),
                _ => continue,
            };
            let _ = if head == "# HELP " {
                writeln!(old, "{head}{old_name} deprecated: use {new_name}")
            } else {
                writeln!(old, "{head}{old_name}{rest}")
            };
        }
    }
    exposition.push_str(&old);
    exposition
}

/// Whether a metric's name stands between these parts of a line. A histogram's series have endings of their own.
fn is_name_of(head: &str, rest: &str) -> bool {
    let endings = ["", "_bucket", "_sum", "_count"];
    matches!(head, "" | "# HELP " | "# TYPE ")
        && endings
            .iter()
            .filter_map(|ending| rest.strip_prefix(ending))
            .any(|rest| rest.starts_with([' ', '{']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_renamed_has_its_old_name_too_with_the_same_values() {
        let exposition = "\
# HELP new_total What it counts: new_total.
# TYPE new_total counter
new_total{cause=\"new_total \"} 3
new_total{cause=\"b\"} 4

# TYPE new_total_of_others counter
new_total_of_others 5

# HELP new_seconds How long.
# TYPE new_seconds histogram
new_seconds_bucket{le=\"1\"} 1
new_seconds_sum 0.5
new_seconds_count 1
";
        let names = &[("new_total", "old_total"), ("new_seconds", "old_seconds"), ("gone", "g")];
        let added = with_old_names(exposition.to_owned(), names);
        let added = added.strip_prefix(exposition).expect("nothing else is changed");
        assert_eq!(
            added,
            "\
# HELP old_total deprecated: use new_total
# TYPE old_total counter
old_total{cause=\"new_total \"} 3
old_total{cause=\"b\"} 4
# HELP old_seconds deprecated: use new_seconds
# TYPE old_seconds histogram
old_seconds_bucket{le=\"1\"} 1
old_seconds_sum 0.5
old_seconds_count 1
"
        );
    }
}

//! What became of an import, as a table or as JSON.

use std::collections::BTreeMap;

use serde_json::json;

use super::bodies::Body;
use super::post::Answered;
use crate::cli::errors::Failure;
use crate::cli::output::Output;
use crate::cli::text;

/// Refused bodies that are named; of others only the cause is counted.
const NAMED: usize = 10;

#[derive(Debug, Default)]
pub struct Summary {
    accepted: u64,
    duplicate: u64,
    ignored: u64,
    refused: BTreeMap<String, u64>,
    named: Vec<Named>,
}

#[derive(Debug, serde::Serialize)]
struct Named {
    place: String,
    why: String,
}

impl Summary {
    pub fn note(&mut self, body: &Body, answered: Answered) {
        match &answered {
            Answered::Accepted => self.accepted += 1,
            Answered::Duplicate => self.duplicate += 1,
            Answered::Ignored => self.ignored += 1,
            Answered::Refused { reason, .. } => {
                *self.refused.entry(reason.clone()).or_default() += 1;
                if self.named.len() < NAMED {
                    let place = text::safe(&body.place());
                    self.named.push(Named { place, why: answered.to_string() });
                }
            }
        }
    }

    /// What was not refused.
    pub fn taken(&self) -> u64 {
        self.accepted + self.duplicate + self.ignored
    }

    pub fn refused(&self) -> u64 {
        self.refused.values().sum()
    }

    pub fn print(&self, output: Output) -> Result<(), Failure> {
        if output.is_structured() {
            return output.document(&json!({
                "accepted": self.accepted, "duplicate": self.duplicate, "ignored": self.ignored,
                "refused": self.refused(), "refusedByReason": self.refused, "firstRefused": self.named,
            }));
        }
        for Named { place, why } in &self.named {
            output.note(&format!("{place}: {why}"))?;
        }
        let mut table = text::table(&["WEBHOOKS", "", "COUNT"]);
        for (what, why, count) in [
            ("accepted", "their news is in the log, or changed nothing", self.accepted),
            ("duplicate", "had come before", self.duplicate),
            ("ignored", "say nothing of groups", self.ignored),
        ] {
            table.add_row([what, why, &count.to_string()]);
        }
        for (reason, count) in &self.refused {
            table.add_row(["refused", &text::safe(reason), &count.to_string()]);
        }
        if self.refused.is_empty() {
            table.add_row(["refused", "", "0"]);
        }
        output.table(&mut table)
    }
}

//! `wagroups cluster status`: what the database says of the replicas on it. It asks no replica, so that it works where
//! none answers.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::settings::SettingsArgs;
use super::text;
use crate::config::Settings;
use crate::domain::cluster::{ClusterView, HEARTBEAT, ReplicaRecord};
use crate::domain::counter::{Epoch, Position};
use crate::domain::port::cluster::ClusterStore as _;
use crate::domain::port::repository::StoreError;
use crate::server::{StartError, connect};

/// Between two looks: whoever has counted on by then is alive.
const LOOK: Duration = HEARTBEAT.saturating_mul(2);

#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
    /// Show the replicas on a database, which of them are alive, and which one acts
    Status(StatusArgs),
}

#[derive(Debug, Clone, Default, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// A replica as two looks found it.
#[derive(serde::Serialize)]
struct Line {
    id: String,
    address: String,
    version: String,
    owner: bool,
    alive: bool,
    draining: bool,
}

#[derive(serde::Serialize)]
struct Status {
    epoch: Epoch,
    /// The log's last position.
    head: Position,
    replicas: Vec<Line>,
}

pub async fn status(settings: &Settings, json: bool) -> Result<ExitCode, StartError> {
    if settings.database.url.is_sqlite() {
        return Err(StartError::other(
            "SQLite has one process; set database.url to the PostgreSQL database that the replicas share",
        ));
    }
    let repository = connect(settings).await?;
    let looks = async {
        let before = repository.cluster_view().await?;
        tokio::time::sleep(LOOK).await;
        Ok::<_, StoreError>((before, repository.cluster_view().await?))
    };
    let looks = looks.await;
    repository.close().await;
    let (before, after) = looks.map_err(|error| {
        StartError::other(format!(
            "{error}; run `wagroups migrate` if the schema is older than this version"
        ))
    })?;
    let status = compared(&before, &after);
    let has_owner = status.replicas.iter().any(|replica| replica.owner && replica.alive);
    let printed = if json { as_json(&status)? } else { as_text(&status) };
    // Whoever reads this may stop before the end.
    let _ = std::io::stdout().write_all(printed.as_bytes());
    // 3 = nothing can be changed at the moment: try again.
    Ok(if has_owner { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

fn compared(before: &ClusterView, after: &ClusterView) -> Status {
    let counted_on = |replica: &ReplicaRecord| {
        let held = before.replicas.iter().find(|held| held.id == replica.id);
        held.is_none_or(|held| held.heartbeat != replica.heartbeat)
    };
    let line = |replica: &ReplicaRecord| Line {
        id: replica.id.to_string(),
        address: replica.address.clone(),
        version: replica.version.clone(),
        owner: after.lease.owner.as_ref() == Some(&replica.id),
        alive: counted_on(replica),
        draining: replica.draining,
    };
    Status {
        epoch: after.lease.epoch,
        head: after.head,
        replicas: after.replicas.iter().map(line).collect(),
    }
}

fn as_json(status: &Status) -> Result<String, StartError> {
    serde_json::to_string_pretty(status).map(|text| text + "\n").map_err(StartError::other)
}

fn as_text(status: &Status) -> String {
    let mut table = text::table(&["REPLICA", "ADDRESS", "VERSION", "ROLE", "STATE"]);
    for replica in &status.replicas {
        let state = match (replica.alive, replica.draining) {
            (false, _) => "no heartbeat",
            (true, true) => "draining",
            (true, false) => "alive",
        };
        table.add_row([
            text::safe(&replica.id),
            text::safe(&replica.address),
            text::safe(&replica.version),
            if replica.owner { "owner" } else { "follower" }.to_owned(),
            state.to_owned(),
        ]);
    }
    let mut printed = format!("{table}\n");
    if !status.replicas.iter().any(|replica| replica.owner && replica.alive) {
        printed.push_str("no replica acts: nothing can be changed, reads and watches go on\n");
    }
    printed.push_str(&format!("epoch {}, log at position {}\n", status.epoch, status.head));
    printed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::cluster::Lease;

    fn view(owner: char, heartbeats: &[(char, u64)]) -> ClusterView {
        let id = |digit: char| digit.to_string().repeat(32).parse().expect("an id");
        let replicas = heartbeats.iter().map(|(digit, heartbeat)| ReplicaRecord {
            id: id(*digit),
            address: format!("10.0.0.{digit}:50052"),
            version: "0.2.0".into(),
            heartbeat: *heartbeat,
            draining: *digit == '3',
        });
        ClusterView {
            is_member: false,
            lease: Lease { owner: Some(id(owner)), epoch: Epoch::ZERO.plus(7) },
            head: Position::ZERO.plus(42),
            time: Timestamp::EPOCH,
            replicas: replicas.collect(),
        }
    }

    #[test]
    fn who_has_counted_on_is_alive_and_an_owner_that_has_not_acts_no_more() {
        let before = view('1', &[('1', 5), ('2', 9), ('3', 1)]);
        let status = compared(&before, &view('1', &[('1', 7), ('2', 9), ('3', 3)]));
        let text = as_text(&status);
        let of = |digit: char| {
            text.lines().find(|line| line.trim_start().starts_with(digit)).expect("a row")
        };
        assert!(of('1').contains("owner") && of('1').contains("alive"), "{text}");
        assert!(of('2').contains("follower") && of('2').contains("no heartbeat"), "{text}");
        assert!(of('3').contains("draining"), "{text}");
        assert!(text.ends_with("epoch 7, log at position 42\n"), "{text}");

        let status = compared(&before, &view('2', &[('2', 9)]));
        assert!(as_text(&status).contains("no replica acts"), "{}", as_text(&status));
    }
}

//! What holds for the command line as a whole.

mod groups;
mod recorder;
mod relay;
mod sessions;
mod simulator;
mod webhooks;

use std::collections::BTreeSet;

use clap::CommandFactory as _;
use prost_reflect::DescriptorPool;

use super::*;
use crate::pb;

/// The calls of a service of the contract, by name.
pub fn rpcs(service: &str) -> BTreeSet<String> {
    let contract = DescriptorPool::decode(pb::DESCRIPTORS).expect("the contract");
    let service =
        contract.get_service_by_name(&format!("wagroups.v1.{service}")).expect("the service");
    service.methods().map(|method| method.name().to_owned()).collect()
}

/// The members of a `oneof` of the contract, by name.
pub fn oneof_members(message: &str, oneof: &str) -> BTreeSet<String> {
    let contract = DescriptorPool::decode(pb::DESCRIPTORS).expect("the contract");
    let message =
        contract.get_message_by_name(&format!("wagroups.v1.{message}")).expect("the message");
    let oneof = message.oneofs().find(|each| each.name() == oneof).expect("the oneof");
    oneof.fields().map(|field| field.name().to_owned()).collect()
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn without_a_command_it_serves_and_takes_the_flags_of_serve() {
    let cli = Cli::parse_from(["wagroups", "--rest", "127.0.0.1:3000"]);
    let Command::Serve(args) = cli.into_command() else { panic!("not serve") };
    assert_eq!(args.settings.named(), [("rest.listen".to_owned(), "127.0.0.1:3000".to_owned())]);
}

#[test]
fn what_is_for_the_service_is_told_before_it_is_parsed() {
    for line in [
        "wagroups",
        "wagroups serve",
        "wagroups serve --rest 127.0.0.1:3000",
        "wagroups --rest 127.0.0.1:3000",
        "wagroups --set rest.listen=serve",
        "wagroups migrate",
        "wagroups config --json",
        "wagroups cluster status",
        "wagroups healthcheck",
        "wagroups groups list",
        "wagroups watch --from earliest",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let serves = matches!(Cli::parse_from(&words).into_command(), Command::Serve(_));
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        assert_eq!(asks_to_serve(&words), serves, "{line}");
    }
}

#[test]
fn options_of_the_client_may_stand_after_the_last_command() {
    let cli = Cli::parse_from([
        "wagroups",
        "groups",
        "participants",
        "add",
        "1203@g.us",
        "+49 151 1",
        "--session",
        "a",
        "--json",
    ]);
    let Command::Client(command) = cli.into_command() else { panic!("not the client") };
    assert!(command.format() == Format::Json);
}

//! Accounts of the simulated world: one by flags, or many from a file.

use clap::{Args, Subcommand, ValueEnum};
use comfy_table::Table;
use prost_types::FieldMask;
use serde_json::{Deserializer, Value};

use super::World;
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::progress::Progress;
use crate::cli::{Done, input, json, text};
use crate::pb::{self, AddPrivacy, SimulatorAccount};

const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Make an account, or change what is given of one
    Put(PutArgs),
    /// Show an account
    Get {
        /// Phone number or hidden id
        #[arg(value_name = "PERSON")]
        id: String,
    },
}

#[derive(Debug, Args)]
pub struct PutArgs {
    /// +49 151…, bare digits or …@c.us
    #[arg(value_name = "NUMBER", required_unless_present = "file", conflicts_with = "file")]
    phone_number: Option<String>,
    /// The hidden id, …@lid; derived from the number, or kept, unless given
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    lid: String,
    /// The name shown to others
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Whether the number has no WhatsApp account
    #[arg(
        long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    not_on_whatsapp: Option<bool>,
    /// Who may add it to groups; everyone unless it was set
    #[arg(long, value_enum)]
    add_privacy: Option<Privacy>,
    /// A contact, who may add it with --add-privacy contacts; may be repeated, and replaces those there were
    #[arg(long, value_name = "PERSON")]
    contact: Vec<String>,
    /// It has no contacts
    #[arg(long, conflicts_with = "contact")]
    no_contacts: bool,
    /// Someone it has blocked, who cannot add it; may be repeated, and replaces those there were
    #[arg(long, value_name = "PERSON")]
    blocked: Vec<String>,
    /// It has blocked nobody
    #[arg(long, conflicts_with = "blocked")]
    no_blocked: bool,
    /// Many accounts instead, as JSON one after another, as `account get --json` prints them; - for
    /// standard input
    #[arg(
        long,
        value_name = "FILE|-",
        conflicts_with_all = [
            "lid", "name", "not_on_whatsapp", "add_privacy", "contact", "no_contacts", "blocked", "no_blocked"
        ]
    )]
    file: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Privacy {
    Everyone,
    Contacts,
    Nobody,
}

impl From<Privacy> for AddPrivacy {
    fn from(privacy: Privacy) -> Self {
        match privacy {
            Privacy::Everyone => Self::Everyone,
            Privacy::Contacts => Self::Contacts,
            Privacy::Nobody => Self::Nobody,
        }
    }
}

pub async fn run(world: &World, command: AccountCommand) -> Result<Done, Failure> {
    match command {
        AccountCommand::Put(args) => match args.file {
            Some(file) => put_all(world, &file).await,
            None => put_one(world, args).await,
        },
        AccountCommand::Get { id } => {
            let request = pb::GetAccountRequest { id };
            let send = async |request| world.connection.simulator().get_account(request).await;
            let answer = world.ask(&Effect::Read, "GetAccountResponse", request, send).await?;
            if let Some(answer) = answer {
                show(world, answer.account.as_slice())?;
            }
            Ok(Done::Fully)
        }
    }
}

/// All settings of an account, as a file has it.
const SETTINGS: [&str; 5] =
    ["push_name", "not_on_whatsapp", "add_privacy", "contact_ids", "blocked_ids"];

impl PutArgs {
    /// The account, and which of its settings were given.
    fn request(self) -> pb::PutAccountRequest {
        let given = [
            self.name.is_some(),
            self.not_on_whatsapp.is_some(),
            self.add_privacy.is_some(),
            self.no_contacts || !self.contact.is_empty(),
            self.no_blocked || !self.blocked.is_empty(),
        ];
        let paths = SETTINGS.iter().zip(given).filter(|(_, is_given)| *is_given);
        let paths: Vec<String> = paths.map(|(path, _)| (*path).to_owned()).collect();
        let account = SimulatorAccount {
            phone_number_id: self.phone_number.unwrap_or_default(),
            lid: self.lid,
            push_name: self.name.unwrap_or_default(),
            not_on_whatsapp: self.not_on_whatsapp.unwrap_or_default(),
            add_privacy: self.add_privacy.map_or(AddPrivacy::Unspecified, Into::into).into(),
            contact_ids: self.contact,
            blocked_ids: self.blocked,
            session: String::new(),
        };
        let update_mask = (!paths.is_empty()).then_some(FieldMask { paths });
        pb::PutAccountRequest { account: Some(account), update_mask }
    }
}

async fn put(
    world: &World,
    request: pb::PutAccountRequest,
) -> Result<pb::PutAccountResponse, Failure> {
    let send = async |request| world.connection.simulator().put_account(request).await;
    world.connection.unary(&Effect::Once, request, send).await
}

async fn put_one(world: &World, args: PutArgs) -> Result<Done, Failure> {
    let answer = put(world, args.request()).await?;
    if !world.output.answer("PutAccountResponse", &answer)? {
        show(world, answer.account.as_slice())?;
    }
    Ok(Done::Fully)
}

/// All are read before the first is sent, so that a slip in the file changes nothing.
async fn put_all(world: &World, file: &str) -> Result<Done, Failure> {
    let accounts = parsed(&input::read_text(file, MAX_FILE_BYTES)?)
        .map_err(|why| Failure::Usage(format!("{file}: {why}")))?;
    let all = u64::try_from(accounts.len()).unwrap_or(u64::MAX);
    let mut put_accounts = Vec::with_capacity(accounts.len());
    let progress = Progress::begin(world.output, "making accounts");
    progress.advance(0, all);
    for (done, account) in (1..).zip(accounts) {
        let update_mask = Some(FieldMask { paths: SETTINGS.map(str::to_owned).to_vec() });
        let request = pb::PutAccountRequest { account: Some(account), update_mask };
        let answer = put(world, request).await?;
        if world.output.is_structured() {
            world.output.one_of_many(&json::of_message("PutAccountResponse", &answer)?)?;
        } else {
            put_accounts.extend(answer.account);
        }
        progress.advance(done, all);
    }
    drop(progress);
    if !world.output.is_structured() {
        show(world, &put_accounts)?;
    }
    Ok(Done::Fully)
}

/// Accounts as JSON one after another, each by itself or inside an answer.
fn parsed(text: &str) -> Result<Vec<SimulatorAccount>, String> {
    let documents = Deserializer::from_str(text).into_iter::<Value>();
    let account = |(number, document): (usize, Result<Value, serde_json::Error>)| {
        let document = document.map_err(|error| error.to_string())?;
        let account = document.get("account").unwrap_or(&document);
        json::to_message("SimulatorAccount", account)
            .map_err(|why| format!("account {number}: {why}"))
    };
    (1..).zip(documents).map(account).collect()
}

fn show(world: &World, accounts: &[SimulatorAccount]) -> Result<(), Failure> {
    let mut table = account_table();
    for account in accounts {
        add_account(&mut table, account);
    }
    world.output.table(&mut table)
}

fn account_table() -> Table {
    text::table(&["NUMBER", "HIDDEN ID", "NAME", "WHO ADDS IT", "CONTACTS", "BLOCKED", "SESSION"])
}

fn add_account(table: &mut Table, account: &SimulatorAccount) {
    let privacy = match account.add_privacy() {
        _ if account.not_on_whatsapp => "not on WhatsApp",
        AddPrivacy::Unspecified | AddPrivacy::Everyone => "everyone",
        AddPrivacy::Contacts => "contacts",
        AddPrivacy::Nobody => "nobody",
    };
    table.add_row([
        text::person_id(&account.phone_number_id),
        text::safe(&account.lid),
        text::safe(&account.push_name),
        privacy.to_owned(),
        account.contact_ids.len().to_string(),
        account.blocked_ids.len().to_string(),
        text::safe(&account.session),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_as_they_are_printed() {
        let text = "{\"phoneNumberId\":\"4915@c.us\",\"addPrivacy\":\"ADD_PRIVACY_NOBODY\"}\n\
                    {\"account\": {\"phoneNumberId\": \"4916@c.us\"}}";
        let accounts = parsed(text).expect("accounts");
        assert_eq!(accounts.len(), 2);
        assert_eq!(accounts[0].add_privacy(), AddPrivacy::Nobody);
        assert_eq!(accounts[1].phone_number_id, "4916@c.us");
        let slip = parsed("{\"phoneNumberId\":\"1@c.us\"} {\"phone\":\"2\"}").expect_err("a slip");
        assert!(slip.starts_with("account 2: ") && slip.contains("phone"), "{slip}");
        assert_eq!(parsed("").map(|accounts| accounts.len()), Ok(0));
    }

    #[test]
    fn an_account_is_a_row() {
        let mut table = account_table();
        add_account(
            &mut table,
            &SimulatorAccount {
                phone_number_id: "4915@c.us".into(),
                lid: "77@lid".into(),
                push_name: "Ann".into(),
                contact_ids: vec!["4916@c.us".into()],
                add_privacy: AddPrivacy::Contacts.into(),
                ..Default::default()
            },
        );
        assert_eq!(
            text::render(&mut table),
            "NUMBER  HIDDEN ID  NAME  WHO ADDS IT  CONTACTS  BLOCKED  SESSION\n\
             +4915   77@lid     Ann   contacts     1         0"
        );
    }
}

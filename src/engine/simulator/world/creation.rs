//! Making a group.

use std::collections::{BTreeMap, VecDeque};

use super::operation::Actor;
use super::texts::{check_description, check_subject};
use super::{Done, GroupCore, GroupUpdate, Member, Members, Refusal, World, WorldGroup};
use crate::domain::group::{
    AddressingMode, Description, GroupKind, GroupSettings, MAX_PARTICIPANTS, Subject,
};
use crate::domain::id::{GroupId, InviteCode, ParticipantId, PrivateInviteCode};
use crate::domain::participant::Role;

/// How a new group presents itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct GroupTexts<'a> {
    pub subject: &'a str,
    pub description: &'a str,
}

impl World {
    /// The maker becomes superadmin. A person who cannot be added gets a status with the reason; the group is made.
    pub(super) fn create(
        &mut self,
        actor: Actor,
        GroupTexts { subject, description }: GroupTexts<'_>,
        participants: &[ParticipantId],
        settings: GroupSettings,
        addressing_mode: AddressingMode,
    ) -> Result<Done, Refusal> {
        check_subject(subject)?;
        check_description(description)?;
        if participants.len() >= MAX_PARTICIPANTS {
            return Err(Refusal::TooManyParticipants);
        }
        let addressing_mode = match addressing_mode {
            AddressingMode::PhoneNumber => AddressingMode::PhoneNumber,
            AddressingMode::Lid | AddressingMode::Unknown => AddressingMode::Lid,
        };
        let id = self.new_group_id()?;
        let invite_code = self.new_invite_code()?;
        let mark = self.next_change(actor.now);
        let mut core = GroupCore {
            id: id.clone(),
            subject: Subject::default(),
            description: Description::default(),
            create_time: mark.time,
            owner: actor.phone,
            addressing_mode,
            settings,
            picture_id: None,
            members: Members::default(),
            suspended: false,
            kind: GroupKind::Ordinary,
            parent: None,
            renumbered: BTreeMap::new(),
        };
        let owner = Some(core.name_of(actor.phone));
        core.subject = Subject { text: subject.to_owned(), time: Some(mark.time), owner };
        if !description.is_empty() {
            let text_id = self.new_text_id();
            core.description = Description {
                text: description.to_owned(),
                id: text_id,
                time: Some(mark.time),
                owner,
            };
        }
        core.members.0.insert(actor.phone, Member { role: Role::Superadmin, since: mark.time });
        let mut group = WorldGroup {
            core,
            invite_code,
            departed: BTreeMap::new(),
            private_invites: BTreeMap::new(),
            requests: BTreeMap::new(),
            revoked: VecDeque::new(),
        };
        self.note_number(&mut group.core, actor.phone);
        let mut done = Done::of(&id);
        done.results = participants
            .iter()
            .map(|requested| self.try_to_add(&mut group, actor, *requested, mark.time))
            .collect();
        let core = group.core.clone();
        self.announce(&mut done, mark, &core, actor, |_| {
            GroupUpdate::Joined(Box::new(core.clone()))
        });
        self.index.invites.insert(group.invite_code.clone(), id.clone());
        self.groups.put(id, group);
        Ok(done)
    }

    fn new_group_id(&mut self) -> Result<GroupId, Refusal> {
        loop {
            let number = u64::from_le_bytes(self.draw()) % 1_000_000_000_000;
            let text = format!("120363{number:012}@g.us");
            // The text is well formed by construction; refusing is for the compiler's peace.
            let id: GroupId = text.parse().map_err(|_| Refusal::InviteInvalid)?;
            if self.groups.get(&id).is_none() {
                return Ok(id);
            }
        }
    }

    pub(super) fn new_invite_code(&mut self) -> Result<InviteCode, Refusal> {
        self.letters::<22>().parse().map_err(|_| Refusal::InviteInvalid)
    }

    pub(super) fn new_private_invite_code(&mut self) -> Result<PrivateInviteCode, Refusal> {
        self.letters::<16>().parse().map_err(|_| Refusal::InviteInvalid)
    }

    fn letters<const N: usize>(&mut self) -> String {
        const LETTERS: &[u8; 62] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let letter = |byte: &u8| char::from(LETTERS[usize::from(*byte) % 62]);
        self.draw::<N>().iter().map(letter).collect()
    }

    /// The id that a client gives to a text.
    pub(super) fn new_text_id(&mut self) -> String {
        format!("3EB0{}", hex::encode_upper(self.draw::<8>()))
    }
}

//! Subject, description and settings.

use super::operation::Actor;
use super::{Done, GroupUpdate, Refusal, World};
use crate::domain::group::{Description, MAX_DESCRIPTION_CHARS, MAX_SUBJECT_CHARS, Subject};
use crate::domain::id::GroupId;
use crate::domain::setting::Setting;

pub(super) fn check_subject(subject: &str) -> Result<(), Refusal> {
    let length = subject.chars().count();
    if subject.trim().is_empty() || length > MAX_SUBJECT_CHARS {
        Err(Refusal::SubjectLength)
    } else {
        Ok(())
    }
}

pub(super) fn check_description(description: &str) -> Result<(), Refusal> {
    if description.chars().count() > MAX_DESCRIPTION_CHARS {
        return Err(Refusal::DescriptionLength);
    }
    Ok(())
}

impl World {
    pub(super) fn set_subject(
        &mut self,
        actor: Actor,
        group_id: &GroupId,
        subject: &str,
    ) -> Result<Done, Refusal> {
        let (mut group, role) = self.group_for(actor, group_id)?;
        if group.core.settings.info_admin_only && !role.is_admin() {
            return Err(Refusal::NotAdmin("change the subject"));
        }
        check_subject(subject)?;
        let mut done = Done::of(group_id);
        if group.core.subject.text == subject {
            return Ok(done);
        }
        let mark = self.next_change(actor.now);
        group.core.subject = Subject {
            text: subject.to_owned(),
            time: Some(mark.time),
            owner: Some(group.core.name_of(actor.phone)),
        };
        let update = GroupUpdate::Subject(group.core.subject.clone());
        self.announce(&mut done, mark, &group.core, actor, |_| update.clone());
        self.groups.put(group_id.clone(), group);
        Ok(done)
    }

    /// An empty text removes the description.
    pub(super) fn set_description(
        &mut self,
        actor: Actor,
        group_id: &GroupId,
        description: &str,
        expected_id: Option<&str>,
    ) -> Result<Done, Refusal> {
        let (mut group, role) = self.group_for(actor, group_id)?;
        if group.core.settings.info_admin_only && !role.is_admin() {
            return Err(Refusal::NotAdmin("change the description"));
        }
        check_description(description)?;
        if expected_id.is_some_and(|id| id != group.core.description.id) {
            return Err(Refusal::DescriptionConflict {
                group_id: group_id.clone(),
                description_id: group.core.description.id.clone(),
            });
        }
        let mut done = Done::of(group_id);
        if group.core.description.text == description {
            return Ok(done);
        }
        let id = if description.is_empty() { String::new() } else { self.new_text_id() };
        let mark = self.next_change(actor.now);
        group.core.description = Description {
            text: description.to_owned(),
            id,
            time: Some(mark.time),
            owner: Some(group.core.name_of(actor.phone)),
        };
        let update = GroupUpdate::Description(group.core.description.clone());
        self.announce(&mut done, mark, &group.core, actor, |_| update.clone());
        self.groups.put(group_id.clone(), group);
        Ok(done)
    }

    pub(super) fn change_settings(
        &mut self,
        actor: Actor,
        group_id: &GroupId,
        settings: &[Setting],
    ) -> Result<Done, Refusal> {
        let (mut group, role) = self.group_for(actor, group_id)?;
        // The timer goes with the texts; everything else is for admins only.
        let only_timer = settings.iter().all(|s| matches!(s, Setting::DisappearingTimer(_)));
        if !role.is_admin() && (!only_timer || group.core.settings.info_admin_only) {
            return Err(Refusal::NotAdmin("change its settings"));
        }
        let mut done = Done::of(group_id);
        let mut changed = Vec::new();
        for setting in settings {
            let before = group.core.settings;
            setting.set_on(&mut group.core.settings);
            if group.core.settings != before {
                changed.push(*setting);
            }
        }
        if changed.is_empty() {
            return Ok(done);
        }
        let mark = self.next_change(actor.now);
        self.announce(&mut done, mark, &group.core, actor, |_| {
            GroupUpdate::Settings(changed.clone())
        });
        self.groups.put(group_id.clone(), group);
        Ok(done)
    }
}

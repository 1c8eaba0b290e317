//! Subject and description, and leaving: what needs no more than one call.

use http::Method;
use serde_json::{Value, json};

use crate::domain::error::Error;
use crate::domain::event::FieldValue;
use crate::domain::group::{Description, DescriptionText, Subject};
use crate::domain::id::GroupId;
use crate::domain::operation::{
    EngineAnswer, EngineError, LeaveGroup, OperationName, Result, SetGroupDescription,
    SetGroupSubject,
};
use crate::domain::reason::Reason;
use crate::domain::reducer::Change;
use crate::engine::waha::routed_session::{RoutedSession, Serve, unsupported};

impl RoutedSession {
    pub(super) async fn write_description(
        &self,
        group_id: &GroupId,
        description: &DescriptionText,
    ) -> Result<()> {
        let operation = OperationName::SetGroupDescription;
        if description.as_str().is_empty() && !self.info.clears_descriptions() {
            return Err(unsupported(operation, "clear a description in this version"));
        }
        let body = json!({ "description": description.as_str() });
        self.change(operation, Method::PUT, &[group_id.as_str(), "description"], body).await
    }

    async fn refuse_other_description(&self, group_id: &GroupId, expected: &str) -> Result<()> {
        let Some(seen) = self.fetch(group_id).await?.group else {
            let message = "the account is not in the group";
            return Err(EngineError::rejected(Error::new(Reason::NotGroupMember, message)));
        };
        let held = &seen.description.id;
        if held == expected {
            return Ok(());
        }
        let message = format!(
            "someone changed the description of group {group_id} meanwhile; read it and decide anew"
        );
        let error = Error::new(Reason::DescriptionConflict, message);
        let error = error.with("group_id", group_id).with("description_id", held);
        Err(EngineError::rejected(error))
    }
}

impl Serve<LeaveGroup> for RoutedSession {
    async fn serve(&self, command: &LeaveGroup) -> Result<EngineAnswer<()>> {
        let LeaveGroup { group_id } = command;
        let path = [group_id.as_str(), "leave"];
        self.send(OperationName::LeaveGroup, Method::POST, &path, Value::Null).await?;
        Ok(self.answer(group_id, (), Change::Left))
    }
}

impl Serve<SetGroupSubject> for RoutedSession {
    async fn serve(&self, command: &SetGroupSubject) -> Result<EngineAnswer<()>> {
        let SetGroupSubject { group_id, subject } = command;
        let operation = OperationName::SetGroupSubject;
        let body = json!({ "subject": subject.as_str() });
        self.change(operation, Method::PUT, &[group_id.as_str(), "subject"], body).await?;
        let value = FieldValue::Subject(Subject {
            text: subject.as_str().to_owned(),
            time: Some(self.now),
            owner: self.me.map(|me| me.id()),
        });
        Ok(self.answer(group_id, (), Change::Fields(vec![value])))
    }
}

/// WAHA takes no id of the description that is to be replaced, so that it is compared here.
impl Serve<SetGroupDescription> for RoutedSession {
    async fn serve(&self, command: &SetGroupDescription) -> Result<EngineAnswer<()>> {
        let SetGroupDescription { group_id, description, expected_id } = command;
        if let Some(expected) = expected_id {
            self.refuse_other_description(group_id, expected).await?;
        }
        self.write_description(group_id, description).await?;
        let value = FieldValue::Description(Description {
            text: description.as_str().to_owned(),
            // WhatsApp gives it one, which WAHA does not return.
            id: String::new(),
            time: Some(self.now),
            owner: self.me.map(|me| me.id()),
        });
        Ok(self.answer(group_id, (), Change::Fields(vec![value])))
    }
}
